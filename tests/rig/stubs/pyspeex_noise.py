"""Replaces the package that removes noise from speech."""


class AudioProcessor:
    """What Home Assistant imports; the rig does not use it."""
