"""Tests of the protocol, without Home Assistant."""
