"""How a gate starts and ends. Each test starts gates of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import imagegate_testkit
import pytest
from imagegate_testkit import Gate
from imagegate_testkit.cli import parse
from imagegate_testkit.launcher import Launcher, Options
from openai import OpenAI

PROGRAM = str(Path(sys.executable).parent / "imagegate-testkit")
START_SECONDS = 60.0
HOLD_A_GATE = """
import imagegate_testkit, time
gate = imagegate_testkit.Gate()
print(flush=True)
time.sleep(99)
"""
ASK_FOR_AN_IMAGE = """
from openai import OpenAI
OpenAI().images.generate(model="gpt-image-2", prompt="a red fox")
raise SystemExit(7)
"""
CLEAN_UP = """
import time
try:
    print("ready", flush=True)
    time.sleep(99)
except KeyboardInterrupt:
    time.sleep(1)
    print("cleaned up")
    raise SystemExit(7)
"""


def start(*options: str, **more: Any) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    process = subprocess.Popen([PROGRAM, "up", "--json", *options], stdout=subprocess.PIPE, **more)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def descendants(pid: int) -> set[int]:
    """The processes that this one has started."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child, *descendants(child)}
    return found


def is_gone(pid: int) -> bool:
    try:
        # A process that has ended stays a zombie until its parent asks for it.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def assert_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + 10
    while not all(map(is_gone, pids)):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.05)


def assert_refused(port: int) -> None:
    deadline = time.monotonic() + 10
    # The threads of a killed process may end after its first one.
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail("the port still accepts connections")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_all_processes(number: signal.Signals) -> None:
    process, about = start()
    children = descendants(process.pid)
    assert len(children) == 2, "Envoy and codex-sim"
    process.send_signal(number)
    assert process.wait(10) == (-number if number == signal.SIGKILL else 0)
    assert_gone(children)
    assert_refused(int(about["url"].rsplit(":", 1)[1]))


def test_the_end_of_the_parent_ends_all_processes() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_GATE],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    children = descendants(parent.pid)
    assert len(children) == 3, "the launcher, Envoy and codex-sim"
    parent.kill()
    parent.wait()
    assert_gone(children)


def test_a_gate_ends_with_its_block() -> None:
    before = descendants(os.getpid())
    with Gate():
        inside = descendants(os.getpid()) - before
        assert len(inside) == 3
    assert_gone(inside)


def test_two_gates_side_by_side_share_nothing() -> None:
    with Gate() as one, Gate() as two:
        assert one.url != two.url
        OpenAI(base_url=one.base_url, api_key=one.key).images.generate(
            model="gpt-image-2", prompt="a red fox"
        )
        assert (len(one.ledger()), len(two.ledger())) == (1, 0)


@pytest.mark.parametrize("victim", ["envoy", "codex-sim"])
def test_a_gate_that_lost_a_program_ends_with_an_error(victim: str) -> None:
    process, _ = start(stderr=subprocess.PIPE)
    children = descendants(process.pid)
    programs = {it: Path(f"/proc/{it}/cmdline").read_text().split("\0")[0] for it in children}
    (pid,) = [it for it, program in programs.items() if Path(program).name == victim]
    os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1 and victim in errors.decode()
    assert_gone(children)


def test_it_listens_on_the_loopback_only() -> None:
    process, _ = start()
    try:
        addresses = set()
        pids = {process.pid, *descendants(process.pid)}
        inodes = {
            os.readlink(it)
            for pid in pids
            for it in Path(f"/proc/{pid}/fd").iterdir()
            if it.is_symlink()
        }
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    addresses.add(fields[1].split(":")[0])
        assert addresses == {"0100007F"}, "127.0.0.1 in the kernel's order of bytes"
    finally:
        process.terminate()
        process.wait()


