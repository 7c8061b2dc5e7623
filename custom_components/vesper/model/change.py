"""Name what can change about a device."""

from enum import IntFlag


class Change(IntFlag):
    """The aspects of a device that can change."""

    NOTHING = 0
    CONNECTIVITY = 1 << 0
    """Whether it is online, or whether that is known."""
    REACHABILITY = 1 << 1
    """Whether it can be reached: the link is up and it is not offline."""
    CAME_ONLINE = 1 << 2
    """It was offline, also before a restart, and has sent a live message."""
    CONTACT = 1 << 3
    """The first live message: ever, since it was offline, or since the link was down.
    """
    RESPONSE = 1 << 4
    """The message that `Device.expect_response` asked for."""
    LAST_SEEN = 1 << 5
    ALERTS = 1 << 6
    """The active alerts, or what one of them says."""
    SEVERITY = 1 << 7
    """The worst severity of the active alerts."""
    PROBLEM = 1 << 8
    """Whether it has an alert, or is offline outside maintenance."""
    ALERT_CLOSED = 1 << 9
    """The alerts in `last_closed` were closed, and not cleared by the device."""
    SUBSYSTEMS = 1 << 10
    """The last subsystem in `subsystems` needs a sensor."""
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
    EVENT_LOG = 1 << 22
    """There are new entries in the device's event log."""
    MAINTENANCE = 1 << 23
    """Whether it is in maintenance, or until when."""
    ALERT_LOST = 1 << 24
    """Whether its last alert could not be read, or why."""
    HEALTH_CHECK_DUE = 1 << 25
    """Alerts were lost that a health check may raise again."""
    STALE = 1 << 26
    """The heartbeat was late or replayed: nothing has changed."""
    DISABLED = 1 << 27
    """Whether a user has disabled it."""
    AVAILABILITY = 1 << 28
    """How available it was, which changes with time alone."""
    UNSTABLE = 1 << 29
    """What about it is unstable."""
    OFFLINE_ACKNOWLEDGED = 1 << 30
    """Whether a user knows that it is offline."""
