# Home Assistant puts probatio in voluptuous's place, and its annotations say so.
from probatio import *  # noqa: F403
