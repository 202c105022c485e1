"""A gate for the tests of a Python program."""

import json
import select
import subprocess
import sys
import urllib.request
import uuid
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from .ledger import as_text

#: How long a gate may take to start. Two seconds are usual.
START_SECONDS = 60.0
_HTTP_SECONDS = 10.0


class Gate:
    """Envoy with imagegate and a simulated upstream, in processes of their own.

    They end with the `with` block, with `close`, and if this process ends in any way.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        upstream_timeout: str = "30s",
        verbose: bool = False,
    ) -> None:
        command = [sys.executable, "-m", "imagegate_testkit", "up", "--json"]
        command += ["--host", host, "--port", str(port), "--seed", str(seed)]
        command += ["--upstream-timeout", upstream_timeout, *(["--verbose"] if verbose else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        is_ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if is_ready else b""
        if not line:
            self.close()
            raise RuntimeError("the gate did not start; its own message is on standard error")
        about = json.loads(line)
        #: The address without a path.
        self.url: str = about["url"]
        #: `base_url` of OpenAI's clients.
        self.base_url: str = about["base_url"]
        #: A key without limits.
        self.key: str = about["key"]
        #: All keys by what they are for.
        self.keys: dict[str, str] = about["keys"]

    def ledger(self, **fields: Any) -> list[dict[str, Any]]:
        """The usage records of all requests that have ended, or those with these fields."""
        query = urlencode({name: as_text(value) for name, value in fields.items()})
        records: list[dict[str, Any]] = self._json(f"/testkit/ledger?{query}")["records"]
        return records

    def upstream(self) -> dict[str, Any]:
        """What the simulated upstream has received: its counters and last requests."""
        stats: dict[str, Any] = self._json("/testkit/upstream")
        return stats

    def reset(self) -> None:
        """Clears the ledger, and what the simulated upstream has counted. Limits go on."""
        self._open("/testkit/ledger", "DELETE").close()

    @staticmethod
    def new_user() -> str:
        """A user that no request has named yet. Its limits and its budget are unused."""
        return f"user-{uuid.uuid4()}"

    def close(self) -> None:
        """Ends all processes."""
        self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _json(self, path: str) -> Any:
        with self._open(path, "GET") as answer:
            return json.load(answer)

    def _open(self, path: str, method: str) -> Any:
        # Without the proxies of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.url + path, method=method)
        return opener.open(request, timeout=_HTTP_SECONDS)

    def __enter__(self) -> "Gate":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
