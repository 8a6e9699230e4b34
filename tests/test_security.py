"""The threat model: each line of docs/security.md has its tests, and here are those that belong to no room.

Rules that must stay true here:
- What a line promises of every door is asked of every door that there is.
"""

from __future__ import annotations

import ast
import io
import re
import sqlite3
import stat
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from stepwell.auth.table import read_table
from stepwell.deploy.description import Archive
from stepwell.deploy.unpacked import folder_of
from stepwell.settings import SettingsError, load_settings
from stepwell.store.open import open_store
from stepwell.store.sqlite.backup import back_up, restore
from stepwell.tasks.object_folder import FolderObjects
from stepwell.tasks.objects import ObjectError
from tests.fuzz.doors import DOORS
from tests.fuzz.world import World, http_request

# Its servers are in this process; they and those of the fuzzed doors come one after the other.
pytestmark = pytest.mark.xdist_group("fuzz-doors")

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "stepwell"
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
EVIL = "https://evil.example"
TOKEN = "a-token-of-more-than-16-characters"


# -- the page


def rows() -> list[list[str]]:
    table = PAGE.split("\n## What holds\n")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ][2:]


@cache
def defined(file: str) -> frozenset[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_page_has_a_line_for_each_threat() -> None:
    assert len(rows()) > 30
    assert all(len(row) == 4 and all(row) for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_each_line_names_tests_that_there_are(row: list[str]) -> None:
    named = re.findall(r"`(tests/[^`]+)::(test_\w+)`", row[3])
    assert named
    assert [f"{file}::{test}" for file, test in named if test not in defined(file)] == []


# -- every door


@pytest.fixture(scope="module")
def open_world() -> Iterator[World]:
    """A server that asks nobody."""
    world = World()
    yield world
    world.close()


@pytest.fixture(scope="module")
def guarded_world() -> Iterator[World]:
    """A server that asks for a token."""
    world = World(auth=read_table({"tokens": {"me": {"sha256": sha256(TOKEN.encode()).hexdigest()}}}, ROOT / "x.toml"))
    yield world
    world.close()


def requests() -> list[bytes]:
    return [request for of_door in DOORS.values() for request in of_door]


def line_of(request: bytes) -> tuple[str, str]:
    """Method and path."""
    method, path, _ = request.split(b"\r\n")[0].decode("latin-1").split(" ")
    return method, path


def named(request: bytes) -> str:
    target = re.search(rb"X-Amz-Target: (\S+)", request)
    return " ".join([*line_of(request), *([target[1].decode()] if target else [])])


PUBLIC = ("/health", "/ready", "/jobs/docs")
TO_EVERY_SITE = ("/trends",)


@pytest.mark.parametrize("request_", requests(), ids=named)
def test_every_door_asks_who_is_calling(guarded_world: World, request_: bytes) -> None:
    method, path = line_of(request_)
    status, head, body = guarded_world.knock(request_)
    if path in PUBLIC or method == "OPTIONS":
        assert status < 500
        return
    assert status in (400, 401, 403, 405)
    assert status == 405 or b"Missing" in body or b"www-authenticate" in head.lower()


def test_the_token_opens_what_it_is_for(guarded_world: World) -> None:
    assert guarded_world.knock(http_request("GET", "/jobs", headers={"Authorization": f"Bearer {TOKEN}"}))[0] == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"]
)
@pytest.mark.parametrize("request_", [found for found in requests() if line_of(found)[0] == "POST"], ids=named)
def test_a_foreign_page_changes_nothing_with_what_it_may_send_unasked(
    open_world: World, request_: bytes, kind: str | None
) -> None:
    """A browser sends a POST with one of these types, or none, to any site; but no header of its page's choice."""
    _, path = line_of(request_)
    if path in TO_EVERY_SITE:
        return
    body = request_.partition(b"\r\n\r\n")[2]
    headers = {"Origin": EVIL, **({} if kind is None else {"Content-Type": kind})}
    status, _, said = open_world.knock(http_request("POST", path, body, headers))
    assert status in (400, 403, 404, 415), said


@pytest.mark.parametrize("path", sorted({line_of(request)[1] for request in requests()} - set(TO_EVERY_SITE)))
def test_no_foreign_page_is_allowed_more(open_world: World, path: str) -> None:
    if path.startswith("/trends"):
        return
    for method in ("POST", "PUT", "DELETE"):
        asked = {
            "Origin": EVIL,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "x-amz-target",
        }
        _, head, _ = open_world.knock(http_request("OPTIONS", path, headers=asked))
        assert b"access-control-allow" not in head.lower()
        _, head, _ = open_world.knock(http_request("GET", path, headers={"Origin": EVIL}))
        assert b"access-control-allow" not in head.lower()


# -- files


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_a_new_database_and_a_backup_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "s.db"))
    await store.set_tags("arn", {"a": "b"}, [], 50)
    try:
        back_up(tmp_path / "s.db", tmp_path / "copy.db")
        made = modes(tmp_path)
    finally:
        await store.close()
    assert {"s.db", "s.db-wal", "copy.db"} <= set(made)
    assert {name: mode for name, mode in made.items() if mode & 0o077} == {}
    restore(tmp_path / "copy.db", tmp_path / "again.db")
    assert stat.S_IMODE((tmp_path / "again.db").stat().st_mode) == 0o600


