"""Name what a message, or silence, can change of a device."""

from enum import Flag, auto


class Change(Flag):
    """The aspects of a device that a message, or its silence, can change."""

    NOTHING = 0
    CONNECTIVITY = auto()
    """Whether it is online, or whether that can be told."""
    REACHABILITY = auto()
    """Whether it can be reached: there is a link, and it is not offline."""
    CAME_ONLINE = auto()
    """It was offline and has spoken."""
    CONTACT = auto()
    """It has spoken for the first time, or first since it was offline or the link lost.
    """
    ANSWER = auto()
    """It has spoken, which was awaited, and was online before."""
    LAST_SEEN = auto()
    ALERTS = auto()
    """The active set, or what one of its alerts says."""
    SEVERITY = auto()
    """The worst of the active set."""
    PROBLEM = auto()
    """Whether there is any active alert."""
    ALERT_CLOSED = auto()
    """Alerts were closed without a word of the device: those of `just_closed`."""
    SUBSYSTEMS = auto()
    """A subsystem raised an alert for the first time: the last of `subsystems`."""
    PLAYING = auto()
    MELODY = auto()
    ACTIVITY = auto()
    FIRMWARE = auto()
    RESTART = auto()
    RESET_REASON = auto()
    BOOT_TIME = auto()
    DISCONNECT = auto()
    HEAP_FREE = auto()
    HEAP_MIN_FREE = auto()
    WIFI_SIGNAL = auto()
    DEVICE_LOG = auto()
    MAINTENANCE = auto()
    """Whether somebody works on it, or until when."""
