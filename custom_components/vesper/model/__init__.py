"""Model a fleet of Vesper devices, without Home Assistant, input/output or a clock."""
