"""The targets of the language: definitions, states that run, paths, functions, expressions, templates of payloads.

Rules that must stay true here:
- What compiles is evaluated too, on data that has a bit of everything.
"""

from __future__ import annotations

import json
from typing import Any, Final

from stepwell.language.definition import compile_definition, validate_definition
from stepwell.language.definition.lone_state import compile_state
from stepwell.language.diagnostics import InvalidDefinition
from stepwell.language.errors import Overrun, QueryError, SyntaxFault
from stepwell.language.jsonata.query import Query, QueryFault
from stepwell.language.jsonpath import compile_path
from stepwell.language.lint.data_flow import lint_definition
from stepwell.language.reference_path import compile_reference_path
from stepwell.language.resource import parse_resource
from stepwell.language.scope import Patience, Scope
from stepwell.language.template import compile_dynamic, compile_template
from stepwell.language.timestamp import format_timestamp, parse_timestamp
from stepwell.language.values import Json, dumps, loads
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Execution
from stepwell.machine.probe import Probe, Setup
from tests.fuzz.target import Fault, Target, text_of
from tests.language.scopes import FixedRandomness
from tests.language.test_definition_fuzz import JSONATA, JSONPATH

DATA: Final[dict[str, Json]] = {
    "a": {"b": [1, 2.5, -3, "x", None, True, {"c": [[], {}]}], "é": "ü"},
    "items": [{"id": number, "price": number * 1.5, "name": f"n{number}"} for number in range(4)],
    "s": "text, of words",
    "n": 7,
    "big": 2**70,
    "when": "2026-01-31T08:00:00Z",
    "": {"": 0},
}
_NOW: Final = 1_700_000_000_000


def _scope(**choices: Any) -> Scope:
    return Scope(DATA, lambda: {"Execution": {"Id": "e"}}, FixedRandomness(), {"v": DATA, "w": 1}, **choices)


# -- definitions


def _definition(data: bytes) -> None:
    text = text_of(data)
    found = validate_definition(text)
    try:
        compile_definition(text)
    except InvalidDefinition as refusal:
        refusal.aws_message().encode()  # it is told to a client
        if not found or not refusal.diagnostics:
            raise Fault("it is refused without a reason") from refusal
        raise
    if found:
        raise Fault(f"it compiles in spite of {found[0].message}")
    lint_definition(text, DATA)


def _state(data: bytes) -> None:
    """A state runs on the data, succeeds and fails, whatever it is."""
    state = compile_state(text_of(data)).state
    for outcome in ('{"r": [1]}', None):
        execution = Execution(
            key=0,
            arn="arn:aws:states:us-east-1:123456789012:express:m:e",
            name="e",
            machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
            machine_name="m",
            role_arn="",
            start_date=_NOW,
            input=Datum.of_text(dumps(DATA)),
        )
        probe = Probe(Setup(state=state, execution=execution, variables={"v": DATA}), _NOW, bytes(32))
        probe.enter()
        if probe.report is None:
            if outcome is None:
                probe.failed("E", "c")
            elif probe.due is not None:
                probe.woken()
            else:
                probe.succeeded(outcome)
        if probe.report is not None:
            dumps(dict(probe.report.data)).encode()


# -- paths, functions, expressions


def _path(data: bytes) -> None:
    path = compile_path(text_of(data))
    value = path.evaluate(_scope())
    json.dumps(value)


def _reference_path(data: bytes) -> None:
    compile_reference_path(text_of(data)).put(DATA, 1)


def _intrinsic(data: bytes) -> None:
    json.dumps(compile_dynamic(text_of(data), "f.$").evaluate(_scope()))


def _jsonata(data: bytes) -> None:
    query = Query(text_of(data))
    try:
        json.dumps(query.evaluate(_scope(patience=Patience(hurried=True))))
    except Overrun:
        json.dumps(query.evaluate(_scope(patience=Patience(left=lambda: 0.05))))


def _template(data: bytes) -> None:
    json.dumps(compile_template(loads(data)).evaluate(_scope()))


# -- what is smaller


