"""Blueprints, run as automations."""
