"""Replaces the package that detects speech in sound."""


class MicroVad:
    """What Home Assistant imports; the rig does not use it."""
