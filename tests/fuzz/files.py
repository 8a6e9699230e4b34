"""The targets that read files: items of distributed Maps, templates, settings, mocks.

Rules that must stay true here:
- What is read from a file is written to one, in a folder in memory where the machine has one.
"""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from stepwell.app import AppError
from stepwell.deploy.document import read_document
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.template_app import load_template
from stepwell.settings import Settings, SettingsError, load_settings
from stepwell.tasks.item_reader import csv_rows, json_array, json_lines, manifest, parquet
from stepwell.tasks.item_reader.rows import Format, Malformed
from stepwell.tasks.mock import MockConfig, MockConfigError
from stepwell.tasks.objects import Fetched
from tests.fuzz.target import Fault, Target, text_of

_SHARED_MEMORY: Final = Path("/dev/shm")
_folder = tempfile.TemporaryDirectory(prefix="stepwell-fuzz-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None)
FOLDER: Final = Path(_folder.name)


def _written(name: str, data: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


# -- items of distributed Maps


def _reads(form: Format, config: Mapping[str, Any], most: int = 50) -> Callable[[bytes], None]:
    """What reads a file of this format, all of it and then what is behind the first item."""

    def check(data: bytes) -> None:
        path = _written("items", data)
        found = []
        for value, place in form(path, config, None):
            json.dumps(value)
            found.append(place)
            if len(found) == most:
                break
        if found and json.loads(json.dumps(found[0])) is not None:
            rest = [place for _, place in zip(form(path, config, found[0]), range(most - 1), strict=False)]
            if len(rest) != len(found) - 1 and len(found) < most:
                raise Fault(f"{len(found)} items, and {len(rest)} behind the first")

    return check


def _manifest(data: bytes) -> None:
    kind = "S3_INVENTORY" if data.lstrip().startswith(b"{") else "ATHENA_DATA"
    for part in manifest.parts(_written("manifest", data), {"ManifestType": kind, "InputType": "CSV"}, "bucket"):
        json.dumps([part.bucket, part.key, part.input_type, dict(part.config)])


def _packed(data: bytes) -> None:
    manifest.unpacked(Fetched(_written("packed.gz", data), "pin", temporary=False), "packed.gz").discard()


def _parquet_file() -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError:
        return b"PAR1"
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]}), file)
    return file.getvalue()


# -- templates, settings, mocks


def _document(data: bytes) -> None:
    json.dumps(read_document(text_of(data), "template.yaml", twice=[]))


def _template(data: bytes) -> None:
    folder = FOLDER / "shop"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "app.py").write_text("def handler(event, context):\n    return event\n")
    path = folder / "template.yaml"
    path.write_bytes(data)
    load_template(path, Settings())


def _settings(data: bytes) -> None:
    load_settings({}, {}, FOLDER, str(_written("stepwell.toml", data)))


def _variables(data: bytes) -> None:
    names = [
        f"STEPWELL_{name.upper()}"
        for name in ("port", "host", "store", "access_keys", "tokens", "allowed_hosts", "sensitive")
    ]
    load_settings(dict(zip(names, text_of(data).split("\n"), strict=False)), {}, FOLDER)


def _mocks(data: bytes) -> None:
    MockConfig.load(_written("mocks.json", data))


_TEMPLATE: Final = b"""\
Transform: AWS::Serverless-2016-10-31
Parameters: {Name: {Type: String, Default: x}}
Globals: {Function: {Runtime: python3.12, Timeout: 5}}
Conditions: {"Yes": !Equals [!Ref Name, x]}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Environment:
        Variables: {A: !Sub "${Name}-${AWS::Region}", B: !Join [",", [a, !Ref Name]]}
      Events:
        Get: {Type: Api, Properties: {Path: "/orders/{id}", Method: get}}
        Each: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
  Poller:
    Type: AWS::Serverless::StateMachine
    Condition: "Yes"
    Properties:
      Type: STANDARD
      DefinitionSubstitutions: {Arn: !GetAtt Orders.Arn}
      Definition: {StartAt: A, States: {A: {Type: Task, Resource: "${Arn}", End: true}}}
"""


def _as_json(template: bytes) -> bytes:
    return json.dumps(read_document(text_of(template), "template.yaml")).encode()


