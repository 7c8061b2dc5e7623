"""The mutation run of scripts/mutate, with Cosmic Ray."""
