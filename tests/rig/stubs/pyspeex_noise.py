"""Replaces the package that removes noise from speech."""


class AudioProcessor:
    """What Home Assistant imports, unused by the rig."""
