"""Name what a message, or silence, can change of a device."""

from enum import IntEnum

#: Several aspects at once, joined by `|`, and looked for by `&`.
type Changes = int


class Change(IntEnum):
    """The aspects of a device that a message, or its silence, can change.

    A bit each, and no `Flag`: what these do by themselves to join or look for two costs
    as much as to parse a short heartbeat, and every change does it a dozen times.
    """

    NOTHING = 0
    CONNECTIVITY = 1 << 0
    """Whether it is online, or whether that can be told."""
    REACHABILITY = 1 << 1
    """Whether it can be reached: there is a link, and it is not offline."""
    CAME_ONLINE = 1 << 2
    """It was offline and has spoken."""
    CONTACT = 1 << 3
    """It has spoken for the first time, or first since it was offline or the link lost.
    """
    ANSWER = 1 << 4
    """It has spoken, which was awaited, and was online before."""
    LAST_SEEN = 1 << 5
    ALERTS = 1 << 6
    """The active set, or what one of its alerts says."""
    SEVERITY = 1 << 7
    """The worst of the active set."""
    PROBLEM = 1 << 8
    """Whether there is any active alert."""
    ALERT_CLOSED = 1 << 9
    """Alerts were closed without a word of the device: those of `just_closed`."""
    SUBSYSTEMS = 1 << 10
    """A subsystem raised an alert for the first time: the last of `subsystems`."""
    PLAYING = 1 << 11
    MELODY = 1 << 12
    ACTIVITY = 1 << 13
    FIRMWARE = 1 << 14
    RESTART = 1 << 15
    RESET_REASON = 1 << 16
    BOOT_TIME = 1 << 17
    DISCONNECT = 1 << 18
    HEAP_FREE = 1 << 19
    HEAP_MIN_FREE = 1 << 20
    WIFI_SIGNAL = 1 << 21
    DEVICE_LOG = 1 << 22
    MAINTENANCE = 1 << 23
    """Whether somebody works on it, or until when."""
