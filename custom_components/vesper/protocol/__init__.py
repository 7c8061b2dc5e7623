"""Turn what devices send into messages, without Home Assistant."""
