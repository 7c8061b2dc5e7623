"""Name the codes that devices report.

There is one table for each kind of code. A code that is not in its table is shown as a
number; no code raises an error.
"""

from enum import IntEnum

#: Unix seconds fit in 32 bits on every device, and any time zone can show them.
MAX_TIME = 2**32 - 1

#: The valid signal strengths in dBm, and their values as unsigned 16-bit numbers.
_DBM = range(-128, 1)
_UNSIGNED_DBM = range(2**16 - 128, 2**16)


class ResetReason(IntEnum):
    """Why the device booted (`esp_reset_reason_t` in ESP-IDF's `esp_system.h`)."""

    UNDETERMINED = 0
    POWER_ON = 1
    EXTERNAL_PIN = 2
    SOFTWARE = 3
    PANIC = 4
    INTERRUPT_WATCHDOG = 5
    TASK_WATCHDOG = 6
    OTHER_WATCHDOG = 7
    DEEP_SLEEP = 8
    BROWN_OUT = 9
    SDIO = 10
    USB = 11
    JTAG = 12
    EFUSE_ERROR = 13
    POWER_GLITCH = 14
    CPU_LOCKUP = 15


class WifiReason(IntEnum):
    """Why the Wi-Fi was lost (`wifi_err_reason_t` in `esp_wifi_types_generic.h`).

    The names are those of ESP-IDF, without deprecated ones. Only names that begin with
    a digit (15, 23) or are misspelt (31, 68) differ. Numbers up to 68 are those of IEEE
    802.11, and numbers from 200 on are ESP-IDF's own.
    """

    UNSPECIFIED = 1
    AUTH_EXPIRE = 2
    AUTH_LEAVE = 3
    DISASSOC_DUE_TO_INACTIVITY = 4
    ASSOC_TOOMANY = 5
    CLASS2_FRAME_FROM_NONAUTH_STA = 6
    CLASS3_FRAME_FROM_NONASSOC_STA = 7
    ASSOC_LEAVE = 8
    ASSOC_NOT_AUTHED = 9
    DISASSOC_PWRCAP_BAD = 10
    DISASSOC_SUPCHAN_BAD = 11
    BSS_TRANSITION_DISASSOC = 12
    IE_INVALID = 13
    MIC_FAILURE = 14
    FOUR_WAY_HANDSHAKE_TIMEOUT = 15
    GROUP_KEY_UPDATE_TIMEOUT = 16
    IE_IN_4WAY_DIFFERS = 17
    GROUP_CIPHER_INVALID = 18
    PAIRWISE_CIPHER_INVALID = 19
    AKMP_INVALID = 20
    UNSUPP_RSN_IE_VERSION = 21
    INVALID_RSN_IE_CAP = 22
    IEEE_802_1X_AUTH_FAILED = 23
    CIPHER_SUITE_REJECTED = 24
    TDLS_PEER_UNREACHABLE = 25
    TDLS_UNSPECIFIED = 26
    SSP_REQUESTED_DISASSOC = 27
    NO_SSP_ROAMING_AGREEMENT = 28
    BAD_CIPHER_OR_AKM = 29
    NOT_AUTHORIZED_THIS_LOCATION = 30
    SERVICE_CHANGE_PRECLUDES_TS = 31
    UNSPECIFIED_QOS = 32
    NOT_ENOUGH_BANDWIDTH = 33
    MISSING_ACKS = 34
    EXCEEDED_TXOP = 35
    STA_LEAVING = 36
    END_BA = 37
    UNKNOWN_BA = 38
    TIMEOUT = 39
    PEER_INITIATED = 46
    AP_INITIATED = 47
    INVALID_FT_ACTION_FRAME_COUNT = 48
    INVALID_PMKID = 49
    INVALID_MDE = 50
    INVALID_FTE = 51
    TRANSMISSION_LINK_ESTABLISH_FAILED = 67
    ALTERNATIVE_CHANNEL_OCCUPIED = 68
    BEACON_TIMEOUT = 200
    NO_AP_FOUND = 201
    AUTH_FAIL = 202
    ASSOC_FAIL = 203
    HANDSHAKE_TIMEOUT = 204
    CONNECTION_FAIL = 205
    AP_TSF_RESET = 206
    ROAMING = 207
    ASSOC_COMEBACK_TIME_TOO_LONG = 208
    SA_QUERY_TIMEOUT = 209
    NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210
    NO_AP_FOUND_IN_AUTHMODE_THRESHOLD = 211
    NO_AP_FOUND_IN_RSSI_THRESHOLD = 212
    SILENT_DEATH = 255
    """The firmware's own code for a connection lost without notice."""


class RebootReason(IntEnum):
    """Why the firmware restarted itself (docs/protocol.md, "Recent events")."""

    HEARTBEAT_MISS = 1
    FACTORY_RESET = 2
    OTA = 3
    WIFI_REPROV = 4


class EventTag(IntEnum):
    """What an entry is about (docs/protocol.md, "Recent events")."""

    BOOT = 1
    WIFI_UP = 2
    WIFI_DOWN = 3
    HTTP_OK = 4
    HTTP_FAIL = 5
    HEARTBEAT_MISS = 6
    NTP_SYNC = 7
    REBOOT = 8


#: The event types; the last one is that of tags without a name.
EVENT_KEYS = [*(tag.name.lower() for tag in EventTag), "unknown"]


def keys_of(table: type[IntEnum]) -> list[str]:
    """Return all states that `key_of` can return."""
    return [*(code.name.lower() for code in table), "other"]


def key_of(table: type[IntEnum], code: int) -> str:
    """Return the state of a code, or `other`."""
    return table(code).name.lower() if code in table else "other"


def label_of(table: type[IntEnum], code: int) -> str:
    """Return the name of a code for the API."""
    return table(code).name if code in table else f"unknown ({code})"


def rssi_dbm(value: int) -> int | None:
    """Return the signal strength in dBm.

    The value is an unsigned 16-bit number; a negative one is used as it is. Return None
    if the result is not from -128 to 0: the radio reports 8 bits, and values above 0,
    which ESP-IDF may return right beside an access point, are not usable.
    """
    dbm = value - 2**16 if value in _UNSIGNED_DBM else value
    return dbm if dbm in _DBM else None
