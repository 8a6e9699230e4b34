"""The house stays as it was planned: arrows point down, pure rooms stay pure, modules stay small and say what they are.

Every rule is read off the source with `ast`; nothing of Stepwell is imported here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "stepwell"

# From the ground up: a row imports itself and the rows above it in this list, never one below it, nor a neighbour.
ROWS: tuple[tuple[str, ...], ...] = (
    ("language", "disk"),
    ("machine",),
    ("store",),
    ("vault",),
    ("engine",),
    ("tasks",),
    ("schedule", "notify", "jobs", "telemetry"),
    ("auth", "cost"),
    ("api",),
    ("console",),
    ("app", "definition_binding", "settings", "aws_environment", "event_loop", "logs"),
    ("deploy",),
    ("assembly", "dispatching", "mounts", "secrecy"),
    ("declarations",),
    ("watch",),
    ("serve", "testing", "worker"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}

# What the plan forbids although the rows would allow it, and why.
FORBIDDEN = {
    ("machine", "store"): "the machine knows no storage",
    ("store", "language"): "the store interprets nothing",
    ("store", "machine"): "the store interprets nothing",
    ("tasks", "store"): "an integration never touches the store",
    ("schedule", "language"): "schedules do not know the language",
    ("notify", "language"): "notifications do not know the language",
    ("jobs", "language"): "jobs do not know the language",
}

# The package's own `__init__` hands out these, late; it is no room.
FRONT = frozenset({"app"})

# The modules of the standard library that a pure room may use: they read no clock, draw nothing, do no I/O, never wait.
PURE = frozenset(
    {
        *(
            "__future__",
            "base64",
            "binascii",
            "bisect",
            "calendar",
            "collections",
            "copy",
            "dataclasses",
            "datetime",
            "decimal",
        ),
        *(
            "enum",
            "functools",
            "hashlib",
            "hmac",
            "itertools",
            "json",
            "math",
            "operator",
            "re",
            "string",
            "types",
            "typing",
        ),
        *("unicodedata", "uuid"),
    }
)
# What they, and the builtins, hold that does so all the same.
IMPURE_CALLS = frozenset(
    {
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid1", "uuid.uuid4"),
        *("open", "print", "input", "globals", "__import__", "exec", "eval"),
    }
)

# The packages from outside that a room may import; all others are our own or the standard library's.
OUTSIDE: dict[str, frozenset[str]] = {
    "language": frozenset({"jlens", "msgspec", "orjson", "re2"}),
    "machine": frozenset({"msgspec", "orjson"}),
    "store": frozenset({"orjson", "msgspec"}),
    "vault": frozenset({"boto3", "botocore", "cryptography", "msgspec", "re2"}),
    "engine": frozenset({"orjson", "msgspec"}),
    "tasks": frozenset({"orjson", "msgspec", "boto3", "botocore", "pyarrow", "httpcore"}),
    "jobs": frozenset({"orjson", "msgspec"}),
    "telemetry": frozenset({"opentelemetry", "msgspec"}),
    "deploy": frozenset({"msgspec", "yaml"}),
    "api": frozenset({"orjson", "msgspec", "starlette", "uvicorn", "botocore", "prometheus_client"}),
    "notify": frozenset({"msgspec"}),
    "schedule": frozenset({"msgspec"}),
    "auth": frozenset({"joserfc", "msgspec", "orjson"}),
    "settings": frozenset({"msgspec"}),
    "assembly": frozenset({"msgspec"}),
    "mounts": frozenset({"starlette"}),
    "event_loop": frozenset({"uvloop"}),
    "serve": frozenset({"starlette", "uvicorn", "uvloop"}),
    "testing": frozenset({"msgspec", "pytest"}),
    "worker": frozenset({"botocore", "msgspec", "orjson"}),
    "commands": frozenset({"rich"}),
}

MAX_LINES = 400


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert found, PACKAGE
    return found


def room_of(module: Path) -> str | None:
    """The room that a module is in; None for the package's own `__init__`."""
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def imports(module: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that is imported, late ones and those for type checkers included."""
    package = ("stepwell", *module.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) - node.level + 1],)) if node.level else ""
            name = ".".join(part for part in (base, node.module or "") if part)
            if name == "stepwell":  # `from stepwell import language` names a room
                yield from ((node.lineno, f"stepwell.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, name


def place(module: Path, line: int | None = None) -> str:
    return f"{module.relative_to(ROOT)}" + (f":{line}" if line else "")


def test_every_room_is_in_the_plan() -> None:
    rooms = {room_of(module) for module in modules()} - {None}
    assert sorted(str(room) for room in rooms if room not in LEVEL) == []


def test_arrows_point_down() -> None:
    wrong = []
    for module in modules():
        room = room_of(module)
        for line, name in imports(module):
            parts = name.split(".")
            if parts[0] != "stepwell" or len(parts) < 2 or parts[1] == room:
                continue
            target = parts[1]
            if target not in LEVEL:
                continue  # a name of the package itself, such as its version
            if room is None:
                allowed = target in FRONT
            else:
                allowed = LEVEL[target] < LEVEL[room] and (room, target) not in FORBIDDEN
            if not allowed:
                why = FORBIDDEN.get((str(room), target), "it stands above")
                wrong.append(f"{place(module, line)} imports {name}: {why}")
    assert wrong == []


def test_no_module_needs_itself_to_be_imported() -> None:
    """A cycle works or fails by who is imported first. What is imported late, or for types alone, is no part of one."""
    known = {_name(module): module for module in modules()}
    needs = {name: ({*_at_import(module, known)} & known.keys()) - {name} for name, module in known.items()}
    while True:  # take away what needs nobody that is left, and what nobody that is left needs: cycles are left
        needed = set().union(*needs.values()) if needs else set()
        free = [name for name, found in needs.items() if name not in needed or not found & needs.keys()]
        if not free:
            break
        for name in free:
            del needs[name]
    assert {name: sorted(found & needs.keys()) for name, found in needs.items()} == {}


def _name(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _at_import(module: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a module needs while it is imported: those of statements at its top."""
    for node in ast.parse(module.read_bytes()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else node.module for name in named)


def test_the_package_never_imports_apps_or_tests() -> None:
    wrong = [
        f"{place(module, line)} imports {name}"
        for module in modules()
        for line, name in imports(module)
        if name.split(".")[0] in ("apps", "tests", "benchmarks", "tools")
    ]
    assert wrong == []


def test_packages_from_outside_are_used_only_where_they_belong() -> None:
    wrong = []
    for module in modules():
        for line, name in imports(module):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in ("stepwell", "_typeshed"):
                continue
            if top not in OUTSIDE.get(room_of(module) or "", frozenset()):
                wrong.append(f"{place(module, line)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("room", ["language", "machine"])
def test_a_pure_room_reads_no_clock_draws_nothing_and_does_no_io(room: str) -> None:
    wrong = []
    for module in sorted((PACKAGE / room).rglob("*.py")):
        for line, name in imports(module):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names and top not in PURE:
                wrong.append(f"{place(module, line)} imports {name}")
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
                wrong.append(f"{place(module, node.lineno)} is asynchronous")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_CALLS:
                wrong.append(f"{place(module, node.lineno)} calls {ast.unparse(node.func)}()")
    assert wrong == []


@pytest.mark.parametrize("room", ["language", "machine"])
def test_a_pure_room_keeps_nothing_between_two_calls(room: str) -> None:
    wrong = [
        f"{place(module, node.lineno)} changes a global"
        for module in sorted((PACKAGE / room).rglob("*.py"))
        for node in ast.walk(ast.parse(module.read_bytes()))
        if isinstance(node, ast.Global)
    ]
    assert wrong == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    sizes = {place(module): len(module.read_bytes().splitlines()) for module in modules()}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    sources = [
        path
        for folder in ("stepwell", "apps", "tests", "benchmarks", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.read_bytes().strip()
    ]
    assert [
        str(path.relative_to(ROOT)) for path in sources if not ast.get_docstring(ast.parse(path.read_bytes()))
    ] == []


def test_the_sources_name_no_path_of_a_machine() -> None:
    """A path such as a home directory works for one person only; what is temporary comes from `tempfile`."""
    machine_path = re.compile(r"(?<![\w.}/])/(work|tmp|home|root|Users|farm|mnt)/[\w.-]+")
    wrong = []
    for folder in ("stepwell", "apps", "benchmarks", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".py", ".sql", ".json", ".toml", ".sh") or "results" in path.parts:
                continue
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if machine_path.search(line):
                    wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert wrong == []
