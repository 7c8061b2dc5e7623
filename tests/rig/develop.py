"""Try or check Home Assistant with the integration.

From the command line: `scripts/develop --help`.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
import fcntl
import logging
from pathlib import Path
import shutil
import signal
import sys
import time
from typing import Final

from . import arguments
from .api import ApiError, LoginError
from .broker import Broker, BrokerAddress
from .fleet import Fleet, make_fleets
from .home_assistant import DASHBOARD, PASSWORD, USERNAME, HomeAssistant
from .process import free_port, terminate_all
from .sites import MOST_SITES, PREFIX, make_sites

_CACHE: Final = Path(__file__).parents[2] / ".cache"
_BROKER_PORT: Final = 18830

# The history of the simulated devices after the first start. The availability of the
# last 30 days is not known until half of them were observed.
_HISTORY_DAYS: Final = 16
_HEALTH_CHECK: Final = b'{"v": 2, "cmd": "system.health"}'

# With this the device of the cast that disconnects is offline after 11 s and the
# timeout: long before the one that plays makes a pause.
_CHECK_SPEED: Final = 4
_CHECK_TIMEOUT_SECONDS: Final = 30
_CHECK_SECONDS: Final = 90

_LOGGER = logging.getLogger("vesper.develop")


def main() -> int:
    """Run the command line; returns the exit code."""
    args = _arguments()
    logging.basicConfig(
        format="%(asctime)s  %(message)s", datefmt="%H:%M:%S", level=logging.INFO
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if args.check:
            return _check(args.sites)
        _develop(args)
    except KeyboardInterrupt:
        _LOGGER.info("All is stopped")
        return 0 if not args.check else 1
    except LoginError as error:
        print(f"error: {error}; start again with --fresh", file=sys.stderr)
    except (ApiError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
    return 1


def _interrupt(*_: object) -> None:
    """Raise KeyboardInterrupt once; the cleanup is not interrupted.

    All that was started is asked to end at once, so all has ended 4 s later.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    terminate_all()
    _LOGGER.info("Stopping")
    raise KeyboardInterrupt


def _develop(args: argparse.Namespace) -> None:
    """Run Home Assistant until a signal arrives."""
    with _own_directory("develop", fresh=args.fresh) as directory, ExitStack() as stack:
        address: BrokerAddress | None = args.broker
        if address is None:
            broker = Broker(directory / "broker", port=free_port(_BROKER_PORT))
            address = stack.enter_context(broker).address
        sites = make_sites(args.sites, args.prefix)
        prefixes = [site.prefix for site in sites]
        home_assistant = HomeAssistant(
            directory / "home-assistant",
            port=free_port(args.port),
            broker=address,
            sites=sites,
        )
        is_new = home_assistant.is_new
        stack.enter_context(home_assistant)
        if args.broker is None:
            home_assistant.wait_until_listening()
            fleets = make_fleets(address.host, address.port, prefixes, scenario="cast")
            for fleet in fleets:
                stack.enter_context(fleet)
            try:
                begin(home_assistant, fleets, with_history=is_new)
            except TimeoutError as error:
                # It goes on: the browser shows best what is wrong.
                _LOGGER.error("%s", error)  # noqa: TRY400  # no traceback for the user
        print(
            f"\n  Home Assistant  {home_assistant.url}"
            f"\n  all devices     {home_assistant.url}/{DASHBOARD}"
            f"\n  user            {USERNAME}"
            f"\n  password        {PASSWORD}"
            f"\n  MQTT broker     {address.host}:{address.port},"
            f" topics under {' and '.join(f'{prefix}/' for prefix in prefixes)}"
            "\n  Ctrl-C ends it all.\n",
            flush=True,
        )
        home_assistant.wait()


def _check(number: int) -> int:
    """Compare the devices of the sites with Home Assistant.

    Returns 0 if they match.
    """
    sites = make_sites(number)
    with (
        _own_directory("check", fresh=True) as directory,
        Broker(directory / "broker") as broker,
        HomeAssistant(
            directory / "home-assistant",
            port=free_port(),
            broker=broker.address,
            sites=sites,
        ) as home_assistant,
    ):
        for site in sites:
            home_assistant.api.set_options(
                home_assistant.entry_of(site.prefix)["entry_id"],
                heartbeat_timeout=_CHECK_TIMEOUT_SECONDS,
                max_devices=500,
            )
        home_assistant.wait_until_listening()
        address = broker.address
        fleets = make_fleets(
            address.host,
            address.port,
            [site.prefix for site in sites],
            scenario="cast",
            speed=_CHECK_SPEED,
        )
        with ExitStack() as stack:
            for fleet in fleets:
                stack.enter_context(fleet)
            is_same = _compare(home_assistant, fleets)
        problems = home_assistant.log_problems()
    for problem in problems:
        print(f"in Home Assistant's log: {problem}")
    if not is_same or problems:
        print(
            f"The check failed. Broker and Home Assistant left their logs: {directory}"
        )
        return 1
    print("Home Assistant shows what the devices reported.")
    return 0


