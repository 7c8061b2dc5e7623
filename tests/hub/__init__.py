"""Tests of the hub, through MQTT messages and entity states."""
