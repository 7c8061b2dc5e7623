"""The limits of the code are the documented ones."""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.vesper import http
from custom_components.vesper.hub import (
    broker_link,
    health_checks,
    maintenance,
    prefix_check,
    refusals,
    retained,
    store,
)
from custom_components.vesper.model import (
    alerts,
    fault_streak,
    heap_trend,
    message_log,
    post_limit,
    restarts,
    rhythm,
    telemetry,
)
from custom_components.vesper.protocol import (
    alert,
    codes,
    fields,
    heartbeat,
    info,
    recent_events,
    topics,
)
from tests.pages import PAGES

LIVENESS = "docs/liveness.md"
PROTOCOL = "docs/protocol.md"
TROUBLES = "docs/troubleshooting.md"

#: The limit, its value, and how a page names it.
LIMITS: list[tuple[Any, str, Any, str, str]] = [
    (alert, "MAX_ALERT_BYTES", 16_384, PROTOCOL, "16 KiB"),
    (alerts, "AFTER_BOOT", 3, LIVENESS, "3 seconds"),
    (alerts, "BEFORE_BOOT", 2, LIVENESS, "2 seconds"),
    (alerts, "EITHER_BOOT_FACTOR", 3, LIVENESS, "30 minutes"),
    (alerts, "MAX_ACTIVE", 64, PROTOCOL, "64 subsystems"),
    (alerts, "MAX_NOTE_LENGTH", 255, "docs/automations.md", "255 characters"),
    (alerts, "MAX_POSTPONEMENT", 86_400, LIVENESS, "a day"),
    (alerts, "MAX_SUBSYSTEMS", 32, PROTOCOL, "32 subsystems"),
    (broker_link, "RESPONSE_TIMEOUT", 2, LIVENESS, "2 seconds"),
    (codes, "MAX_TIME", 4_294_967_295, PROTOCOL, "unix time"),
    (fault_streak, "LASTING_SECONDS", 600, TROUBLES, "10 minutes"),
    (fields, "MAX_NAME_LENGTH", 64, PROTOCOL, "64 printable characters"),
    (fields, "MAX_TEXT_LENGTH", 1024, PROTOCOL, "1,024 characters"),
    (health_checks, "INTERVAL", 1 / 20, PROTOCOL, "20 devices a second"),
    (heap_trend, "HORIZON", 86_400, TROUBLES, "24 hours"),
    (heap_trend, "MIN_WINDOW", 1800, TROUBLES, "half an hour"),
    (heartbeat, "MAX_CODE", 65_535, PROTOCOL, "65,535"),
    (heartbeat, "MAX_HEAP", 4_294_967_295, PROTOCOL, "0 to 2³²"),
    (heartbeat, "MAX_HEARTBEAT_BYTES", 16_384, PROTOCOL, "16 KiB"),
    (heartbeat, "MAX_UPTIME", 4_294_967_295, PROTOCOL, "0 to 2³²"),
    (http, "BODY_TIMEOUT", 10, "docs/http-api.md", "10 seconds"),
    (info, "MAX_INFO_BYTES", 4096, PROTOCOL, "4 KiB"),
    (info, "MAX_INFO_DEPTH", 8, PROTOCOL, "8 levels"),
    (
        maintenance,
        "MAX_MAINTENANCE",
        timedelta(days=30),
        "docs/automations.md",
        "30 days",
    ),
    (message_log, "MAX_KEPT_BYTES", 2048, TROUBLES, "2 KiB"),
    (message_log, "MAX_MESSAGES", 10, TROUBLES, "10 messages"),
    (post_limit, "MAX_POSTS", 10, "docs/http-api.md", "10 posts"),
    (post_limit, "POST_WINDOW", 60, "docs/http-api.md", "in a minute"),
    (prefix_check, "CHECK_INTERVAL", timedelta(minutes=10), TROUBLES, "10 minutes"),
    (recent_events, "MAX_EVENTS", 64, PROTOCOL, "64"),
    (recent_events, "MAX_EVENT_DATA", 4_294_967_295, PROTOCOL, "2³²"),
    (refusals, "REFUSAL_TIME", 2, LIVENESS, "2 seconds"),
    (restarts, "COUNTER_SECONDS", 4_294_967.296, LIVENESS, "4,294,967.296 seconds"),
    (restarts, "LOOP_RESTARTS", 4, TROUBLES, "4 restarts"),
    (restarts, "LOOP_SECONDS", 3600, TROUBLES, "an hour"),
    (restarts, "REPLAY_SECONDS", 2, LIVENESS, "2 seconds"),
    (restarts, "SHARED_RETURNS", 2, TROUBLES, "twice"),
    (restarts, "SHARED_SECONDS", 600, TROUBLES, "10 minutes"),
    (restarts, "UPTIME_JITTER", 5, LIVENESS, "5 seconds"),
    (retained, "TIMEOUT", 5, PROTOCOL, "5 seconds"),
    (refusals, "MAX_REFUSALS", 2, LIVENESS, "twice"),
    (refusals, "REFUSAL_WINDOW", 3600, LIVENESS, "an hour"),
    (rhythm, "GAPS_PER_TIMEOUT", 3, LIVENESS, "three times"),
    (rhythm, "KEPT_GAPS", 8, LIVENESS, "eight gaps"),
    (rhythm, "MAX_GAP", 3600, LIVENESS, "an hour"),
    (rhythm, "MIN_GAPS", 4, LIVENESS, "four gaps"),
    (rhythm, "MAX_TIMEOUT", 3600, "README.md", "30 to 3,600"),
    (store, "SAVE_INTERVAL", timedelta(minutes=15), "docs/behavior.md", "15 minutes"),
    (telemetry, "BOOT_TIME_JITTER", 60, LIVENESS, "60 seconds"),
    (telemetry, "HEAP_INTERVAL", 60, "README.md", "once a minute"),
    (telemetry, "LOW_HEAP", 16_384, "README.md", "16 KiB"),
    (topics, "MAX_PREFIX_LENGTH", 255, PROTOCOL, "255 characters"),
]


@pytest.mark.parametrize(
    ("module", "name", "value", "page", "words"),
    [pytest.param(*limit, id=limit[1]) for limit in LIMITS],
)
def test_documented_limits(
    module: Any, name: str, value: object, page: str, words: str
) -> None:
    """A limit has the value that its page names."""
    assert getattr(module, name) == value
    assert " ".join(words.split()) in " ".join(PAGES[page].split())
