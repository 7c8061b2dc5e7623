"""The rig: a broker, a real Home Assistant, simulated devices and a browser."""
