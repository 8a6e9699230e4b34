"""Environments of peers, made once from their packages and kept.

Rules that must stay true here:
- Each peer has its own: what it needs never meets what Stepwell needs.
- An environment counts as made only once all its packages are in; what they were is written beside it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Unavailable

PATIENCE = 900  # seconds that an installation may take


def python(cache: Path, name: str, packages: Sequence[str]) -> Path:
    """The interpreter of a virtual environment with these packages. Raises Unavailable."""
    folder = cache / name
    interpreter = folder / "bin" / "python"
    if not _made(folder, packages):
        _run([sys.executable, "-m", "venv", str(folder)], cache)
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], cache)
        _mark(folder, packages)
    return interpreter


def node(cache: Path, name: str, packages: Sequence[str]) -> Path:
    """A folder whose `node_modules` has these packages. Raises Unavailable."""
    folder = cache / name
    if not _made(folder, packages):
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("there is no npm on this machine")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        _run([npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *packages], folder)
        _mark(folder, packages)
    return folder


def version(interpreter: Path, package: str) -> str:
    """The version of a package in an environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def node_version(folder: Path, package: str) -> str:
    """The version of a package in a folder's `node_modules`."""
    found: str = json.loads((folder / "node_modules" / package / "package.json").read_text("utf-8"))["version"]
    return found


def _made(folder: Path, packages: Sequence[str]) -> bool:
    mark = folder / "packages.json"
    if mark.exists() and json.loads(mark.read_text()) == list(packages):
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _mark(folder: Path, packages: Sequence[str]) -> None:
    (folder / "packages.json").write_text(json.dumps(list(packages)))


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"its installation has not ended after {PATIENCE} s") from None
    except subprocess.CalledProcessError as failed:
        said = (failed.stderr or failed.stdout).strip().splitlines()
        raise Unavailable(f"it cannot be installed: {said[-1] if said else failed.returncode}") from None
