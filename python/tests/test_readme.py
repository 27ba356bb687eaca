"""What the README lists is all that there is."""

import re
from pathlib import Path

from snakepit_bridge import lifeline

PYTHON = Path(__file__).parents[1]
SOURCES = PYTHON / "src" / "snakepit_bridge"
README = (PYTHON / "README.md").read_text()


def section(title: str) -> str:
    _, _, rest = README.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def test_every_file_and_folder_is_in_the_list_of_where_things_are() -> None:
    files = {path.name for path in SOURCES.glob("*.py") if not path.name.startswith("__")}
    # Generated code of the protocol is in a folder of its own.
    folders = {f"{path.parent.name}/" for path in SOURCES.glob("*/__init__.py")}
    named = set(re.findall(r"`([\w/.]+)`", section("Where things are")))
    assert files | folders <= named
    assert {name for name in named if name.endswith("/")} == folders
    assert {name for name in named if name.endswith(".py")} <= {
        path.name for path in SOURCES.rglob("*.py")
    }


def test_every_variable_that_is_read_is_named() -> None:
    sources = "".join(path.read_text() for path in SOURCES.rglob("*.py"))
    variables = set(re.findall(r"\"(SNAKEPIT_\w+)\"", sources))
    assert "SNAKEPIT_TLS_CA" in variables
    assert variables <= set(re.findall(r"SNAKEPIT_\w+", section("Starting")))


def test_every_exit_code_is_explained() -> None:
    codes = {
        value
        for name, value in vars(lifeline).items()
        if name.isupper() and isinstance(value, int) and not name.startswith("PR_")
    }
    assert lifeline.LEASE_OVER in codes
    explained = set(map(int, re.findall(r"^\| (\d) \|", section("Starting"), re.MULTILINE)))
    assert codes <= explained