async def test_a_database_that_others_may_read_stays_so(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")):
        pass
    (tmp_path / "s.db").touch()
    (tmp_path / "s.db").chmod(0o640)
    await (await open_store(str(tmp_path / "s.db"))).close()
    assert stat.S_IMODE((tmp_path / "s.db").stat().st_mode) == 0o640


async def test_no_link_and_no_odd_name_leads_out_of_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    bucket = tmp_path / "objects" / "bucket"
    bucket.mkdir(parents=True)
    (bucket / "mine").write_text("x")
    (bucket / "out").symlink_to(tmp_path / "secret")
    (bucket / "circle").symlink_to(bucket / "circle")
    (bucket / "folder").symlink_to(tmp_path)
    objects = FolderObjects(tmp_path / "objects")
    for key in (
        "out",
        "circle",
        "folder/secret",
        "a\0b",
        "\0",
        "../../secret",
        str(tmp_path / "secret"),
        "a" * 5_000,
        "",
    ):
        with pytest.raises(ObjectError, match="does not exist"):
            await objects.fetch("bucket", key, None, None)
    for name in ("..", ".", "", "a\0", "/etc", "bucket/..", "../objects/bucket/folder"):
        with pytest.raises(ObjectError, match="does not exist"):
            await objects.fetch(name, "mine", None, None)
    assert [entry.key async for entry in objects.entries("bucket", "", "")] == ["mine"]


def test_an_archive_writes_nothing_outside_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        for name in ("../../../out.py", "/absolute.py", "fine.py"):
            archive.writestr(name, "x = 1")
    folder = folder_of(Archive(tmp_path / "code.zip"), "python3.12")
    assert {path.name for path in tmp_path.rglob("*.py")} == {path.name for path in folder.rglob("*.py")}
    assert not (tmp_path / "out.py").exists()


def test_an_archive_that_lies_or_is_broken_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", "x = 1\n" * 100)
    good = whole.getvalue()
    broken = {
        "cut": good[: len(good) // 2],
        "changed": good[:45] + b"\xff\xff\xff" + good[48:],
        "locked": good.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
        "packed otherwise": good.replace(b"\x00\x00\x08\x00", b"\x00\x00\x63\x00"),
    }
    for name, content in broken.items():
        path = tmp_path / f"{name}.zip"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is no \.zip that can be read"):
            folder_of(Archive(path), "python3.12")


# -- what is told


def test_a_misspelt_variable_is_told_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"STEPWELL_VAULT_KMS_KEYS": "very-secret"}, {}, tmp_path)
    assert "STEPWELL_VAULT_KMS_KEYS" in str(refused.value)
    assert "very-secret" not in str(refused.value)


# -- the sources


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


