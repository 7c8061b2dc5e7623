"""Stands in for the package that takes the noise out of speech."""


class AudioProcessor:
    """What Home Assistant imports; nobody speaks to the Home Assistant of the rig."""
