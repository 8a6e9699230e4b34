"""JSONPath: the recorded behaviour of AWS first, then the dialect of the Jayway library behind it."""

from __future__ import annotations

import json

import jsonpath_rfc9535
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.jsonpath import MISSING, compile_path
from stepwell.language.values import Json
from tests.language.scopes import scope

STORE: Json = {
    "book": [
        {"title": "Sayings", "price": 8.95, "category": "reference", "tags": ["old", "wise"]},
        {"title": "Sword", "price": 12.99, "category": "fiction", "isbn": "0-395"},
        {"title": "Moby Dick", "price": 9, "category": "fiction", "tags": []},
    ],
    "open": True,
    "owner": None,
    "it's": {"a.b": 1, "ünï": 2, "delivery-partner": 3},
    "numbers": [4, 1.5, -2, "x"],
}


def values(path: str, document: Json = STORE) -> Json:
    return compile_path(path).evaluate(scope(document))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", STORE),
        ("$.book[0].title", "Sayings"),
        ("$['book'][1][\"title\"]", "Sword"),
        ("$.book[-1].title", "Moby Dick"),
        ("$.owner", None),
        (r"$['it\'s']['a.b']", 1),
        ('$["it\'s"].ünï', 2),
        (r"$['it\u0027s'].delivery-partner", 3),
        ("$.book[ 0 ]['title','price']", {"title": "Sayings", "price": 8.95}),
        ("$.book.length()", 3),
        ("$.numbers.sum()", 3.5),
        ("$.numbers.min()", -2.0),
        ("$.numbers.max()", 4.0),
        ("$..price.max()", 12.99),
        ("$.numbers.first()", 4),
        ("$.numbers.last()", "x"),
        ("$.numbers.index(1)", 1.5),
        ("$.book[0].keys()", ["title", "price", "category", "tags"]),
        ("$.book[0].tags.concat('!')", "oldwise!"),
        ("$.book[0].tags.append('new')", ["old", "wise", "new"]),
    ],
)
def test_a_definite_path_gives_the_value_itself(path: str, expected: Json) -> None:
    assert compile_path(path).definite
    assert values(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.book[*].title", ["Sayings", "Sword", "Moby Dick"]),
        ("$.book[0,2].title", ["Sayings", "Moby Dick"]),
        ("$.book[:1].title", ["Sayings"]),
        ("$.book[-2:].title", ["Sword", "Moby Dick"]),
        ("$.book[1:9].title", ["Sword", "Moby Dick"]),
        ("$.book[::2].title", ["Sayings", "Moby Dick"]),
        ("$['it\\'s'].*", [1, 2, 3]),
        ("$..title", ["Sayings", "Sword", "Moby Dick"]),
        ("$..book[0]['title']", ["Sayings"]),
        ("$..tags[0]", ["old"]),
        ("$['book','numbers'][0]", [STORE["book"][0], 4]),  # type: ignore[call-overload, index]
    ],
)
def test_an_indefinite_path_gives_a_list_in_the_order_of_the_document(path: str, expected: Json) -> None:
    assert not compile_path(path).definite
    assert values(path) == expected


@pytest.mark.parametrize(
    ("condition", "titles"),
    [
        ("@.price < 9", ["Sayings"]),
        ("@.price <= 9", ["Sayings", "Moby Dick"]),
        ("@.price > 9 && @.category == 'fiction'", ["Sword"]),
        ("@.price == 9.0", ["Moby Dick"]),
        ("@.price == '9'", ["Moby Dick"]),
        ("@.price === '9'", []),
        ("@.category != 'fiction'", ["Sayings"]),
        ("@.isbn", ["Sword"]),
        ("!@.isbn", ["Sayings", "Moby Dick"]),
        ("@.isbn != 'x'", ["Sayings", "Sword", "Moby Dick"]),
        ("@.isbn < 'x'", ["Sword"]),
        ("@.title =~ /s.*/i", ["Sayings", "Sword"]),
        ("@.title =~ /s.*/", []),
        ("@.title =~ /S/", []),
        ("@.category in ['reference', \"other\"]", ["Sayings"]),
        ("@.category nin ['reference']", ["Sword", "Moby Dick"]),
        ("@.tags subsetof ['old','wise','new']", ["Sayings", "Moby Dick"]),
        ("@.tags anyof ['wise']", ["Sayings"]),
        ("@.tags noneof ['wise']", ["Moby Dick"]),
        ("@.tags contains 'old'", ["Sayings"]),
        ("@.title contains 'Dick'", ["Moby Dick"]),
        ("@.tags size 2", ["Sayings"]),
        ("@.tags empty true", ["Moby Dick"]),
        ("@.tags.length() > 1", ["Sayings"]),
        ("@['price'] > $.numbers[0] && (@.isbn || @.tags empty true)", ["Sword", "Moby Dick"]),
        ("@.price == $.book[2].price", ["Moby Dick"]),
        ("!(@.price < 9 || @.price > 12)", ["Moby Dick"]),
    ],
)
def test_a_filter_selects_the_items_that_hold(condition: str, titles: list[str]) -> None:
    assert values(f"$.book[?({condition})].title") == titles


