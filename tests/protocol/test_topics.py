"""Topics, prefixes and device ids (docs/protocol.md)."""

import string

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.protocol.alert import parse_alert
from custom_components.vesper.protocol.heartbeat import parse_heartbeat
from custom_components.vesper.protocol.info import parse_info
from custom_components.vesper.protocol.topics import (
    DEFAULT_PREFIX,
    HEARTBEAT,
    MAX_PREFIX_LENGTH,
    STATUS_TOPICS,
    PrefixProblem,
    StatusTopic,
    control_topic,
    is_device_id,
    prefix_problem,
)

ID_CHARACTERS = string.ascii_letters + string.digits + "_.:-"

#: Characters with a meaning in the rules of prefixes, and some others.
prefixes = st.text(st.sampled_from("ab1/+#$ \x00\n\u00e9"), max_size=8) | st.text()

#: Prefixes of one to four levels that can be used.
usable_prefixes = st.lists(
    st.text(st.sampled_from("ab1 \u00e9"), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
).map("/".join)


def test_the_prefix_is_vesper_unless_set() -> None:
    """The default is that of the firmware."""
    assert DEFAULT_PREFIX == "vesper"


@pytest.mark.parametrize(
    ("topic", "name", "qos", "parse"),
    [
        pytest.param(STATUS_TOPICS[0], "heartbeat", 1, parse_heartbeat, id="heartbeat"),
        pytest.param(STATUS_TOPICS[1], "alerts", 1, parse_alert, id="alerts"),
        pytest.param(STATUS_TOPICS[2], "info", 0, parse_info, id="info"),
    ],
)
def test_each_status_topic_has_its_name_qos_and_parser(
    topic: StatusTopic, name: str, qos: int, parse: object
) -> None:
    """The subscriptions match the protocol's table."""
    assert (topic.name, topic.qos, topic.parse) == (name, qos, parse)


def test_there_are_three_status_topics() -> None:
    """No other topic is subscribed to."""
    assert len(STATUS_TOPICS) == 3
    assert STATUS_TOPICS[0] is HEARTBEAT


@pytest.mark.parametrize("prefix", ["vesper", "site1/vesper", "a/b/c"])
def test_a_status_topic_is_made_of_prefix_and_device(prefix: str) -> None:
    """The prefix may have several levels."""
    assert HEARTBEAT.of(prefix, "chapel") == f"{prefix}/chapel/status/heartbeat"


def test_a_wildcard_in_place_of_the_id_makes_the_filter_of_all() -> None:
    """One subscription covers every device of a topic."""
    assert HEARTBEAT.of("vesper", "+") == "vesper/+/status/heartbeat"


def test_commands_go_to_the_control_topic() -> None:
    """It is beside the status topics."""
    assert control_topic("site1/vesper", "chapel") == "site1/vesper/chapel/control"


@pytest.mark.parametrize("prefix", ["vesper", "site1/vesper", "a/b/c"])
def test_the_device_is_found_under_each_prefix(prefix: str) -> None:
    """With any number of levels."""
    assert HEARTBEAT.of(prefix, "chapel")[HEARTBEAT.device_id_at(prefix)] == "chapel"


@given(
    prefix=usable_prefixes,
    device_id=st.text(st.characters(exclude_characters="/")),
    topic=st.sampled_from(STATUS_TOPICS),
)
def test_the_device_is_found_in_any_topic(
    prefix: str, device_id: str, topic: StatusTopic
) -> None:
    """For any prefix and any id."""
    assert prefix_problem(prefix) is None
    assert topic.of(prefix, device_id)[topic.device_id_at(prefix)] == device_id


@pytest.mark.parametrize(
    "device_id",
    [
        pytest.param("a", id="one-character"),
        pytest.param("x" * 64, id="64-characters"),
        pytest.param("AZaz09_.:-", id="every-kind"),
        pytest.param("24:6F:28:AA:BB:CC", id="mac-address"),
    ],
)
def test_device_ids_that_are_accepted(device_id: str) -> None:
    """1 to 64 characters of the allowed ones."""
    assert is_device_id(device_id)


@pytest.mark.parametrize(
    "device_id",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 65, id="65-characters"),
        pytest.param("bell tower", id="space"),
        pytest.param("chapel\n", id="line-break-at-the-end"),
        pytest.param("chap\x00el", id="nul"),
        pytest.param("cháp", id="letter-not-ascii"),
        pytest.param("bell٣", id="digit-not-ascii"),
        pytest.param("+", id="wildcard-of-a-level"),
        pytest.param("#", id="wildcard-of-all"),
        pytest.param("$SYS", id="dollar"),
        pytest.param("a/b", id="slash"),
        pytest.param("a\\b", id="backslash"),
        pytest.param(".", id="here-in-a-path"),
        pytest.param("..", id="up-in-a-path"),
    ],
)
def test_device_ids_that_are_rejected(device_id: str) -> None:
    """Any other text is no device id."""
    assert not is_device_id(device_id)


@given(st.text() | st.text(st.sampled_from(ID_CHARACTERS), max_size=70))
def test_a_device_id_is_checked_by_characters_and_length(text: str) -> None:
    """The check matches the rule for any text."""
    assert is_device_id(text) is (
        1 <= len(text) <= 64
        and all(character in ID_CHARACTERS for character in text)
        and text not in {".", ".."}
    )


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("vesper", id="default"),
        pytest.param("site1/vesper", id="two-levels"),
        pytest.param("a$b", id="dollar-inside"),
        pytest.param("Glöckner Haus", id="not-ascii"),
        pytest.param("x" * MAX_PREFIX_LENGTH, id="longest"),
    ],
)
def test_prefixes_that_can_be_used(prefix: str) -> None:
    """One or more levels, none of them empty."""
    assert prefix_problem(prefix) is None


@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        pytest.param("", PrefixProblem.EMPTY, id="empty"),
        pytest.param("vesper/+", PrefixProblem.WILDCARD, id="plus"),
        pytest.param("#", PrefixProblem.WILDCARD, id="hash"),
        pytest.param("/", PrefixProblem.SLASH, id="slash-alone"),
        pytest.param("/vesper", PrefixProblem.SLASH, id="slash-first"),
        pytest.param("vesper/", PrefixProblem.SLASH, id="slash-last"),
        pytest.param("site1//vesper", PrefixProblem.SLASH, id="slash-twice"),
        pytest.param("$SYS", PrefixProblem.SYSTEM, id="the-brokers-own"),
        pytest.param("ves\x00per", PrefixProblem.CHARACTERS, id="nul"),
        pytest.param("vesper\n", PrefixProblem.CHARACTERS, id="line-break"),
        pytest.param("\ud800", PrefixProblem.CHARACTERS, id="lone-surrogate"),
        pytest.param("x" * 256, PrefixProblem.TOO_LONG, id="too-long"),
    ],
)
def test_prefixes_that_cannot_be_used(prefix: str, problem: PrefixProblem) -> None:
    """Each problem has a name for the user."""
    assert prefix_problem(prefix) is problem


@given(prefixes)
def test_no_text_breaks_the_check_of_a_prefix(prefix: str) -> None:
    """Any text is rejected or makes topics without wildcards."""
    if prefix_problem(prefix) is None:
        levels = control_topic(prefix, "chapel").split("/")
        assert all(levels)
        assert not {"+", "#"} & set("".join(levels))
