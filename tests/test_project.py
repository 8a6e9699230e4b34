"""The project as others get it: what is declared, what is documented, and what the wheel holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import stepwell
from tests.log_lines import lines

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
HELLO = {"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Result": {"n": 1}, "End": True}}}


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\s<>=!~;\[]", requirement)[0] for requirement in requirements]


def section(page: str, title: str) -> str:
    """The part of a Markdown page under a heading."""
    return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "requirements"),
    [
        ("At run time", PROJECT["project"]["dependencies"]),
        ("For the apps", PROJECT["dependency-groups"]["apps"]),
        ("For tests", PROJECT["dependency-groups"]["test"]),
        ("For conformance", PROJECT["dependency-groups"]["conformance"]),
        ("For checks", PROJECT["dependency-groups"]["check"]),
        ("For profiles", PROJECT["dependency-groups"]["profile"]),
    ],
)
def test_every_dependency_is_justified(title: str, requirements: list[str]) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9, -]+?) \|", section(page, title), re.MULTILINE)
    documented = {name.strip() for row in rows for name in row.split(",")} - {"package"}
    assert documented - {"---"} == set(names(requirements))


def test_the_version_is_told_once_the_same_everywhere() -> None:
    assert stepwell.__version__ == PROJECT["project"]["version"]


def test_every_warning_and_error_of_the_log_is_told_of_in_its_page_and_no_other() -> None:
    page = (ROOT / "docs" / "log-lines.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(.+?)` \| .+? \| .+? \|$", page, re.MULTILINE))
    written = set(lines())
    assert {"missing from docs/log-lines.md": written - told, "no longer written": told - written} == {
        "missing from docs/log-lines.md": set(),
        "no longer written": set(),
    }


def test_a_line_of_the_log_names_a_resource_or_says_why() -> None:
    alone = {text for text in lines() if "…" not in text}
    assert alone == {"a defect in the dispatcher at the end of a task", "a defect keeps notices from being written"}


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "apps").rglob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout in an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    run([*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("stepwell-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment with nothing but the wheel and what it asks for."""
    environment = tmp_path_factory.mktemp("fresh") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)], environment.parent)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    run([*PIP, "--python", str(binaries / "python"), "install", "--quiet", "--no-compile", str(wheel)], binaries)
    return binaries


def run(command: list[str], folder: Path) -> str:
    """The output of a command that has to succeed, run away from the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STEPWELL", "SFN_"))}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.xdist_group("wheel")
def test_the_wheel_holds_what_the_server_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {name.split("/")[0] for name in held} == {"stepwell", f"stepwell-{stepwell.__version__}.dist-info"}
    assert {"stepwell/api/service-2.json", "stepwell/py.typed"} <= held
    migrations = {f"stepwell/{path.relative_to(ROOT / 'stepwell')}" for path in (ROOT / "stepwell").rglob("*.sql")}
    assert migrations
    assert migrations <= held
    assert {name.rsplit("/", 1)[1] for name in held if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    sources = {f"stepwell/{path.relative_to(ROOT / 'stepwell')}" for path in (ROOT / "stepwell").rglob("*.py")}
    assert sources <= held


@pytest.mark.xdist_group("wheel")
def test_the_command_line_works_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "hello.asl.json").write_text(json.dumps(HELLO))
    command = str(installed / "stepwell")
    assert "stepwell serve" in run([command, "--help"], tmp_path)
    assert run([command, "--version"], tmp_path).strip() == f"stepwell {stepwell.__version__}"
    run([command, "validate", "hello.asl.json"], tmp_path)
    assert json.loads(run([command, "run", "hello.asl.json", "--input", "{}"], tmp_path)) == {"n": 1}


@pytest.mark.xdist_group("wheel")
def test_a_default_install_brings_no_aws_library(installed: Path, tmp_path: Path) -> None:
    listed = run([*PIP, "--python", str(installed / "python"), "list", "--format", "json"], tmp_path)
    brought = {package["name"].lower().replace("_", "-") for package in json.loads(listed)}
    assert brought & {"boto3", "botocore", "awscli", "s3transfer"} == set()
    assert {name.lower() for name in names(PROJECT["project"]["dependencies"])} <= brought


@pytest.mark.xdist_group("wheel")
def test_what_serves_imports_no_aws_library_even_where_one_is_installed(tmp_path: Path) -> None:
    """botocore takes longer to import than the server takes to start."""
    program = (
        "import sys, pkgutil, importlib, stepwell\n"
        "for module in pkgutil.walk_packages(stepwell.__path__, 'stepwell.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print([name for name in ('boto3', 'botocore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_help_starts_without_what_it_does_not_need() -> None:
    program = "import sys; from stepwell.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    program += "print(*[m for m in ('asyncio', 'rich', 'uvicorn', 'starlette', 're2', 'sqlite3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
