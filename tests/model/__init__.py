"""Tests of the model, without Home Assistant."""