def _compare(home_assistant: HomeAssistant, fleets: Sequence[Fleet]) -> bool:
    """Wait until Home Assistant shows the devices' reports.

    Prints tables of both, and returns whether they match.
    """
    expected: dict[str, dict[str, str]] = {}
    seen: dict[str, dict[str, str]] = {}

    def is_same() -> bool:
        for fleet in fleets:
            expected[fleet.prefix] = fleet.expected()
            seen[fleet.prefix] = home_assistant.states(fleet.prefix)
        # The stories of the cast are over once a device is offline.
        return _matches(expected, seen) and any(
            "off" in _connectivity(states).values() for states in expected.values()
        )

    try:
        begin(home_assistant, fleets)
        _LOGGER.info(
            "Waiting until one disconnects and times out (about %d s)",
            _CHECK_TIMEOUT_SECONDS + 12,
        )
        home_assistant.wait_until(is_same, timeout=_CHECK_SECONDS, what="all the same")
    except TimeoutError as error:
        is_same()
        print(f"\n{error}")
    for prefix, states in expected.items():
        _print_table(prefix, states, seen[prefix])
    print(flush=True)
    return _matches(expected, seen)


def _matches(
    expected: Mapping[str, Mapping[str, str]], seen: Mapping[str, Mapping[str, str]]
) -> bool:
    """Return whether all expected states are seen, by prefix."""
    return all(
        states.items() <= seen[prefix].items() for prefix, states in expected.items()
    )


def _write_history(home_assistant: HomeAssistant, fleets: Sequence[Fleet]) -> None:
    """Restart Home Assistant with a history of the devices."""
    # Imported here, as it imports Home Assistant, which takes time.
    from .history import bells_of, write_history  # noqa: PLC0415

    home_assistant.stop()
    _LOGGER.info("Writing what happened in the last %d days", _HISTORY_DAYS)
    now = time.time()
    seconds = _HISTORY_DAYS * 86_400
    bells = {fleet.prefix: bells_of(fleet, now) for fleet in fleets}
    write_history(home_assistant.directory, bells, seconds, now=now)
    home_assistant.start()
    home_assistant.wait_until_listening()
    # The next heartbeat of a device may be half a minute away.
    for fleet in fleets:
        for device_id in fleet.device_ids:
            with fleet.device(device_id) as device:
                device.receive(f"{device.prefix}/{device_id}/control", _HEALTH_CHECK)


def begin(
    home_assistant: HomeAssistant,
    fleets: Sequence[Fleet],
    *,
    with_history: bool = False,
) -> None:
    """Start the stories once all devices are shown."""
    try:
        _wait_for_devices(home_assistant, fleets)
        if with_history:
            _write_history(home_assistant, fleets)
            _wait_for_devices(home_assistant, fleets)
    finally:
        for fleet in fleets:
            fleet.start_stories()


def _wait_for_devices(home_assistant: HomeAssistant, fleets: Sequence[Fleet]) -> None:
    """Wait until Home Assistant shows all devices."""
    number = sum(len(fleet.device_ids) for fleet in fleets)
    _LOGGER.info("Waiting until it shows %d devices", number)
    for fleet in fleets:
        home_assistant.wait_for_states(
            _connectivity(fleet.expected()), prefix=fleet.prefix
        )


def _connectivity(states: Mapping[str, str]) -> dict[str, str]:
    return {
        key: state for key, state in states.items() if key.endswith("/connectivity")
    }


def _print_table(
    prefix: str, expected: Mapping[str, str], seen: Mapping[str, str]
) -> None:
    row = "{:12} {:22} {:14} {:14} {}".format
    print(f"\nUnder {prefix}/")
    print(row("device", "entity", "expected", "seen", ""))
    for name, state in expected.items():
        device_id, key = name.split("/")
        shown = seen.get(name, "none")
        verdict = "" if shown == state else "<-- differs"
        print(row(device_id, key, state, shown, verdict).rstrip())


@contextmanager
def _own_directory(name: str, *, fresh: bool) -> Iterator[Path]:
    """Lock a directory that no other run uses.

    Raises RuntimeError if another run does.
    """
    directory = _CACHE / name
    directory.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"Another run uses {directory}. End that one first."
            raise RuntimeError(msg) from None
        if fresh:
            shutil.rmtree(directory)
            directory.mkdir()
        yield directory


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/develop",
        description="Home Assistant with Vesper, an MQTT broker and six simulated"
        " devices; Ctrl-C ends them.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="from an empty directory: compare devices and Home Assistant, then end",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start in an empty directory"
    )
    parser.add_argument(
        "--sites",
        metavar="N",
        type=arguments.sites,
        default=1,
        help=f"divide the devices among so many sites, up to {MOST_SITES}: each has a"
        " topic prefix and an entry of Vesper, and one device id exists at all",
    )
    parser.add_argument(
        "--port",
        type=arguments.port,
        default=8123,
        help="of Home Assistant, or the next free one (%(default)s)",
    )
    parser.add_argument(
        "--broker",
        metavar="HOST:PORT",
        type=arguments.address,
        help="use this broker instead, without simulated devices",
    )
    parser.add_argument("--username", help="for --broker")
    parser.add_argument("--password", help="for --broker")
    parser.add_argument(
        "--prefix",
        type=arguments.prefix,
        help=f"first level or levels of the topics ({PREFIX}); with --sites the name"
        " of the site comes before",
    )
    args = parser.parse_args()
    given = {
        name
        for name, value in vars(args).items()
        if value != parser.get_default(name) and name not in ("check", "sites")
    }
    if args.check and given:
        options = ", ".join(f"--{name}" for name in sorted(given))
        parser.error(f"--check always starts in an empty directory: omit {options}")
    if given & {"username", "password"} and not args.broker:
        parser.error("--username and --password are for --broker")
    if args.broker and args.sites > 1:
        parser.error("--sites is for the simulated devices: omit --broker")
    if args.broker:
        host, port = args.broker
        args.broker = BrokerAddress(
            host=host, port=port, username=args.username, password=args.password
        )
    args.prefix = args.prefix or PREFIX
    return args


if __name__ == "__main__":
    sys.exit(main())