def _timestamp(data: bytes) -> None:
    milliseconds = parse_timestamp(text_of(data))
    if milliseconds >= -62_135_596_800_000 and milliseconds < 253_402_300_800_000:
        format_timestamp(milliseconds)


def _json(data: bytes) -> None:
    value = loads(data)
    if loads(dumps(value)) != value and b"e" not in data.lower() and b"." not in data:
        raise Fault("its text has another value")


def _resource(data: bytes) -> None:
    parse_resource(text_of(data))


_EXPRESSIONS: Final = (b"{%", b"%}", b"{% $states.input %}", b"{% $v %}")
_PATHS: Final = (
    *(b"$", b"$$", b"$.a", b"$v", b"..", b"[*]", b"[0]", b"[-1:]", b"[::2]", b"['a','b']", b"[?(@.id>1)]", b"@.id"),
    *(b"[?(@.name =~ /n.*/i)]", b"&&", b"||", b"!", b"==", b"===", b"=~", b" in ", b" nin ", b" subsetof ", b" empty "),
    *(b".length()", b".sum()", b".concat('a')", b".append(1)", b".keys()", b".stddev()", b"/(a+)+$/", b"null", b"true"),
)
_INTRINSICS: Final = tuple(
    f"States.{name}(".encode()
    for name in (
        *("Format", "StringToJson", "JsonToString", "Array", "ArrayPartition", "ArrayContains", "ArrayRange"),
        *("ArrayGetItem", "ArrayLength", "ArrayUnique", "Base64Encode", "Base64Decode", "Hash", "JsonMerge"),
        *("MathRandom", "MathAdd", "StringSplit", "UUID"),
    )
)
_STATES: Final = tuple(
    json.dumps(state).encode() for document in (JSONPATH, JSONATA) for state in document["States"].values()
)
_FIELDS: Final = tuple(
    sorted(
        {
            json.dumps(name).encode()
            for state in (*JSONPATH["States"].values(), *JSONATA["States"].values())
            for name in state
        }
    )
)
_LEGAL: Final = (
    *_FIELDS,
    *_EXPRESSIONS,
    *_PATHS[:8],
    *_INTRINSICS[:4],
    b'"Next":',
    b'"End":true',
    b'"States":{',
    b'"a.$":"$.a"',
)

