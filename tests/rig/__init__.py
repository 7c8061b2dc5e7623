"""The rig: a broker, a real Home Assistant and simulated devices."""
