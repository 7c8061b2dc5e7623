"""Replaces the package that detects speech in sound."""


class MicroVad:
    """What Home Assistant imports, unused by the rig."""
