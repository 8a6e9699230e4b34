"""The intrinsic functions: recorded results first, then the limits that AWS documents."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.intrinsics import compile_intrinsic
from stepwell.language.intrinsics.functions import FUNCTIONS
from stepwell.language.values import Json
from tests.language.scopes import scope


def call(text: str, input: Json = None, context: Json = None) -> Json:
    return compile_intrinsic(text).evaluate(scope(input, context))


def failure(text: str, input: Json = None) -> QueryError:
    with pytest.raises(QueryError) as caught:
        call(text, input)
    return caught.value


def test_all_eighteen_functions_are_there() -> None:
    assert len(FUNCTIONS) == 18


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("States.Array()", []),
        ("States.Array('a', 1, -2.5, 1e3, true, false, null)", ["a", 1, -2.5, 1000.0, True, False, None]),
        ("States.Array($.list, $$.Name)", [[1, 2, 3, 4, 5], "run"]),
        ("States.ArrayPartition($.list, 2)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayPartition($.list, 9)", [[1, 2, 3, 4, 5]]),
        ("States.ArrayContains($.list, 3)", True),
        ("States.ArrayContains($.list, '3')", False),
        ("States.ArrayContains($.mixed, $.mixed[6])", True),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(0, 10, 3)", [0, 3, 6, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayRange(1, 0, 1)", []),
        ("States.ArrayGetItem($.list, 4)", 5),
        ("States.ArrayLength($.list)", 5),
        ("States.ArrayUnique($.mixed)", [1, True, "1", 1.0, [1], {"a": 1, "b": 2}]),
        ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
        ("States.Base64Decode('RGVjb2RlZCBkYXRh')", "Decoded data"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.Hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("States.JsonToString($.object)", '{"a":{"a1":1},"b":2}'),
        ("States.StringToJson('{\"a\": [1.0, null]}')", {"a": [1.0, None]}),
        (r"States.StringToJson('\{\}')", {}),
        ("States.JsonMerge($.object, $.other, false)", {"a": {"a2": 2}, "b": 2, "c": 3}),
        ("States.MathRandom(1, 3)", 2),
        ("States.MathRandom(12.5, 44.51)", 29),
        ("States.StringSplit('1,2,3', ',')", ["1", "2", "3"]),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
        ("States.StringSplit(', , ,', ',')", [" ", " "]),
        ("States.StringSplit(',,,', ',')", []),
        ("States.StringSplit('Hello\nWorld', '\n')", ["Hello", "World"]),
        ("States.UUID()", "4c6f1a04-9f57-4d3b-8f5a-0d3c6a7f1b2c"),
        ("States.Format('Hello, {}!', $$.Name)", "Hello, run!"),
        ("States.Format($.template, 1, 'x')", "1 and x"),
        (r"States.Format('\{{}\} it\'s \\{}', 1, 2)", r"{1} it's \2"),
        ("States.Format('{} {} {} {}', null, true, 1.1, 10000000.0)", "null true 1.1 1.0E7"),
        ("States.Format('{}', $.object)", "{a={a1=1}, b=2}"),
        ("States.Format('{}', $.list)", "[1, 2, 3, 4, 5]"),
        ("States.ArrayGetItem(States.StringSplit('a-b', '-'), 1)", "b"),
        ("States.ArrayLength( $.list[?(@ > 2 || @ in [1, ')'])] )", 4),
    ],
)
def test_a_call_gives_what_aws_gives(text: str, expected: Json) -> None:
    input: Json = {
        "list": [1, 2, 3, 4, 5],
        "mixed": [1, 1, True, "1", 1.0, [1], {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1]],
        "object": {"a": {"a1": 1}, "b": 2},
        "other": {"c": 3, "a": {"a2": 2}},
        "template": "{} and {}",
    }
    result = call(text, input, {"Name": "run"})
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [(1.49, 1.5, 3), (-1.49, -1.5, -2), (-1.5, -1.51, -3), (0.5, 0, 1), (-0.5, 0.5, 1), (2.5, 0, 3), (-2.5, 0, -2)],
)
def test_numbers_are_rounded_before_they_are_added_and_halves_go_up(first: float, second: float, total: int) -> None:
    assert call("States.MathAdd($[0], $[1])", [first, second]) == total


def test_whole_numbers_beyond_64_bits_stay_exact() -> None:
    assert call("States.MathAdd($, 1)", 10**30) == 10**30 + 1


def test_a_seed_alone_decides_a_random_number() -> None:
    drawn = {call("States.MathRandom(0, 1000000, $)", seed) for seed in range(50)}
    assert len(drawn) > 45
    assert call("States.MathRandom(0, 1000000, 7)") == call("States.MathRandom(0, 1000000, 7)")


def test_a_merge_orders_its_members_like_a_java_hash_table() -> None:
    merged = call("States.JsonMerge($[0], $[1], false)", [{"constant_in_literal": 1}, {"constant_input_field": 2}])
    assert list(merged) == ["constant_input_field", "constant_in_literal"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "States.ArrayPartition($, 0)",
        "States.ArrayPartition('x', 1)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayRange(1, 2, 0)",
        "States.ArrayGetItem($, 3)",
        "States.ArrayGetItem($, -1)",
        "States.ArrayLength(1)",
        "States.Base64Decode('%%%')",
        "States.Base64Decode('/w==')",
        "States.Hash('x', 'CRC')",
        "States.StringToJson('{')",
        "States.StringToJson($)",
        "States.JsonMerge($, $, false)",
        "States.JsonMerge(States.StringToJson('{}'), States.StringToJson('{}'), true)",
        "States.MathAdd('1', 2)",
        "States.MathAdd(true, 2)",
        "States.MathRandom(3, 3)",
        "States.Format('{} {}', 1)",
        "States.Format('x', 1)",
        "States.Format(1)",
    ],
)
def test_a_function_that_cannot_work_fails_with_intrinsic_failure(text: str) -> None:
    error = failure(text, [1, 2, 3])
    assert error.error == "States.IntrinsicFailure"
    assert error.cause.startswith(f"The function '{text}' had the following error: ")


def test_the_limits_that_aws_documents() -> None:
    assert len(call("States.ArrayRange(1, 1000, 1)")) == 1_000  # type: ignore[arg-type]
    for text in ("States.Hash($, 'MD5')", "States.Base64Encode($)"):
        assert call(text, "x" * 10_000)
        assert failure(text, "x" * 10_001).error == "States.IntrinsicFailure"


def test_a_path_that_leads_nowhere_fails_in_the_words_of_aws() -> None:
    error = failure("States.Format('Run {}', States.Array($.from))", {"to": 1})
    assert error.error == "States.Runtime"
    assert error.cause == (
        "The function 'States.Format('Run {}', States.Array($.from))' had the following error: "
        "The JsonPath argument for the field '$.from' could not be found in the input '{\"to\":1}'"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "States.Nope()",
        "States.Array",
        "States.Array(",
        "States.Array(1,)",
        "States.Array(,)",
        "States.Array() x",
        "States.Array(1 2)",
        "States.Array(x)",
        "States.Array(nullx)",
        "States.Array('x)",
        "States.Array($.)",
        "States.UUID(1)",
        "States.ArrayLength()",
        "states.Array()",
        "States.Format()",
        "States.Array(1e99999)",
        r"States.Array('\n')",
        r'States.StringToJson(\'{"text":"An \"escaped\" quote"}\')',
        r"States.Array('a\')",
        r"""States.Format('He said, \"Hello, {}!\"', 'x')""",
    ],
)
def test_what_is_no_call_is_a_syntax_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        compile_intrinsic(text)


def test_calls_nest_ten_deep_and_no_deeper() -> None:
    assert compile_intrinsic("States.Array(" * 10 + ")" * 10)
    with pytest.raises(SyntaxFault):
        compile_intrinsic("States.Array(" * 11 + ")" * 11)


_words = st.sampled_from(
    [
        "States.",
        "Array(",
        "Format(",
        "MathAdd(",
        "States.Hash(",
        ")",
        ",",
        "$",
        "$$",
        ".a",
        "[",
        "]",
        "'",
        "\\",
        "{}",
        "1",
        "-",
        "1.5e3",
        "e999",
        "null",
        "true",
        " ",
        "\n",
        "é",
        "[?(@.a",
        "..",
        "*",
    ]
)


@settings(max_examples=400)
@given(st.lists(_words, max_size=20).map("".join), st.sampled_from(["", "States.Array(", "States.Format('{}', "]))
def test_any_text_compiles_or_is_a_syntax_fault(text: str, start: str) -> None:
    try:
        expression = compile_intrinsic(start + text)
    except SyntaxFault:
        return
    try:
        expression.evaluate(scope({"a": [1, "x"]}, {}))
    except QueryError:
        return


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(_json, max_size=4))
def test_any_arguments_give_a_value_or_a_failure(name: str, values: list[Json]) -> None:
    paths = ", ".join(f"$[{index}]" for index in range(len(values)))
    try:
        expression = compile_intrinsic(f"States.{name}({paths})")
    except SyntaxFault:
        return
    try:
        expression.evaluate(scope(values))
    except QueryError:
        return