def test_a_chosen_port_and_one_that_is_taken() -> None:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port = it.getsockname()[1]
    process, about = start("--port", str(port))
    try:
        assert about["base_url"] == f"http://127.0.0.1:{port}/v1"
        second = subprocess.run(
            [PROGRAM, "up", "--port", str(port)], capture_output=True, timeout=START_SECONDS
        )
        assert second.returncode == 1
        assert f"127.0.0.1:{port} cannot be used: Address already in use" in second.stderr.decode()
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("host", ["0.0.0.0", "0:0::0", "::1"])
def test_it_listens_on_every_address_or_on_one_of_ipv6(host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    process, about = start("--host", host)
    try:
        url = "http://[::1]:" if host == "::1" else "http://127.0.0.1:"
        assert about["url"].startswith(url)
        OpenAI(base_url=about["base_url"], api_key=about["key"]).images.generate(
            model="gpt-image-2", prompt="a red fox"
        )
    finally:
        process.terminate()
        process.wait()


def test_a_connection_that_leads_to_itself_is_no_envoy(monkeypatch: pytest.MonkeyPatch) -> None:
    # The system may give a client the port that Envoy is about to take.
    connect = socket.create_connection
    monkeypatch.setattr(
        socket,
        "create_connection",
        lambda address, timeout: connect(address, timeout, source_address=address),
    )
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port = it.getsockname()[1]
    launcher = Launcher(Options())
    assert not launcher._listens(port)
    with socket.socket() as envoy:
        envoy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        envoy.bind(("127.0.0.1", port))
    launcher.stop()


def test_of_two_that_start_at_once_on_one_port_one_says_who_has_it() -> None:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port = it.getsockname()[1]
    both = [
        subprocess.Popen([PROGRAM, "up", "--port", str(port)], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    deadline = time.monotonic() + START_SECONDS
    while all(it.poll() is None for it in both):
        assert time.monotonic() < deadline, "both run on one port"
        time.sleep(0.05)
    lost = next(it for it in both if it.poll() is not None)
    other = next(it for it in both if it is not lost)
    try:
        assert lost.stderr is not None
        words = lost.stderr.read().decode()
        assert str(port) in words and "above" not in words, words
    finally:
        other.terminate()
        other.wait()


def test_a_program_finds_the_gate_in_its_environment() -> None:
    done = subprocess.run(
        [PROGRAM, "run", "--", sys.executable, "-c", ASK_FOR_AN_IMAGE], timeout=START_SECONDS
    )
    assert done.returncode == 7


def test_a_program_that_a_signal_ends_has_the_status_of_a_shell() -> None:
    done = subprocess.run(
        [PROGRAM, "run", "--", "sh", "-c", "kill -TERM $$"], timeout=START_SECONDS
    )
    assert done.returncode == 128 + signal.SIGTERM


def test_a_program_cleans_up_after_an_interrupt_and_sigterm_is_passed_on() -> None:
    for number, to, left, status in [
        (signal.SIGINT, os.killpg, b"cleaned up\n", 7),
        (signal.SIGTERM, os.kill, b"", 128 + signal.SIGTERM),
    ]:
        process = subprocess.Popen(
            [PROGRAM, "run", "--", sys.executable, "-c", CLEAN_UP],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        to(process.pid, number)
        assert process.communicate(timeout=START_SECONDS)[0] == left
        assert process.returncode == status


def test_a_gate_that_cannot_say_that_it_is_ready_ends_with_an_error() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [PROGRAM, "up"], stdout=full, stderr=subprocess.PIPE, timeout=START_SECONDS
        )
    assert done.returncode == 1
    error = "imagegate-testkit: standard output: No space left on device\n"
    assert done.stderr.decode() == error


@pytest.mark.parametrize(
    ("program", "status"),
    [(["./no-such-program"], 127), ([os.devnull], 126)],
)
def test_a_program_that_cannot_be_started_has_the_status_of_a_shell(
    program: list[str], status: int
) -> None:
    done = subprocess.run(
        [PROGRAM, "run", "--", *program], capture_output=True, timeout=START_SECONDS
    )
    assert done.returncode == status
    assert f"{program[0]} cannot be started: ".encode() in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--host", "localhost", "an IP address such as 127.0.0.1 or ::1"),
        ("--host", "", "an IP address such as 127.0.0.1 or ::1"),
        ("--host", "fe80::1%lo", "an IP address such as 127.0.0.1 or ::1"),
        ("--seed", "-1", "a whole number from 0 to 18446744073709551615"),
        ("--seed", "18446744073709551616", "a whole number from 0 to 18446744073709551615"),
        ("--port", "99999", "a whole number from 0 to 65535"),
        ("--port", "-1", "a whole number from 0 to 65535"),
        ("--port", "http", "a whole number from 0 to 65535"),
        ("--upstream-timeout", "soon", "a duration with a unit such as 30s, from 1ms to 24h"),
        ("--upstream-timeout", "30", "a duration with a unit such as 30s, from 1ms to 24h"),
        ("--upstream-timeout", "0s", "a duration with a unit such as 30s, from 1ms to 24h"),
        ("--upstream-timeout", "25h", "a duration with a unit such as 30s, from 1ms to 24h"),
        ("--upstream-timeout", "", "a duration with a unit such as 30s, from 1ms to 24h"),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_starts(
    option: str, value: str, accepted: str
) -> None:
    done = subprocess.run([PROGRAM, "up", f"{option}={value}"], capture_output=True, timeout=10)
    assert done.returncode == 2
    error = f"argument {option}: invalid value '{value}', accepted: {accepted}"
    assert done.stderr.decode().splitlines()[-1] == f"imagegate-testkit up: error: {error}"


@pytest.mark.parametrize("timeout", ["1ms", "1s", "1m 30s", "2min", "24h"])
def test_a_timeout_that_the_gate_accepts_is_accepted(timeout: str) -> None:
    assert parse(["up", "--upstream-timeout", timeout]).upstream_timeout == timeout


def test_it_needs_neither_root_nor_a_file_system_to_write_to() -> None:
    # Another user may have no access to the Python of the virtual environment.
    read_only = "mount -o remount,bind,ro / && ! touch /tmp/imagegate-testkit 2>/dev/null"
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs"
    inside = ["unshare", "--mount", "sh", "-c", f'{read_only} && exec {nobody} "$@"', "sh"]
    site = str(Path(imagegate_testkit.__file__).parent.parent)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": site}
    python = ["/usr/bin/python3", "-c", "import imagegate_testkit"]
    if subprocess.run([*inside, *python], env=environment, capture_output=True).returncode != 0:
        pytest.skip("this machine lets no test make its file system read-only")
    command = [*inside, "/usr/bin/python3", "-m", "imagegate_testkit", "up", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        about = json.loads(process.stdout.readline())
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "\nUid:\t65534\t65534\t65534\t65534\n" in status
        client = OpenAI(base_url=about["base_url"], api_key=about["key"])
        client.images.generate(model="gpt-image-2", prompt="a red fox")
    finally:
        process.terminate()
        assert process.wait(10) == 0
