"""Model a fleet of Vesper devices.

It does not depend on Home Assistant, does no input or output and reads no clock.
"""
