"""The formats of a distributed Map's items: what is an item, and reading on from any place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from stepwell.engine.map_run.data_set import Unreadable
from stepwell.tasks.data_sets import ObjectDataSets
from stepwell.tasks.item_reader import csv_rows, json_array, json_lines, manifest
from stepwell.tasks.item_reader.rows import LARGEST, Malformed
from stepwell.tasks.object_folder import FolderObjects
from stepwell.tasks.objects import Fetched


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def items(format, path: Path, **config) -> list:
    """All items; from each place, the rest is what follows."""
    found = list(format(path, config, None))
    for index, (_, place) in enumerate(found):
        rest = [value for value, _ in format(path, config, place)]
        assert rest == [value for value, _ in found[index + 1 :]]
    return [value for value, _ in found]


def test_the_first_row_of_a_csv_file_has_the_headers(file) -> None:
    path = file('\ufeffa,b\r\n1,"x\r\ny, ""z"""\r\n\r\n3,4')
    assert items(csv_rows.rows, path) == [{"a": "1", "b": 'x\r\ny, "z"'}, {"a": "3", "b": "4"}]


def test_headers_may_be_given_and_rows_be_longer_or_shorter(file) -> None:
    given = {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["H1", "H2"]}
    assert items(csv_rows.rows, file("1,2,3\n   \n"), **given) == [{"H1": "1", "H2": "2"}, {"H1": "   ", "H2": ""}]


@pytest.mark.parametrize(
    ("name", "mark"), [("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"), ("SPACE", " "), ("TAB", "\t")]
)
def test_fields_are_parted_by_the_delimiter(file, name: str, mark: str) -> None:
    assert items(csv_rows.rows, file(f"a{mark}b\n1{mark}2\n"), CSVDelimiter=name) == [{"a": "1", "b": "2"}]


def test_a_header_stands_once(file) -> None:
    with pytest.raises(Malformed, match=r"^CSV headers cannot contain duplicates\.$"):
        items(csv_rows.rows, file("a,a\n1,2\n"))


def test_every_line_of_json_lines_is_an_item(file) -> None:
    assert items(json_lines.rows, file('{"a":1}\n\n[2]\n3')) == [{"a": 1}, [2], 3]
    with pytest.raises(Malformed, match="is not JSON"):
        items(json_lines.rows, file("{\n"))


@pytest.mark.parametrize(
    "value",
    [[], [1], [1.5, -2, True, None, "a"], [{"a": [1, {"b": "]}"}]}, [[]], {}], ['"\\', "\u00e9]", ""]],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_elements_of_an_array_are_the_items(file, value: list, indent: int | None) -> None:
    assert items(json_array.rows, file(json.dumps(value, indent=indent))) == value
    assert items(json_array.rows, file(json.dumps(value, indent=indent, ensure_ascii=False))) == value


def test_a_pointer_leads_to_the_array(file) -> None:
    path = file(json.dumps({"x": [1, "}"], "a/b": [{"c~d": 1}, {"c~d": [7, 8]}]}))
    assert items(json_array.rows, path, ItemsPointer="/a~1b/1/c~0d") == [7, 8]


@pytest.mark.parametrize(("text", "pointer"), [('{"a": 1}', ""), ("1", ""), ('{"a": {}}', "/a"), ('{"a": []}', "/b")])
def test_what_is_no_array_has_no_items(file, text: str, pointer: str) -> None:
    with pytest.raises(Malformed, match=r"^Attempting to map over non-iterable node\.$"):
        items(json_array.rows, file(text), ItemsPointer=pointer)


@pytest.mark.parametrize("text", ["[1", "[1 2]", "[{]", '["a', "[,]", ""])
def test_what_is_no_json_is_refused(file, text: str) -> None:
    with pytest.raises(Malformed, match="not well-formed"):
        items(json_array.rows, file(text))


# -- data sets of objects


@pytest.fixture
def bucket(tmp_path) -> Path:
    folder = tmp_path / "objects" / "bucket"
    folder.mkdir(parents=True)
    return folder


async def everything(bucket: Path, action: str = "getObject", config: dict | None = None, **arguments: str) -> list:
    """All items, read one by one, and from each place on."""
    sets = ObjectDataSets(FolderObjects(bucket.parent))
    reader = {"action": action, "arguments": {"Bucket": "bucket", **arguments}, "config": config or {}}
    opened = await sets.open(reader, None, None)
    found = []
    while some := await opened.read(2):
        found += some
    await opened.close()
    for index, item in enumerate(found):
        again = await sets.open(reader, item.cursor, opened.pin)
        rest = [other.value for other in await again.read(100)]
        assert rest == [other.value for other in found[index + 1 :]][: len(rest)]
        assert rest or index == len(found) - 1
        await again.close()
    return [item.value for item in found]


async def test_the_objects_of_a_bucket_are_items(bucket: Path) -> None:
    for name in ("in/b", "in/a", "other"):
        bucket.joinpath(name).parent.mkdir(exist_ok=True)
        bucket.joinpath(name).write_text("[1]")
    found = await everything(bucket, "listObjectsV2", Prefix="in/")
    assert [(item["Key"], item["Size"], item["StorageClass"]) for item in found] == [
        ("in/a", 3, "STANDARD"),
        ("in/b", 3, "STANDARD"),
    ]


async def test_the_objects_of_a_bucket_may_be_loaded_and_flattened(bucket: Path) -> None:
    bucket.joinpath("a.jsonl").write_text("1\n2\n3\n")
    bucket.joinpath("b.jsonl").write_text("")
    bucket.joinpath("c.jsonl").write_text("4\n")
    config = {"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN"}
    assert await everything(bucket, "listObjectsV2", config) == [1, 2, 3, 4]


async def test_an_inventory_names_files_with_its_own_columns(bucket: Path) -> None:
    bucket.joinpath("1.csv.gz").write_bytes(gzip.compress(b'"bucket","k1","5"\n"bucket","k2","6"\n'))
    bucket.joinpath("2.csv.gz").write_bytes(gzip.compress(b'"bucket","k3","7"\n'))
    files = [{"key": "1.csv.gz"}, {"key": "2.csv.gz"}]
    manifest = {"destinationBucket": "arn:aws:s3:::bucket", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size"}
    bucket.joinpath("manifest.json").write_text(json.dumps({**manifest, "files": files}))
    found = await everything(bucket, config={"InputType": "MANIFEST"}, Key="manifest.json")
    assert found == [{"Bucket": "bucket", "Key": f"k{n}", "Size": str(n + 4)} for n in (1, 2, 3)]


async def test_an_athena_manifest_names_files_of_the_input_type(bucket: Path) -> None:
    bucket.joinpath("1.jsonl").write_text('{"n":1}\n{"n":2}\n')
    bucket.joinpath("2.jsonl").write_text('{"n":3}\n')
    bucket.joinpath("manifest.csv").write_text("s3://bucket/1.jsonl\ns3://bucket/2.jsonl\n")
    config = {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}
    assert await everything(bucket, config=config, Key="manifest.csv") == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_rows_of_parquet_are_items(bucket: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"n": [1, 2, 3], "s": ["a", None, "c"]}), bucket / "f.parquet", row_group_size=2)
    found = await everything(bucket, config={"InputType": "PARQUET"}, Key="f.parquet")
    assert found == [{"n": 1, "s": "a"}, {"n": 2, "s": None}, {"n": 3, "s": "c"}]


