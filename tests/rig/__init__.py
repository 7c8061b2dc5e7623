"""The rig: broker, Home Assistant and simulated devices."""
