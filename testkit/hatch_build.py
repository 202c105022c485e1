"""Adds what the package starts: the module, codex-sim, and envoy/envoy.yaml as JSON.

`make testkit` builds the first two before it calls this.
"""

import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = "imagegate_testkit/data"


def wheel_tag() -> str:
    """The tag of a wheel with a program that was linked on this machine."""
    name, version = platform.libc_ver()
    if sys.platform != "linux" or name != "glibc":
        raise SystemExit("the wheel can be built on Linux with glibc only")
    # The program may run with an older glibc too. It certainly does with this one.
    return f"py3-none-manylinux_{version.replace('.', '_')}_{platform.machine()}"


class AddPrograms(BuildHookInterface):
    """The build hook of hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files. An editable installation has none of them."""
        top = Path(self.root).parent
        module, simulator = top / "build/imagegate.wasm", top / "target/tools/codex-sim"
        for path in (module, simulator):
            if not path.is_file():
                raise SystemExit(f"{path} is missing; run: make testkit")
        config = yaml.safe_load((top / "envoy/envoy.yaml").read_text())
        # hatchling reads the file after this method has returned.
        self.folder = tempfile.TemporaryDirectory()
        envoy = Path(self.folder.name) / "envoy.json"
        envoy.write_text(json.dumps(config))
        build_data["pure_python"] = False
        build_data["tag"] = wheel_tag()
        build_data["force_include"] |= {
            str(module): f"{DATA}/imagegate.wasm",
            str(simulator): f"{DATA}/codex-sim",
            str(envoy): f"{DATA}/envoy.json",
        }

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what `initialize` wrote."""
        self.folder.cleanup()