def test_a_filter_on_an_object_tests_the_object_itself() -> None:
    assert values("$.a[?(@.b == 1)]", {"a": {"b": 1}}) == [{"b": 1}]


@pytest.mark.parametrize("path", ["$.items[*].value", "$.items[:1]", "$.item.items[1:5]", "$..nothing", "$.a[?(@.b)]"])
def test_an_indefinite_path_is_empty_even_where_a_member_on_the_way_is_missing(path: str) -> None:
    assert values(path, {}) == []


@pytest.mark.parametrize(
    ("path", "document", "reason"),
    [
        ("$.no", {}, "No results for path: $['no']"),
        ("$.a.b.c", {"a": {}}, "Missing property in path $['a']['b']"),
        ("$.a[5]", {"a": [1]}, "No results for path: $['a'][5]"),
        ("$.a[0].b", {"a": []}, "No results for path: $['a'][0]['b']"),
        ("$.a[0]", {"a": None}, "The path $['a'] is null"),
        ("$.a[0]", {"a": {"b": 1}}, "Filter: [0] can only be applied to arrays. Current context is: {b=1}"),
        (
            "$.a.b",
            {"a": "text"},
            "Expected to find an object with property ['b'] in path $['a'] but found 'java.lang.String'. This is not a "
            "json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        ),
    ],
)
def test_a_definite_path_that_leads_nowhere_fails_in_the_words_of_aws(path: str, document: Json, reason: str) -> None:
    compiled = compile_path(path)
    assert compiled.find(scope(document)) is MISSING
    with pytest.raises(QueryError) as failure:
        compiled.evaluate(scope(document))
    assert failure.value.error == "States.Runtime"
    assert failure.value.cause == f"Invalid path '{path}' : {reason}"


def test_roots_are_the_input_the_context_object_and_variables() -> None:
    where = scope({"x": 1}, {"Execution": {"Id": "arn"}}, order={"id": [7]})
    assert compile_path("$.x").evaluate(where) == 1
    assert compile_path("$$").evaluate(where) == {"Execution": {"Id": "arn"}}
    assert compile_path("$$.Execution.Id").evaluate(where) == "arn"
    assert compile_path("$$..Id").evaluate(where) == ["arn"]
    assert compile_path("$order.id[0]").evaluate(where) == 7
    assert compile_path("$nothing").find(where) is MISSING
    assert compile_path("$nothing[*]").evaluate(where) == []


def test_a_string_has_no_items() -> None:
    for path in ("$.a[0]", "$.a[0][0]", "$.a[-1]", "$[0]"):
        assert compile_path(path).find(scope({"a": "text"})) is MISSING
    assert compile_path("$[0]").find(scope(["t"])) == "t"
    assert compile_path("$[0]").find(scope("t")) is MISSING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$.",
        "$..",
        "$.a.",
        "$.a..",
        "$[",
        "$[]",
        "$[a]",
        "$['a]",
        "$['a'",
        "$.a b",
        "$.f(",
        "$.nope()",
        "$.length().a",
        "$[?@.a]",
        "$[?(@.a",
        "$[?()]",
        "$[?(@.a ==)]",
        "$[?(1)]",
        "$[?(@.a =~ 'x')]",
        "$[1:2:0]",
        "$[?(@.a =~ /(/)]",
        "$[?(@.a =~ /a/q)]",
        "$[-]",
        "$[1,]",
        "$[99999999999999999999]",
        "$1",
        r"$['\u12']",
        r"$['\ud800']",
        "$[?(" + "(" * 1000 + "@.a" + ")" * 1000 + ")]",
        "$" + "[?(@" * 500,
    ],
)
def test_what_is_no_path_is_a_syntax_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        compile_path(text)


