"""Constants of the Vesper integration."""

import logging
from typing import Final

DOMAIN: Final = "vesper"
LOGGER = logging.getLogger(__package__)

ATTR_VESPER_ID: Final = "vesper_id"

CONF_CLOSE_AFTER: Final = "close_after"
CONF_ENTITIES: Final = "entities"
CONF_HEARTBEAT_TIMEOUT: Final = "heartbeat_timeout"
CONF_HTTP_KEY: Final = "http_key"
CONF_MAX_DEVICES: Final = "max_devices"
CONF_PREFIX: Final = "prefix"

#: In seconds. Devices send a heartbeat every 30 s, which is therefore the minimum.
DEFAULT_HEARTBEAT_TIMEOUT: Final = 90
MIN_HEARTBEAT_TIMEOUT: Final = 30
MAX_HEARTBEAT_TIMEOUT: Final = 3600

#: In minutes; 0 is never. Devices check themselves every 5 minutes, so within a shorter
#: time an alert may be closed that is raised again.
DEFAULT_CLOSE_AFTER: Final = 10
MAX_CLOSE_AFTER: Final = 1440

#: Where devices post heartbeats, and a header for their key beside `Authorization`.
HEARTBEAT_URL: Final = "/api/vesper/heartbeat"
KEY_HEADER: Final = "X-Vesper-Key"

DEFAULT_MAX_DEVICES: Final = 500

#: An occurrence for the logbook: the fields of an `Occurrence` that are not None, with
#: the registry id of the device as `device_id` and its own id as `vesper_id`.
EVENT_OCCURRENCE: Final = f"{DOMAIN}_occurrence"