TARGETS: Final = (
    Target(
        "definition",
        _definition,
        (InvalidDefinition,),
        (
            json.dumps(JSONPATH).encode(),
            json.dumps(JSONATA).encode(),
            b'{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}',
        ),
        _LEGAL,
        weight=0.1,
    ),
    Target("state", _state, (InvalidDefinition,), _STATES, _LEGAL, weight=0.2),
    Target(
        "jsonpath",
        _path,
        (SyntaxFault, QueryError),
        (
            *(b"$.a.b[0]", b"$..*", b"$.items[?(@.price > 2 && @.id != 3)].name", b"$v.items[0,2]['id','name']"),
            *(
                b"$.a.b[1:3]",
                b"$.items.length()",
                b"$..price.sum()",
                b"$.items[?(@.name =~ /n[0-2]/i)]",
                b"$$.Execution.Id",
            ),
            *(
                b"$.items[?(@.id in [1,2])]",
                b"$.items[?(!(@.id == 1 || $.n < 9))]",
                b"$..[?(@.id)]",
                b"$['a']['b'].first()",
            ),
        ),
        _PATHS,
    ),
    Target(
        "reference-path",
        _reference_path,
        (SyntaxFault, QueryError),
        (b"$.a.b[0]", b"$.a.b[6].c", b"$['x'].y", b"$"),
        _PATHS,
    ),
    Target(
        "intrinsic",
        _intrinsic,
        (SyntaxFault, QueryError),
        (
            *(b"States.Format('{} is {}', $.s, $.n)", b"States.ArrayRange(1, 9, 2)", b"States.MathRandom(1, 5, 7)"),
            *(b"States.ArrayPartition($.items, 2)", b"States.StringSplit($.s, ', ')", b"States.Hash($.s, 'SHA-256')"),
            *(b"States.JsonMerge($.a, $.items[0], false)", b"States.StringToJson('{\\'a\\': 1}')", b"States.UUID()"),
            *(b"States.ArrayGetItem($.a.b, 3)", b"States.ArrayContains($.a.b, null)", b"States.Base64Decode('YQ==')"),
            *(b"States.Array(1, -2.5e3, 'x', true, $$.Execution.Id, $v)", b"States.MathAdd($.n, -1)"),
        ),
        (*_INTRINSICS, *_PATHS[:6], b"')", b"', ", b"'SHA-1'", b"'MD5'"),
    ),
    Target(
        "jsonata",
        _jsonata,
        (SyntaxFault, QueryFault),
        (
            *(
                b"$states.input.items[price > 2].name",
                b"$sum($v.items.price) & ''",
                b"$map([1..5], function($i) { $i * 2 })",
            ),
            *(
                b"$states.input.s ~> $split(', ') ~> $join('-')",
                b"{'a': $v.n, 'b': [1, 2, 3]}",
                b"$match('abc', /b(c)/)",
            ),
            *(b"($x := 1; $x + $states.input.n)", b"$v.items^(>price){name: id}", b"$now()", b"$partition([1,2,3], 2)"),
            *(
                b"$hash('a', 'SHA-1')",
                b"$parse('{}')",
                b"$fromMillis(0, '[Y]')",
                b"$v.items ~> |$|{'id': 0}|",
                b"**.id",
            ),
            *(
                b"$states.input.items@$i#$n.{'n': $n}",
                b"$f := function($n) { $n = 0 ? 0 : $f($n - 1) }",
                b"$toMillis('2')",
            ),
        ),
        (
            *(
                b"$states",
                b".input",
                b"$v",
                b"function($x){",
                b"~>",
                b":=",
                b"? ",
                b"[1..9]",
                b"{}",
                b"**",
                b"%",
                b"^(",
                b"@$a",
            ),
            *(
                b"$string(",
                b"$number(",
                b"$substring(",
                b"$replace(",
                b"$reduce(",
                b"$sift(",
                b"$each(",
                b"$pad(",
                b"$eval(",
            ),
            *(
                b"$formatNumber(",
                b"$formatInteger(",
                b"$parseInteger(",
                b"/a+/",
                b"$lookup(",
                b"$merge(",
                b"$error(",
                b"|",
            ),
            *(
                b"$range(",
                b"$random(",
                b"$uuid(",
                b"$type(",
                b"$sort(",
                b"$zip(",
                b"$assert(",
                b"$base64decode(",
                b"and",
                b"`",
            ),
        ),
        weight=0.1,
        guided=False,
    ),
    Target(
        "payload",
        _template,
        (SyntaxFault, QueryError, ValueError),
        (b'{"a.$": "$.a", "l": [1, {"b.$": "States.UUID()"}], "c": {"d.$": "$$.Execution.Id"}}',),
        (*_INTRINSICS[:5], *_PATHS[:8], b'"a.$":', b'".$":'),
    ),
    Target(
        "timestamp",
        _timestamp,
        (ValueError,),
        (b"2016-03-14T01:59:00Z", b"2016-03-14T01:59:00.123456789+02:00", b"0001-01-01T00:00:00-18:00"),
        (b"T", b"Z", b"+23:59", b"9999-12-31", b".999999999"),
        weight=4,
    ),
    Target(
        "json",
        _json,
        (ValueError,),
        (json.dumps(DATA).encode(), b'{"a":1,"a":2}', b"1" * 30),
        (b'"\\ud83d\\ude00"', b"1e5", b"12345678901234567890"),
    ),
    Target(
        "resource",
        _resource,
        (SyntaxFault,),
        (
            *(
                b"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
                b"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            ),
            *(b"arn:aws:states:us-east-1:123456789012:activity:a", b"arn:aws:states:::aws-sdk:s3:getObject"),
        ),
        (b"arn:", b"aws-cn", b":states:::", b"lambda", b":function:", b".sync:2", b".waitForTaskToken", b"aws-sdk:"),
        weight=4,
    ),
)