def test_a_deep_document_is_no_deep_recursion() -> None:
    deep: Json = {"leaf": 1}
    for _ in range(50_000):
        deep = {"x": deep}
    assert values("$..leaf", deep) == [1]


def nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$..*..*", nested(1_200)),
        ("$[?(@ in $..*)]", [*range(1_000)]),
        ("$" + "[0,0,0,0,0,0,0,0,0,0]" * 6, nested(6)),
        ("$[?($.a == $.b)]", {"a": [0] * 600_000, "b": [0] * 600_000}),
        ("$[?(@ =~ /x*/)]", ["x" * 100_000] * 300),
    ],
)
def test_a_path_that_runs_away_is_stopped(path: str, document: Json) -> None:
    with pytest.raises(QueryError):
        values(path, document)


def test_a_pattern_runs_in_linear_time() -> None:
    assert values("$[?(@ =~ /(a+)+$/)]", ["a" * 40_000 + "!"]) == []


# --- against an independent implementation ---------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c"])
_documents = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "xyz"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=20,
)
_bound = st.none() | st.integers(-4, 4)
_steps = st.one_of(
    _names.map(lambda name: f".{name}"),
    _names.map(lambda name: f"['{name}']"),
    _names.map(lambda name: f"..{name}"),
    st.integers(-4, 4).map(lambda index: f"[{index}]"),
    st.tuples(_bound, _bound).map(lambda ends: "[{}:{}]".format(*("" if end is None else end for end in ends))),
    st.just("[*]"),
    st.just("..*"),
)
_scalars = st.sampled_from(["1", "-2", "'a'", "true", "null"])
_filters = st.tuples(_names, st.sampled_from(["==", "<", ">="]), _scalars).map(lambda f: f"[?(@.{f[0]} {f[1]} {f[2]})]")


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@given(_documents, st.lists(_steps, max_size=5))
def test_names_indexes_slices_wildcards_and_descent_select_what_rfc_9535_selects(
    document: Json, steps: list[str]
) -> None:
    text = "$" + "".join(steps)
    oracle = [_text(value) for value in jsonpath_rfc9535.find(text, document).values()]
    path = compile_path(text)
    found = path.find(scope(document))
    if path.definite:
        assert ([] if found is MISSING else [_text(found)]) == oracle
    else:
        assert isinstance(found, list)
        assert sorted(map(_text, found)) == sorted(oracle)


@given(st.lists(st.dictionaries(_names, st.integers(-3, 3) | st.sampled_from(["a", "b"]), max_size=3)), _filters)
def test_filters_on_present_members_select_what_rfc_9535_selects(items: Json, text: str) -> None:
    # `==` and the orders on numbers and strings; Jayway's coercion of "1" to 1 cannot arise here.
    oracle = jsonpath_rfc9535.find("$" + text, items).values()
    assert values("$" + text, items) == oracle


_alphabet = st.sampled_from([*list("$@.[]()?*:,'\"\\/ =!<>&|-01aéx{}\n"), "..", "&&", "||", "=~", "length()", "�"])


@settings(max_examples=400)
@given(st.lists(_alphabet, max_size=25).map("".join), st.sampled_from(["", "$", "$.a", "$[?(@.a", "$.a["]))
def test_any_text_compiles_or_is_a_syntax_fault(text: str, start: str) -> None:
    try:
        path = compile_path(start + text)
    except SyntaxFault:
        return
    try:
        path.evaluate(scope({"a": [{"a": 1}], "x": "text"}, {}))
    except QueryError:
        return


def test_a_word_without_quotes_in_a_filter_is_a_text() -> None:
    texts: Json = [{"to": "es", "t": "hola"}, {"to": "fr", "t": "salut"}]
    assert compile_path("$[?(@.to==es)].t").evaluate(scope(texts)) == ["hola"]
    assert compile_path("$[?(@.to in [es, fr_FR])].t").evaluate(scope(texts)) == ["hola"]
    assert compile_path("$[?(@.to == true)]").evaluate(scope(texts)) == []
