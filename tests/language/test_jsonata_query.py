"""One JSONata expression: what it sees, what it answers, and how long it may take."""

from __future__ import annotations

import time
from typing import Any

import pytest

from stepwell.language.errors import Overrun, SyntaxFault
from stepwell.language.jsonata.query import Query, QueryFault
from stepwell.language.scope import Patience, Scope
from tests.language.scopes import FixedRandomness, scope

HURRIED, PATIENT = True, False
BOTH = pytest.mark.parametrize("hurried", [HURRIED, PATIENT], ids=["on the loop", "on a thread"])


def seen(input: Any = None, *, hurried: bool = PATIENT, size: int = 0, **variables: Any) -> Scope:
    patience = Patience(hurried=hurried, left=lambda: 0.01) if hurried else Patience()
    context = {"Execution": {"Id": "arn"}}
    return Scope(
        input, lambda: context, FixedRandomness(), variables, now=1_700_000_000_123, patience=patience, size=size
    )


def value(source: str, *arguments: Any, **options: Any) -> Any:
    return Query(source).evaluate(seen(*arguments, **options))


def fault(source: str, *arguments: Any, **options: Any) -> str:
    with pytest.raises(QueryFault) as caught:
        value(source, *arguments, **options)
    return str(caught.value)


@BOTH
class TestValues:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("$states.input.a", 1),
            ("$states.input.items", [0]),
            ("$states.input.items[]", [0]),
            ("$states.input.empty", []),
            ("$states.input.nothing", None),
            ("[$states.input.a]", [1]),
            ("$states.input.nested", [[1]]),
            ("$states.input.rows.n", [1, 2]),
            ("$states.input.rows[n = 2].n", 2),
            ("$states.input.rows[n = 2].n[]", [2]),
            ("null", None),
            ("-0", 0),
            ("1.0", 1),
            ("1 / 4", 0.25),
            ("{}", {}),
            ('{"b": 1, "a": null}', {"b": 1, "a": None}),
            ("/* none */ 1", 1),
            ("($x := 2; $x * $states.input.a)", 2),
        ],
    )
    def test_null_arrays_and_numbers_come_out_as_they_are(self, source: str, expected: Any, hurried: bool) -> None:
        input = {
            "a": 1,
            "items": [0],
            "empty": [],
            "nothing": None,
            "nested": [[1]],
            "rows": [{"n": 1}, {"n": 2}],
        }
        found = value(source, input, hurried=hurried)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize(
        "source", ["$states.input.b", "$states.input.a.b", "$no", "$states.result", "$", "$$", "a", "states", "*"]
    )
    def test_what_is_not_there_is_undefined(self, source: str, hurried: bool) -> None:
        assert fault(source, {"a": 1}, hurried=hurried) == "returned nothing (undefined)."

    @pytest.mark.parametrize("source", ["function($x){$x}", "$f := function($x){$x}", "$sum", "/a/"])
    def test_a_function_is_no_value(self, source: str, hurried: bool) -> None:
        assert fault(source, hurried=hurried) == "returned an unsupported result type."

    def test_an_expression_may_begin_with_a_regular_expression(self, hurried: bool) -> None:
        assert value("/a(b)/('ab').match", hurried=hurried) == "ab"

    def test_an_expression_may_have_any_operator_outermost(self, hurried: bool) -> None:
        assert value("$x := $states.input ? 1 : 2", False, hurried=hurried) == 2
        assert value("$states.input ~> $string", 1, hurried=hurried) == "1"

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("$nope(1)", "T1006: Attempted to invoke a non-function"),
            ("$eval('1')", "T1006: Attempted to invoke a non-function"),
            ("($e := $eval; $e('1'))", "T1006: Attempted to invoke a non-function"),
            ("1 + 'a'", 'T2002: The right side of the "+" operator must evaluate to a number'),
        ],
    )
    def test_an_error_is_told_with_its_code(self, source: str, sentence: str, hurried: bool) -> None:
        assert fault(source, hurried=hurried) == f"threw an error during evaluation. {sentence}"

    def test_the_context_object_is_seen(self, hurried: bool) -> None:
        assert value("$states.context.Execution.Id & '!'", hurried=hurried) == "arn!"

    def test_the_whole_of_states_has_input_context_and_outcome(self, hurried: bool) -> None:
        found = Query("$states").evaluate(seen({"a": 1}, hurried=hurried).after("result", [1]))
        assert list(found) == ["input", "context", "result"]  # type: ignore[arg-type]

    def test_an_outcome_is_seen_where_there_is_one(self, hurried: bool) -> None:
        failed = seen({}, hurried=hurried).after("errorOutput", {"Error": "E"})
        assert Query("$states.errorOutput.Error & ''").evaluate(failed) == "E"

    def test_time_is_that_of_the_execution(self, hurried: bool) -> None:
        assert value("[$now(), $string($millis())]", hurried=hurried) == ["2023-11-14T22:13:20.123Z", "1700000000123"]


