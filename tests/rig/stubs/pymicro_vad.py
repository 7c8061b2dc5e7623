"""Stands in for the package that finds speech in sound."""


class MicroVad:
    """What Home Assistant imports; nobody speaks to the Home Assistant of the rig."""
