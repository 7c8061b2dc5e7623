"""Run the model in Home Assistant: MQTT, timers, registries and the store."""
