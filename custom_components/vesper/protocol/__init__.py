"""Turn what devices send into messages; nothing of Home Assistant is imported."""
