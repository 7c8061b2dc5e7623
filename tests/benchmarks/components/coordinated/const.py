"""Constants."""

import logging

DOMAIN = "coordinated"
LOGGER = logging.getLogger(__package__)

#: In seconds of silence after which a device is offline.
TIMEOUT = 90
