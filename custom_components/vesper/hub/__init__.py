"""Run the model in Home Assistant."""