@pytest.mark.parametrize("key", ["../secret", "..", "/etc/hostname", "gone"])
async def test_a_key_never_leads_out_of_its_bucket(bucket: Path, key: str) -> None:
    bucket.parent.joinpath("secret").write_text("[1]")
    with pytest.raises(Unreadable, match="The specified key does not exist"):
        await everything(bucket, Key=key)


async def test_a_bucket_never_leads_out_of_the_folder(bucket: Path) -> None:
    with pytest.raises(Unreadable, match="The specified bucket does not exist"):
        await everything(bucket, Bucket="..", Key="x")


# -- what is made to do harm


def test_a_packed_file_is_unpacked_up_to_a_bound_and_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    bomb = tmp_path / "bomb.csv.gz"
    bomb.write_bytes(gzip.compress(bytes(50_000_000)))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(Malformed, match=r"^bomb\.csv\.gz has more than 10,000,000 bytes when it is unpacked\.$"):
        manifest.unpacked(Fetched(bomb, "", temporary=False), bomb.name, largest=10_000_000)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_packed_file_that_is_none_is_told_by_name(tmp_path) -> None:
    for number, content in enumerate((b"a,b\n", gzip.compress(b"a,b\n")[:-9], b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff")):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(content)
        with pytest.raises(Malformed, match=rf"^{number}\.gz cannot be unpacked: "):
            manifest.unpacked(Fetched(path, "", temporary=False), path.name)


@pytest.mark.parametrize(
    ("format", "begin", "fill"),
    [(csv_rows.rows, b"a\n", b"x"), (json_lines.rows, b'"', b"x"), (json_array.rows, b"[", b"[")],
)
def test_an_item_without_an_end_is_not_read_into_memory(file, format, begin: bytes, fill: bytes) -> None:
    path = file(begin + fill * (LARGEST + 2) + (b"]" * (LARGEST + 3) if fill == b"[" else b""))
    with pytest.raises(Malformed, match=r"begins at byte \d+ has more than 16,777,216 bytes"):
        list(format(path, {}, None))


def test_a_manifest_is_no_larger_than_may_be_read_at_once(tmp_path) -> None:
    path = tmp_path / "manifest"
    with path.open("wb") as sparse:
        sparse.truncate(manifest.LARGEST + 1)
    with pytest.raises(Malformed, match=r"^The manifest has more than 67,108,864 bytes\.$"):
        manifest.parts(path, {"ManifestType": "ATHENA_DATA"}, "bucket")
