"""The command `imagegate-testkit`."""

import argparse
import ipaddress
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Sequence
from types import FrameType

from .launcher import Launcher, Options, StartError, as_line

#: How often a running gate looks whether a program or its parent has ended.
WATCH_SECONDS = 0.2
#: How long a program may take to end after ^C.
CLEAN_UP_SECONDS = 10.0
#: The exit statuses of a shell for a program that does not exist, and for one that cannot be started.
NOT_FOUND, NOT_STARTED = 127, 126
#: To which a shell adds the number of the signal that has ended a program.
SIGNALLED = 128
#: What the gate reads as a duration, and how many milliseconds its units have.
DURATION = re.compile(r"([0-9]{1,9})\s*(ms|sec|s|min|m|h)\s*")
MILLISECONDS = {"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}


class _Stop(Exception):
    """SIGTERM or SIGINT has come: which one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its status."""
    options = parse(arguments)
    parent = os.getppid()

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stop(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    launcher = Launcher(
        Options(options.host, options.port, options.seed, options.upstream_timeout, options.verbose)
    )
    try:
        launcher.start()
        if options.command == "run":
            return _run(launcher, options.program)
        _print(as_line(launcher.about) if options.json else _text(launcher))
        return _watch(launcher, lambda: os.getppid() != parent)
    except StartError as error:
        print(f"imagegate-testkit: {error}", file=sys.stderr)
        return 1
    except _Stop:
        return 0
    finally:
        # A second signal must not interrupt the end of the children.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        launcher.stop()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--host", type=_host, default="127.0.0.1", help="the IP address to listen on (127.0.0.1)"
    )
    common.add_argument(
        "--port", type=_port, default=0, help="the port to listen on; 0 is a free one (0)"
    )
    common.add_argument(
        "--seed", type=_seed, default=0, help="a number that gives other images (0)"
    )
    common.add_argument(
        "--upstream-timeout",
        type=_duration,
        default="30s",
        help="the gate's limit for one image (30s)",
    )
    common.add_argument("--verbose", action="store_true", help="show Envoy's log")
    parser = argparse.ArgumentParser("imagegate-testkit", description="An Images API for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser(
        "up", parents=[common], help="start a gate, and run until SIGTERM or ^C"
    )
    up.add_argument("--json", action="store_true", help="print one line of JSON when it is ready")
    run = commands.add_parser(
        "run", parents=[common], help="run a program with a gate in its environment"
    )
    run.add_argument("program", nargs="+", help="the program with its arguments, after --")
    return parser.parse_args(arguments)


def _host(text: str) -> str:
    """The address in its usual form: Envoy would print its whole configuration with an error."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text:
        accepted = "an IP address such as 127.0.0.1 or ::1"
        raise argparse.ArgumentTypeError(f"invalid value {text!r}, accepted: {accepted}")
    return str(address)


def _port(text: str) -> int:
    return _number(text, 65535)


def _seed(text: str) -> int:
    return _number(text, 2**64 - 1)


def _number(text: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,20}", text) or int(text) > most:
        accepted = f"a whole number from 0 to {most}"
        raise argparse.ArgumentTypeError(f"invalid value {text!r}, accepted: {accepted}")
    return int(text)


def _duration(text: str) -> str:
    """The text, if the gate accepts it: Envoy would print its whole configuration with the error."""
    parts = DURATION.findall(text)
    total = sum(int(number) * MILLISECONDS[unit] for number, unit in parts)
    if DURATION.sub("", text) or not 1 <= total <= 24 * MILLISECONDS["h"]:
        accepted = "a duration with a unit such as 30s, from 1ms to 24h"
        raise argparse.ArgumentTypeError(f"invalid value {text!r}, accepted: {accepted}")
    return text


def _watch(launcher: Launcher, has_no_parent: Callable[[], bool]) -> int:
    while not has_no_parent():
        if failure := launcher.failed():
            print(f"imagegate-testkit: {failure}", file=sys.stderr)
            return 1
        _reap(launcher.pids())
        time.sleep(WATCH_SECONDS)
    return 0


def _reap(own: Container[int]) -> None:
    """As PID 1 of a container: reaps processes whose parents have ended."""
    if os.getpid() != 1:
        return
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    # The launcher waits for its own processes, and reports that they have ended.
    while (ended := os.waitid(os.P_ALL, 0, options)) and ended.si_pid not in own:
        os.waitpid(ended.si_pid, 0)


def _run(launcher: Launcher, program: list[str]) -> int:
    """Runs a program whose OpenAI client finds the gate. Returns its status."""
    about = launcher.about
    environment = {
        "OPENAI_BASE_URL": about["base_url"],
        "OPENAI_API_KEY": about["key"],
        "IMAGEGATE_TESTKIT": as_line(about),
    }
    try:
        child = subprocess.Popen(program, env=os.environ | environment)
    except OSError as error:
        print(
            f"imagegate-testkit: {program[0]} cannot be started: {error.strerror}", file=sys.stderr
        )
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
    status = _wait(child)
    # A program that a signal has ended has a negative status.
    return status if status >= 0 else SIGNALLED - status


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The status of a program. A signal to this process ends it."""
    try:
        return child.wait()
    except _Stop as stop:
        number = stop.args[0]
    if number == signal.SIGINT:
        # ^C in a terminal has reached the program too, which may have to clean up.
        try:
            return child.wait(CLEAN_UP_SECONDS)
        except (_Stop, subprocess.TimeoutExpired):
            pass
    child.terminate()
    return child.wait()


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        # At its end Python writes once more what it could not write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StartError(f"standard output: {error.strerror}") from error


def _text(launcher: Launcher) -> str:
    about = launcher.about
    return (
        "imagegate is ready. Stop it with ^C.\n\n"
        f"  export OPENAI_BASE_URL={about['base_url']} OPENAI_API_KEY={about['key']}\n\n"
        f"  usage records: {about['ledger_url']}"
    )


if __name__ == "__main__":
    sys.exit(main())