_CHARACTERS: Final = (
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!Ref ",
    b"!Sub ",
    b"!GetAtt ",
    b"- ",
    b": ",
    b"? ",
    b"|\n",
    b">-\n",
    b"!!python/object:os.system ",
)

_PARQUET: Final = (
    ()
    if find_spec("pyarrow") is None
    else (
        Target(
            "parquet",
            _reads(parquet.rows, {}),
            (Malformed,),
            (_parquet_file(),),
            (b"PAR1", b"\x15", b"\x00\x00\x00"),
            short=150,
            weight=0.2,
            guided=False,
        ),
    )
)
"""None where the package that reads it is not installed."""

TARGETS: Final = (
    Target(
        "csv",
        _reads(csv_rows.rows, {}),
        (Malformed,),
        (b'\xef\xbb\xbfa,b\r\n1,"x\r\n""y"""\n\n3', b"a\n1\n2\n"),
        (b",", b'"', b"\r\n", b"\n", b"\x00"),
    ),
    Target(
        "jsonl",
        _reads(json_lines.rows, {}),
        (Malformed,),
        (b'{"a":1}\n\n[2]\n3\n', b'"x"'),
        (b"{", b"}\n", b"[", b"]\n", b'"'),
    ),
    Target(
        "json-items",
        _reads(json_array.rows, {}),
        (Malformed,),
        (b'[1, "a]", {"b": [2]}, null ]', b"[]"),
        (b"[", b"]", b",", b'"', b'\\"', b"{", b"}"),
    ),
    Target(
        "json-pointer",
        _reads(json_array.rows, {"ItemsPointer": "/a/0/b~1c"}),
        (Malformed,),
        (b'{"x": {"y": "}"}, "a": [{"b/c": [1, 2, {"d": 3}]}]}',),
        (b"[", b"]", b",", b'"', b'"a"', b":", b"{", b"}", b'"b/c":['),
    ),
    *_PARQUET,
    Target(
        "manifest",
        _manifest,
        (Malformed,),
        (
            b'"s3://b/k.csv"\ns3://b/l.gz\n',
            b'{"files":[{"key":"k"}],"destinationBucket":"arn:aws:s3:::b","fileFormat":"CSV","fileSchema":"A, B"}',
        ),
        (b"s3://", b'"files":', b'"key":', b"[", b"null"),
    ),
    Target(
        "gzip",
        _packed,
        (Malformed,),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), gzip.compress(b"x" * 9000, mtime=0)),
        (b"\x1f\x8b\x08", b"\x00\x00"),
        weight=0.5,
    ),
    Target(
        "document",
        _document,
        (TemplateError,),
        (_TEMPLATE, b'{"a": [1, {"b": null}]}', b"a: &a [1]\nb: [*a, *a]\nc: {<<: {d: 1}}\n"),
        _CHARACTERS,
        weight=0.1,
    ),
    Target(
        "template",
        _template,
        (AppError,),
        (_TEMPLATE, _as_json(_TEMPLATE)),
        (*_CHARACTERS, b"Type:", b"Properties:", b"Fn::If", b"Fn::FindInMap", b"${", b"AWS::NoValue", b"../../../etc"),
        short=150,
        weight=0.02,
    ),
    Target(
        "settings",
        _settings,
        (SettingsError,),
        (
            b'port = 8083\nstore = "x.db"\nsensitive = ["* $..password"]\n[auth.tokens.me]\nsha256 = "'
            + b"0" * 64
            + b'"\n[functions.F]\ncommand = ["x"]\n',
        ),
        (b"[auth", b"= ", b'"', b"[[", b"true", b"1979-05-27", b"host = "),
        weight=0.5,
    ),
    Target(
        "variables",
        _variables,
        (SettingsError,),
        (b"8083\n127.0.0.1\nx.db\nID:SECRETSECRETSECRET:read-only\nname:tokentokentokentoken\na.example,b\n* token",),
        (b"\n", b":", b","),
        weight=0.5,
    ),
    Target(
        "mocks",
        _mocks,
        (MockConfigError,),
        (
            b'{"StateMachines":{"M":{"TestCases":{"C":{"S":"R"}}}},"MockedResponses":{"R":{"0":{"Return":1},"1-2":{"Throw":{"Error":"E","Cause":"c"}}}}}',
        ),
        (b'"0-5":', b'"Throw":', b'"Return":', b"{", b"}"),
    ),
)