UNSAFE_MODULES = frozenset({"pickle", "cPickle", "shelve", "marshal", "dill", "code", "codeop", "telnetlib"})
UNSAFE_CALLS = frozenset(
    {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
)


OUR_OWN = "stepwell/testing/copies.py imports pickle"
"""What a copy of a test's own process tells it, through a pipe that nobody else has."""


def test_no_data_becomes_code() -> None:
    wrong = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
                wrong += [f"{path}:{node.lineno} imports {name}" for name in modules if name in UNSAFE_MODULES]
            elif isinstance(node, ast.Call):
                if ast.unparse(node.func) in UNSAFE_CALLS:
                    wrong.append(f"{path}:{node.lineno} calls {ast.unparse(node.func)}")
                if any(each.arg == "shell" and ast.unparse(each.value) != "False" for each in node.keywords):
                    wrong.append(f"{path}:{node.lineno} asks a shell")
    assert [found for found in wrong if re.sub(r":\d+", "", found) != OUR_OWN] == []


def test_yaml_is_read_by_the_safe_loader_alone() -> None:
    found = [str(path) for path, _ in sources() if re.search(r"yaml\.\w*Loader", (ROOT / path).read_text("utf-8"))]
    assert found == ["stepwell/deploy/document.py"]
    assert set(re.findall(r'yaml\.(\w+Loader)|"(\w+Loader)"', (ROOT / found[0]).read_text("utf-8"))) <= {
        ("SafeLoader", ""),
        ("", "CSafeLoader"),
    }


_SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE (TABLE|INDEX)|PRAGMA|WITH|AND|WHERE|ORDER|FROM|VALUES|VACUUM)\s"
)
_CONSTANT = re.compile(r"(\w+\.)*_?[A-Z][A-Z_0-9]*")
_NAMES_OF_OURS = frozenset(
    {"table", "which", "version", "field.name", "stepwell.__version__", "seen", "missing"}
    | {"content.table", "content.owner", "columns"}
)
"""Names of tables and columns out of constants, as SQL takes none as a parameter."""


def test_sql_is_made_of_constants_alone() -> None:
    wrong = []
    for path, tree in sources():
        inside = path.is_relative_to("stepwell/store/sqlite")
        raised = {inner for node in ast.walk(tree) if isinstance(node, ast.Raise) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr) or node in raised:  # a message is no statement
                continue
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
            parts = [ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)]
            if inside and _SQL.match(text):
                wrong += [f"{path}:{node.lineno} {{{part}}}" for part in parts if not _is_ours(part)]
            elif not inside and re.match(r"(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET) ", text):
                wrong.append(f"{path}:{node.lineno}: SQL belongs to the store")
    assert wrong == []


def _is_ours(part: str) -> bool:
    """Whether a part of a statement comes from the source alone."""
    used = set(re.findall(r"[A-Za-z_][\w.]*", re.sub(r"'[^']*'", "", part)))
    language = {"if", "else", "or", "for", "in", "join", "len", "fields", "field", "before", "f", "s"}
    return all(_CONSTANT.fullmatch(name) or name in _NAMES_OF_OURS | language or name.endswith("Row") for name in used)


def test_secrets_are_compared_in_constant_time() -> None:
    """Where a name says that it is a credential, `==` is not asked."""
    secret = re.compile(r"(^|\.|_)(token|secret|digest|proof|signature|mac|password)$")
    allowed = {
        "stepwell/api/scheduler/groups.py",  # a client's own name for a request: no secret
        "stepwell/schedule/registry.py",
        "stepwell/engine/children.py",  # both sides are the server's own rows
        "stepwell/engine/engine.py",
    }
    wrong = []
    for path, tree in sources():
        if str(path) in allowed:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
                plain = isinstance(node.comparators[0], ast.Constant)
                if secret.search(left) and not plain:
                    wrong.append(f"{path}:{node.lineno} {left} … {right}")
    assert wrong == []


def test_every_dependency_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = [*project["project"]["dependencies"]]
    for group in (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()):
        listed += group
    assert [each for each in listed if isinstance(each, str) and "<" not in each] == []
