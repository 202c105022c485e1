"""Rules for the Dockerfile. `make test-images` builds it, where that is possible."""

import json
import re
import shlex
from pathlib import Path

import pytest
from imagegate_testkit.cli import parse

FOLDER = Path(__file__).parent.parent
Instructions = list[tuple[str, str]]


@pytest.fixture
def instructions() -> Instructions:
    text = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def values(instructions: Instructions, name: str) -> list[str]:
    return [rest for it, rest in instructions if it == name]


def test_the_base_has_a_version(instructions: Instructions) -> None:
    (base,) = values(instructions, "FROM")
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)
    assert instructions[0][0] == "FROM"


def test_it_runs_as_a_user_by_number_that_is_not_root(instructions: Instructions) -> None:
    names = [name for name, _ in instructions]
    (user,) = values(instructions, "USER")
    assert all(re.fullmatch(r"[1-9]\d*", part) for part in user.split(":"))
    # Kubernetes accepts runAsNonRoot only with a number. Nothing is installed after it.
    assert "RUN" not in names[names.index("USER") :] and "COPY" not in names[names.index("USER") :]


def test_it_fetches_nothing_but_packages(instructions: Instructions) -> None:
    assert values(instructions, "ADD") == []
    assert not any(
        re.search(r"https?://|curl|wget|apt", rest) for rest in values(instructions, "RUN")
    )


def test_it_copies_the_wheel_and_nothing_else(instructions: Instructions) -> None:
    assert values(instructions, "COPY") == ["build/testkit/wheel/*.whl /tmp/wheel/"]
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert ignored == ["*", "!build/testkit/wheel"]


def test_the_health_check_and_the_exposed_port_are_those_of_the_command(
    instructions: Instructions,
) -> None:
    assert values(instructions, "ENTRYPOINT") == ['["imagegate-testkit"]']
    (command,) = values(instructions, "CMD")
    options = parse(json.loads(command))
    assert options.host == "0.0.0.0"
    assert values(instructions, "EXPOSE") == [str(options.port)]
    (health,) = values(instructions, "HEALTHCHECK")
    flags, _, check = health.partition("CMD ")
    # Docker before 25, Podman and Buildah before 2024 reject --start-interval.
    names = {it.partition("=")[0] for it in shlex.split(flags)}
    assert names <= {"--interval", "--timeout", "--start-period", "--retries"}
    program, option, script = json.loads(check)
    assert (program, option) == ("python", "-c")
    assert f"http://127.0.0.1:{options.port}/testkit/ready" in script
    compile(script, "HEALTHCHECK", "exec")
