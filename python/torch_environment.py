"""Makes `.venv-torch`: what `.venv` has, and torch. For the tests, where torch is cheap to have.

Prints the path of its Python on stdout, or on stderr one line that says why there is none. Most
builds of torch bring gigabytes of CUDA along, so pip is first asked what it would install.
Run by `.ci/run` before anything else: needs nothing but a Python with pip, and no `.venv` yet.
"""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

REQUIREMENT = "torch==2.13.0"
HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".venv-torch"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / "snakepit-setup"
WANTED = f"{REQUIREMENT} {sys.version} {Path(sys.executable).resolve()}"
# An index may want whole wheels to be fetched before it can say what they depend on.
PLAN_TIMEOUT_SECONDS = 60
INSTALL_TIMEOUT_SECONDS = 300
# What only builds for a GPU depend on: hundreds of megabytes each.
OF_A_GPU = ("nvidia", "cuda", "triton", "rocm")


class NotHereError(Exception):
    """The message says why torch is not to be had here."""


def main() -> int:
    if is_current():
        print(PYTHON)
        return 0
    try:
        make()
    except NotHereError as error:
        shutil.rmtree(FOLDER, ignore_errors=True)
        print(f"The tests with torch will be skipped: {error}", file=sys.stderr)
        return 1
    STAMP.write_text(WANTED)
    print(PYTHON)
    return 0


def is_current() -> bool:
    if not STAMP.exists() or STAMP.read_text() != WANTED:
        return False
    return subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0


def make() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise NotHereError(f"the workspace has no environment of Python {sys.version.split()[0]}")
    # Without pip of its own, which takes seconds and is not in every Python: ours installs into it.
    venv.create(FOLDER, clear=True, symlinks=True, with_pip=False)
    refuse_gpu(planned())
    print(f"Installing {REQUIREMENT} for the tests (once) …", file=sys.stderr)
    pip(INSTALL_TIMEOUT_SECONDS, "install", "--no-compile", "--only-binary", ":all:", REQUIREMENT)
    look_into_workspace()
    run = subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, text=True)
    if run.returncode != 0:
        raise NotHereError(f"{REQUIREMENT} cannot be imported ({last_line(run.stderr)})")


def look_into_workspace() -> None:
    """Also into what is editable there, and if it is made only later. Its versions come first."""
    library = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    # Relative, so that the folder of the workspace may be moved. `site` has just added ours.
    workspace = f"os.path.join(sys.prefix, '../.venv/{library}')"
    line = f"own = sys.path.pop(); site.addsitedir({workspace}); sys.path.append(own)"
    (FOLDER / library / "workspace.pth").write_text(f"import os, site, sys; {line}\n")


def planned() -> list[dict[str, Any]]:
    """What pip would install, in the words of its report. Downloads no wheel that it need not."""
    report = FOLDER / "plan.json"
    options = ["--dry-run", "--only-binary", ":all:", "--report", str(report)]
    pip(PLAN_TIMEOUT_SECONDS, "install", *options, REQUIREMENT)
    plan: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    return plan


def refuse_gpu(plan: list[dict[str, Any]]) -> None:
    names = sorted(package["metadata"]["name"].lower() for package in plan)
    foreign = [name for name in names if any(word in name for word in OF_A_GPU)]
    if foreign:
        raise NotHereError(
            f"pip offers a build for GPUs, with {foreign[0]} and {len(foreign) - 1} more like it"
        )


def pip(timeout_seconds: int, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(PYTHON), "--quiet", *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise NotHereError(f"pip needs more than {timeout_seconds} s for it") from None
    if run.returncode != 0:
        raise NotHereError(f"pip cannot install {REQUIREMENT} ({last_line(run.stderr)})")


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it does not say why"


if __name__ == "__main__":
    sys.exit(main())
