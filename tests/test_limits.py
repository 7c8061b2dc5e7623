"""The limits of the code are the documented ones."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from custom_components.vesper import http, llm, todo
from custom_components.vesper.hub import (
    admission,
    api_key,
    assist,
    assist_answers,
    broker_link,
    change_handler,
    chunks,
    downtime,
    entity_set,
    health_checks,
    issues,
    maintenance,
    occurrences,
    offline_monitor,
    outage_monitor,
    prefix_check,
    redact,
    refusals,
    retained,
    silent_devices,
    stability_monitor,
    statistics,
    store,
    subscriptions,
)
from custom_components.vesper.model import (
    alerts,
    availability,
    buckets,
    device,
    fault_streak,
    heap_trend,
    lost_alerts,
    message_log,
    outages,
    post_limit,
    problems,
    restarts,
    rhythm,
    stability,
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
from tests.pages import PAGES, ROOT

ASSIST = "docs/assist.md"
AVAILABILITY = "docs/availability.md"
BEHAVIOR = "docs/behavior.md"
LIMITS_PAGE = "docs/limits.md"
LIVENESS = "docs/liveness.md"
PROTOCOL = "docs/protocol.md"
REPAIRS = "docs/repairs.md"
TROUBLES = "docs/troubleshooting.md"

#: The limit, its value, and how a page names it.
LIMITS: list[tuple[Any, str, Any, str, str]] = [
    (alert, "MAX_ALERT_BYTES", 16_384, PROTOCOL, "16 KiB"),
    (alerts, "AFTER_BOOT", 3, LIVENESS, "3 seconds"),
    (alerts, "BEFORE_BOOT", 2, LIVENESS, "2 seconds"),
    (alerts, "EITHER_BOOT_FACTOR", 3, LIVENESS, "30 minutes"),
    (alerts, "MAX_ACTIVE", 64, PROTOCOL, "64 subsystems"),
    (alerts, "MAX_NOTE_LENGTH", 255, "docs/actions.md", "255 characters"),
    (alerts, "MAX_POSTPONEMENT", 86_400, LIVENESS, "a day"),
    (alerts, "MAX_SUBSYSTEMS", 32, PROTOCOL, "32 subsystems"),
    (assist, "MAX_CANDIDATES", 5, ASSIST, "up to five candidates"),
    (assist_answers, "MAX_ALERTS", 3, ASSIST, "three worst alerts"),
    (assist_answers, "MAX_BYTES", 4000, ASSIST, "less than 4 kB"),
    (availability, "MAX_KEPT", 20, AVAILABILITY, "last 20 outages and the last 20"),
    (availability, "MIN_OBSERVED", 3600, AVAILABILITY, "not observed for an hour"),
    (
        availability,
        "WINDOWS",
        {"day": 86_400, "week": 604_800, "month": 2_592_000},
        AVAILABILITY,
        "24 hours, 7 days or 30 days",
    ),
    (broker_link, "RESPONSE_TIMEOUT", 2, LIVENESS, "2 seconds"),
    (broker_link, "RETRY_INTERVAL", 60, LIVENESS, "a minute after each question"),
    (buckets.DayBuckets, "length", 86_400, AVAILABILITY, "each day"),
    (buckets.DayBuckets, "limit", 35, AVAILABILITY, "five weeks"),
    (buckets.HourBuckets, "length", 3600, AVAILABILITY, "each hour"),
    (buckets.HourBuckets, "limit", 48, AVAILABILITY, "two days"),
    (codes, "MAX_TIME", 4_294_967_295, PROTOCOL, "unix time"),
    (device, "LAST_SEEN_INTERVAL", 60, BEHAVIOR, "throttled to one update a minute"),
    (
        entity_set,
        "_MAX_DEVICES",
        {entity_set.EntitySet.ALL: 1000, entity_set.EntitySet.ESSENTIAL: 3000},
        "README.md",
        "1 to 1,000; up to 3,000 with the essential entities",
    ),
    (admission, "LIMIT_ROOM", 10, REPAIRS, "a tenth more"),
    (admission, "LIMIT_STEP", 50, REPAIRS, "a multiple of 50"),
    (fault_streak, "LASTING_SECONDS", 600, REPAIRS, "10 minutes"),
    (fields, "MAX_NAME_LENGTH", 64, PROTOCOL, "64 printable characters"),
    (fields, "MAX_TEXT_LENGTH", 1024, PROTOCOL, "1,024 characters"),
    (downtime, "MAKE_UP_WITHIN", 300, "docs/automations.md", "within five minutes"),
    (health_checks, "INTERVAL", 1 / 20, PROTOCOL, "20 devices a second"),
    (heap_trend, "HORIZON", 86_400, REPAIRS, "24 hours"),
    (heap_trend, "MIN_WINDOW", 1800, REPAIRS, "half an hour"),
    (heartbeat, "MAX_CODE", 65_535, PROTOCOL, "65,535"),
    (heartbeat, "MAX_HEAP", 4_294_967_295, PROTOCOL, "0 to 2³²"),
    (heartbeat, "MAX_HEARTBEAT_BYTES", 16_384, PROTOCOL, "16 KiB"),
    (heartbeat, "MAX_UPTIME", 4_294_967_295, PROTOCOL, "0 to 2³²"),
    (http, "BODY_TIMEOUT", 10, "docs/http-api.md", "10 seconds"),
    (info, "MAX_INFO_BYTES", 4096, PROTOCOL, "4 KiB"),
    (info, "MAX_INFO_DEPTH", 8, PROTOCOL, "8 levels"),
    (llm, "MAX_LISTED", 3, ASSIST, "last three outages and restarts"),
    (lost_alerts, "REQUEST_INTERVAL", 60, PROTOCOL, "at most once a minute"),
    (
        maintenance,
        "DEFAULT_MAINTENANCE",
        timedelta(hours=1),
        "docs/maintenance.md",
        "For an hour:",
    ),
    (
        maintenance,
        "MAX_MAINTENANCE",
        timedelta(days=30),
        "docs/actions.md",
        "30 days",
    ),
    (message_log, "MAX_KEPT_BYTES", 2048, TROUBLES, "2 KiB"),
    (message_log, "MAX_MESSAGES", 10, TROUBLES, "10 messages"),
    (outages, "MAINTENANCE_DELAY", 1, BEHAVIOR, "within a second of each other"),
    (outages, "MIN_LOST", 3, BEHAVIOR, "at least three"),
    (post_limit, "MAX_POSTS", 10, "docs/http-api.md", "10 posts"),
    (post_limit, "POST_WINDOW", 60, "docs/http-api.md", "in a minute"),
    (prefix_check, "CHECK_INTERVAL", timedelta(minutes=10), REPAIRS, "10 minutes"),
    (problems, "MAX_LISTED", 300, "docs/problems.md", "300 items"),
    (recent_events, "_CLOCK_SET", 1_577_836_800, PROTOCOL, "before 2020"),
    (recent_events, "MAX_EVENTS", 64, PROTOCOL, "64"),
    (recent_events, "MAX_EVENT_DATA", 4_294_967_295, PROTOCOL, "2³²"),
    (refusals, "REFUSAL_TIME", 2, LIVENESS, "2 seconds"),
    (restarts, "COUNTER_SECONDS", 4_294_967.296, LIVENESS, "4,294,967.296 seconds"),
    (restarts, "KEPT_RESTARTS", 20, REPAIRS, "last 20"),
    (restarts, "LOOP_RESTARTS", 4, REPAIRS, "4 restarts"),
    (restarts, "LOOP_SECONDS", 3600, REPAIRS, "an hour"),
    (restarts, "REPLAY_SECONDS", 2, LIVENESS, "2 seconds"),
    (restarts, "SHARED_RETURNS", 2, REPAIRS, "twice"),
    (restarts, "SHARED_SECONDS", 600, REPAIRS, "10 minutes"),
    (restarts, "UPTIME_JITTER", 5, LIVENESS, "5 seconds"),
    (retained, "TIMEOUT", 5, PROTOCOL, "5 seconds"),
    (refusals, "MAX_REFUSALS", 2, LIVENESS, "twice"),
    (refusals, "REFUSAL_WINDOW", 3600, LIVENESS, "an hour"),
    (rhythm, "GAPS_PER_TIMEOUT", 3, LIVENESS, "three times"),
    (rhythm, "KEPT_GAPS", 8, LIVENESS, "eight gaps"),
    (rhythm, "MAX_GAP", 3600, LIVENESS, "an hour"),
    (rhythm, "MIN_GAPS", 4, LIVENESS, "four gaps"),
    (rhythm, "MAX_TIMEOUT", 3600, "README.md", "30 to 3,600"),
    (silent_devices, "MAX_ISSUES", 10, REPAIRS, "at most 10 such issues"),
    (silent_devices, "SILENT_SECONDS", 30 * 86_400, REPAIRS, "offline for 30 days"),
    (stability, "MIN_CHANGES", 6, AVAILABILITY, "6 times within an hour"),
    (buckets, "MAX_CLOCK_BEHIND", 600, AVAILABILITY, "within ten"),
    (stability, "MIN_LENGTH", 2, AVAILABILITY, "less than two seconds"),
    (stability, "POSTPONEMENT", 60, AVAILABILITY, "within a minute after"),
    (stability, "QUIET", 3600, AVAILABILITY, "for an hour"),
    (store, "SAVE_DELAY", 0.5, BEHAVIOR, "within a second"),
    (store, "SAVE_INTERVAL", timedelta(minutes=15), BEHAVIOR, "15 minutes"),
    (subscriptions, "MAX_HANG_UPS", 2, LIVENESS, "instead of a response, twice"),
    (subscriptions, "MAX_SHORT_CONNECTIONS", 2, LIVENESS, "two connections in a row"),
    (subscriptions, "SEARCH_INTERVAL", 3600, LIVENESS, "for the next hour"),
    (subscriptions, "SHORT_CONNECTION", 15, LIVENESS, "within 15 seconds"),
    (telemetry, "BOOT_TIME_JITTER", 60, LIVENESS, "60 seconds"),
    (telemetry, "HEAP_INTERVAL", 60, "README.md", "once a minute"),
    (telemetry, "LOW_HEAP", 16_384, "README.md", "16 KiB"),
    (todo, "UPDATE_INTERVAL", 1, "docs/problems.md", "once a second"),
    (todo, "UPDATE_INTERVAL", 1, "docs/problems.md", "once a second"),
    (topics, "MAX_PREFIX_LENGTH", 255, PROTOCOL, "255 characters"),
    # The page of all limits.
    (alert, "MAX_ALERT_BYTES", 16_384, LIMITS_PAGE, "alert | 16 KiB each"),
    (alerts, "MAX_ACTIVE", 64, LIMITS_PAGE, "subsystems of a device | 64;"),
    (alerts, "MAX_NOTE_LENGTH", 255, LIMITS_PAGE, "#acknowledge-alert) | 255"),
    (alerts, "MAX_SUBSYSTEMS", 32, LIMITS_PAGE, "sensors of a device | 32;"),
    (availability, "MAX_KEPT", 20, LIMITS_PAGE, "the last 20 of each"),
    (broker_link, "RESPONSE_TIMEOUT", 2, LIMITS_PAGE, "the broker | 2 seconds"),
    (fields, "MAX_NAME_LENGTH", 64, LIMITS_PAGE, "a subsystem | 64 characters"),
    (fields, "MAX_TEXT_LENGTH", 1024, LIMITS_PAGE, "an alert | 1,024 characters"),
    (health_checks, "INTERVAL", 1 / 20, LIMITS_PAGE, "20 devices a second"),
    (heartbeat, "MAX_HEARTBEAT_BYTES", 16_384, LIMITS_PAGE, "heartbeat, alert | 16"),
    (info, "MAX_INFO_BYTES", 4096, LIMITS_PAGE, "info message | 4 KiB, 8 levels"),
    (message_log, "MAX_KEPT_BYTES", 2048, LIMITS_PAGE, "up to 2 KiB of each"),
    (message_log, "MAX_MESSAGES", 10, LIMITS_PAGE, "diagnostics | the last 10"),
    (outages, "MIN_LOST", 3, LIMITS_PAGE, "at least three"),
    (post_limit, "MAX_POSTS", 10, LIMITS_PAGE, "10 posts in a minute"),
    (problems, "MAX_LISTED", 300, LIMITS_PAGE, "problems.md#updates) | 300"),
    (recent_events, "MAX_EVENTS", 64, LIMITS_PAGE, "a heartbeat | the last 64"),
    (restarts, "LOOP_RESTARTS", 4, LIMITS_PAGE, "or 4 restarts"),
    (rhythm, "MAX_TIMEOUT", 3600, LIMITS_PAGE, "an hour at most"),
    (silent_devices, "MAX_ISSUES", 10, LIMITS_PAGE, "at most 10 such issues"),
    (stability, "MIN_CHANGES", 6, LIMITS_PAGE, "6 changes of one thing"),
    (topics, "MAX_PREFIX_LENGTH", 255, LIMITS_PAGE, "topic prefix | 255"),
]

#: The limits that no page names, and their values. Another one would take more memory
#: or time, or show something later or less often, without any other failing test.
UNNAMED_LIMITS: list[tuple[Any, str, Any]] = [
    (admission, "MAX_REJECTED", 1000),
    (admission, "REJECTED_TIMEOUT", 180),
    (admission, "RESERVED_FOR_ALERTS", 500),
    (admission, "REVIEW_INTERVAL", timedelta(seconds=2)),
    (api_key, "_KEY_BYTES", 32),
    (assist, "MAX_SHOWN", 64),
    (assist_answers, "MAX_TEXT_BYTES", 120),
    # The numbers of rows are in stored files, as the highest number is.
    (availability, "_MAX", 4_294_967_295),
    (availability, "_NO_CODE", 4_294_967_295),
    (availability, "_OUTAGE", 4),
    (availability, "_RESTART", 2),
    (buckets, "MAX_PERIOD", 1_193_046),
    (buckets, "MAX_SECONDS", 2**31),
    (buckets, "_ROW", 3),
    (buckets.DayBuckets, "stored", 31),
    (buckets.HourBuckets, "stored", 25),
    (stability_monitor, "MIN_INTERVAL", 0.5),
    (change_handler, "RESTART_LOG_INTERVAL", 600),
    (chunks, "CHUNK", 0.005),
    (codes, "_DBM", range(-128, 1)),
    (codes, "_UNSIGNED_DBM", range(65_408, 65_536)),
    (fault_streak, "LASTING_COUNT", 3),
    (heap_trend, "MAX_POINTS", 16),
    (heap_trend, "MAX_WINDOW", 172_800),
    (heap_trend, "MIN_PART", 20),
    (issues, "CHECK_INTERVAL", timedelta(minutes=1)),
    (occurrences, "MAX_HELD", 10_000),
    (offline_monitor, "MIN_INTERVAL", 0.5),
    (outage_monitor, "MAX_NAMES", 50),
    (post_limit, "MAX_ADDRESSES", 256),
    (redact, "MAX_DEPTH", 8),
    (restarts, "_BOOTS", 3),
    (rhythm, "MIN_GAP", 1),
    (statistics, "MINUTE", timedelta(minutes=1)),
    # A file of another version is not read.
    (store, "MINOR_VERSION", 1),
    (store, "VERSION", 1),
]

LAYERS = ("protocol", "model", "hub")


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


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [pytest.param(*limit, id=limit[1]) for limit in UNNAMED_LIMITS],
)
def test_other_limits(module: Any, name: str, value: object) -> None:
    """A limit changes only on purpose."""
    assert getattr(module, name) == value


def _is_number(value: object) -> bool:
    """Return whether a value is made of numbers."""
    if isinstance(value, dict):
        return all(_is_number(one) for one in value.values())
    return isinstance(value, int | float | range | timedelta) and not isinstance(
        value, bool | Enum
    )


def _constants(path: Path) -> Iterator[str]:
    """Yield the constants that a module defines."""
    for statement in ast.parse(path.read_text()).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ) if name.isupper():
                yield name


def test_each_number_is_listed() -> None:
    """A new constant needs a row in a list."""
    listed = {(limit[0].__name__, limit[1]) for limit in LIMITS}
    listed |= {(module.__name__, name) for module, name, _ in UNNAMED_LIMITS}
    defined = set()
    for layer in LAYERS:
        for path in (ROOT / "custom_components" / "vesper" / layer).glob("*.py"):
            module = import_module(f"custom_components.vesper.{layer}.{path.stem}")
            defined |= {
                (module.__name__, name)
                for name in _constants(path)
                if _is_number(getattr(module, name))
            }
    assert len(defined) > 80
    assert defined <= listed