@BOTH
class TestVariables:
    @pytest.mark.parametrize("kept", [[0], [], [[1]], None, {"a": [1]}, 0.5, "x"])
    def test_a_variable_is_what_was_assigned(self, kept: Any, hurried: bool) -> None:
        assert value("[$kept, $kept]", kept=kept, hurried=hurried) == value("[$states.input, $states.input]", kept)
        assert value("$kept", kept=kept, hurried=hurried) == kept

    def test_a_variable_hides_a_function_of_its_name(self, hurried: bool) -> None:
        assert value("$count + 1", count=41, hurried=hurried) == 42
        assert value("$uuid & '!'", uuid="mine", hurried=hurried) == "mine!"
        assert value("$count([1, 2])", hurried=hurried) == 2

    def test_what_the_expression_binds_hides_a_variable(self, hurried: bool) -> None:
        assert value("($x := 1; $x)", x=2, hurried=hurried) == 1
        assert value("$map([1, 2], function($x) { $x + $y })", x=9, y=1, hurried=hurried) == [2, 3]

    def test_a_variable_that_does_not_exist_can_be_asked_for(self, hurried: bool) -> None:
        assert value("$exists($gone) ? 'there' : 'gone'", hurried=hurried) == "gone"


class TestPaths:
    def test_a_plain_path_gives_the_very_object(self) -> None:
        inner = [{"big": 2**60 + 1}]
        assert value("$states.input.a.b", {"a": {"b": inner}}) is inner
        assert value("$kept.a", kept={"a": inner}) is inner

    def test_through_an_array_it_is_evaluated_as_ever(self) -> None:
        assert value("$states.input.a.b", {"a": [{"b": 1}, {"b": 2}, {}]}) == [1, 2]


class TestNames:
    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ("$a + $b.c[$.d = $e]", ("a", "b", "e")),
            ("($x := $a; $x)", ("a",)),
            ("$map($a, function($v) { $v + $sum($b) })", ("a", "b")),
            ("'$no' & /$no/ & `$no`", ()),
            ("$states.input.a & $uuid() & $random(1) & $parse('1')", ()),
        ],
    )
    def test_a_query_names_the_variables_that_it_does_not_bind(self, source: str, names: tuple[str, ...]) -> None:
        assert Query(source).names == names


class TestSyntax:
    @pytest.mark.parametrize("source", ["", "1 +", "1) + (2", "$a;$b", '"', "(" * 5000 + "1" + ")" * 5000])
    def test_a_malformed_expression_is_told_at_once(self, source: str) -> None:
        with pytest.raises(SyntaxFault):
            Query(source)


ENDLESS = "($f := function($n) { $f($n + 1) }; $f(0))"
HOSTILE = [
    ENDLESS,
    "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /^(a+)+$/)",
    "[1..10000000]",
    "$sum([1..$states.input.many])",
    "$range(1, 1000000, 1)",
    "($d := function($s, $n) { $n = 0 ? $s : $d($s & $s, $n - 1) }; $d('x', 40))",
    "($d := function($a, $n) { $n = 0 ? $a : $d($append($a, $a), $n - 1) }; $d([1], 30))",
    "$replace($pad('', 200000, 'a'), /a*b/, 'c')",
    "$states.input.list[$ in $states.input.list]",
    "$distinct($states.input.list)",
    "$keys($states.input.object)",
    "**",
    "$states.input.**",
    "$sort($states.input.list)",
    "$sort($states.input.list, function($l, $r) { $l < $r })",
    "$merge($map($states.input.list, function($n) { {$string($n): $n} }))",
    "$zip($states.input.list, $states.input.list)",
    "$map($states.input.list, function($n) { $uuid() })",
    "$encodeUrl($pad('', 1000000))",
    "$pad('x', 10000000)",
    "$pad('x', $states.input.many)",
]


class TestPatience:
    @pytest.mark.parametrize("source", HOSTILE)
    def test_a_hurried_evaluation_is_short_whatever_it_does(self, source: str) -> None:
        input = {"many": 10_000_000, "list": list(range(20_000)), "object": {str(n): n for n in range(20_000)}}
        query, where = Query(source), seen(input, hurried=HURRIED, size=500_000)
        began = time.thread_time()
        with pytest.raises(Overrun):
            query.evaluate(where)
        assert time.thread_time() - began < 0.05

    @pytest.mark.parametrize("source", ["$sum([1..100])", "$pad($states.input.a, -10, '0')"])
    def test_a_small_range_and_padding_are_made_at_once(self, source: str) -> None:
        assert value(source, {"a": "1"}, hurried=HURRIED) in (5050, "0000000001")

    def test_large_data_holds_up_no_plain_path(self) -> None:
        assert value("$states.input.a", {"a": 1}, hurried=HURRIED, size=500_000) == 1

    def test_one_that_is_not_hurried_ends_after_its_second(self) -> None:
        began = time.thread_time()
        assert "D1012" in fault(ENDLESS)
        assert time.thread_time() - began < 2

    def test_a_deep_recursion_ends(self) -> None:
        assert "D1011" in fault("($f := function($n) { 1 + $f($n + 1) }; $f(0))")

    def test_a_turn_without_time_left_begins_nothing(self) -> None:
        where = Scope({}, dict, FixedRandomness(), {}, patience=Patience(hurried=True, left=lambda: 0.0))
        with pytest.raises(Overrun):
            Query("1 + 1").evaluate(where)

    def test_hurried_or_not_the_answer_is_the_same(self) -> None:
        source = "[$random(), $uuid(), $random(42), $now()]"
        assert value(source, hurried=HURRIED) == value(source, hurried=PATIENT)


def test_every_scope_has_patience_of_its_own() -> None:
    assert scope({}).patience is not scope({}).patience
