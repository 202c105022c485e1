"""The examples of the documentation run, and its tables have what the code has."""

import re
import subprocess
import sys
from pathlib import Path

from imagegate_testkit import KEYS
from imagegate_testkit.cli import parse

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs/guides/tests.md").read_text()
README = (TOP / "testkit/README.md").read_text()


def example(page: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(code)


def test_the_example_for_pytest_passes(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(example(PAGE))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_example_of_the_readme_runs() -> None:
    subprocess.run([sys.executable, "-c", example(README)], check=True, timeout=120)


def test_the_page_lists_all_keys() -> None:
    _, section = PAGE.split("## Keys, prices and limits")
    assert set(re.findall(r"sk-imagegate-test[\w-]*", section)) == set(KEYS.values())


def test_the_page_lists_all_options_with_their_defaults() -> None:
    rows = dict(re.findall(r"^\| `--([\w-]+)[^|]*` \| `?([^|`]+)`? \|", PAGE, re.MULTILINE))
    defaults = vars(parse(["run", "program"]))
    del defaults["command"], defaults["program"]
    documented = {name.replace("-", "_"): value for name, value in rows.items()}
    assert documented.pop("verbose") == "off" and defaults.pop("verbose") is False
    assert documented == {name: str(value) for name, value in defaults.items()}
