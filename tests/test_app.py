"""What an app declares, and what becomes of its definitions."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from stepwell import Command, HttpEndpoint, OtherRuntime, PythonCode, Stepwell
from stepwell.app import AppError
from stepwell.assembly import Place, bind_machines, functions_of, load_app
from stepwell.definition_binding import bind_definition
from stepwell.settings import Settings
from stepwell.tasks.function_table import FunctionTable
from stepwell.tasks.kinds.python_callable import PythonCallable

GREET = "arn:aws:lambda:us-east-1:123456789012:function:Greet"
PLACE = Place("us-east-1", "123456789012")


def handler(event: Any, context: Any) -> Any:
    return event


async def async_handler(event: Any, context: Any) -> Any:
    return event


def machine_of(*states: dict[str, Any]) -> str:
    return json.dumps({"StartAt": "S0", "States": {f"S{index}": state for index, state in enumerate(states)}})


def bound_states(*states: dict[str, Any]) -> list[dict[str, Any]]:
    bound = json.loads(bind_definition(machine_of(*states), {"Greet": GREET}))
    return list(bound["States"].values())


# -- functions


def test_a_handler_stays_what_it_is() -> None:
    app = Stepwell()
    assert app.function("Greet")(handler) is handler
    assert app.function("GreetLater")(async_handler) is async_handler
    assert list(app.functions) == ["Greet", "GreetLater"]


def test_a_function_runs_as_it_is_declared() -> None:
    app = Stepwell()
    app.function("Greet", timeout=30, concurrency=4, environment={"A": "1"})(handler)
    (function,) = functions_of(app)
    assert (function.name, function.timeout, function.concurrency, function.environment) == ("Greet", 30, 4, {"A": "1"})
    assert isinstance(function.code, PythonCallable)
    assert function.code.handler.endswith("test_app:handler")


def test_what_is_no_handler_of_the_app_is_bound_by_its_description() -> None:
    app = Stepwell()
    app.function_from("Resize", PythonCode("src/app.handler", "resize", layers=("common",)), memory=512)
    app.function_from("Count", Command(["wc", "-c"]), concurrency=0)
    here = Path(__file__).parent
    resize, count = functions_of(app)
    assert resize.code == PythonCode("src/app.handler", here / "resize", (here / "common",))
    assert (resize.memory, count.most_at_once, count.code) == (512, 0, Command(["wc", "-c"], here))


def test_the_settings_say_what_runs_in_a_functions_place() -> None:
    app = Stepwell()
    app.function_from("Report", OtherRuntime("java21"), timeout=30, environment={"A": "1"})
    tables = {
        "Report": FunctionTable(url="http://127.0.0.1:9000", environment={"B": "2"}),
        "Count": FunctionTable(command=("wc", "-c")),
    }
    report, count = functions_of(app, Settings(functions=tables))
    assert (report.code, report.timeout) == (HttpEndpoint("http://127.0.0.1:9000"), 30)
    assert report.environment == {"A": "1", "B": "2"}
    assert count.code == Command(("wc", "-c"))


def test_a_table_of_a_function_that_nothing_declares_must_say_what_runs() -> None:
    with pytest.raises(AppError, match=r"\[functions\.Count\]: nothing declares this function"):
        functions_of(Stepwell(), Settings(functions={"Count": FunctionTable(timeout=3.0)}))


def test_two_handlers_cannot_have_one_name() -> None:
    app = Stepwell()
    app.function("Greet")(handler)
    with pytest.raises(AppError, match="Two handlers are bound to the function 'Greet'"):
        app.function("Greet")


def test_all_handlers_that_no_process_can_import_are_told_at_once() -> None:
    app = Stepwell()
    app.function("One")(lambda event, context: event)
    app.function("Two")(lambda event, context: event)
    with pytest.raises(AppError, match=r"(?s)function 'One': .*function 'Two': "):
        functions_of(app)


# -- machines


def test_a_machine_is_named_after_its_file_and_stands_beside_the_module_that_declares_it() -> None:
    app = Stepwell()
    app.machine("catalog.asl.json")
    assert app.machines["catalog"].path == Path(__file__).parent / "catalog.asl.json"


def test_two_definitions_cannot_have_one_name() -> None:
    app = Stepwell()
    app.machine("a.asl.json", name="catalog")
    with pytest.raises(AppError, match="Two definitions are served as the state machine 'catalog'"):
        app.machine("b.asl.json", name="catalog")


def test_nothing_is_read_before_the_app_is_served(tmp_path: Path) -> None:
    app = Stepwell()
    app.machine(tmp_path / "none.asl.json")
    with pytest.raises(AppError, match=r"state machine 'none': .*none\.asl\.json cannot be read: No such file"):
        bind_machines(app, PLACE)


def test_all_that_is_wrong_with_all_definitions_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.asl.json").write_text(machine_of({"Type": "Pass", "Next": "Nowhere"}))
    (tmp_path / "b.asl.json").write_text("{")
    app = Stepwell()
    app.machine(tmp_path / "a.asl.json")
    app.machine(tmp_path / "b.asl.json")
    app.machine(tmp_path / "a.asl.json", name="a name with spaces")
    app.machine(tmp_path / "a.asl.json", name="other", type="SLOW")
    with pytest.raises(AppError) as refused:
        bind_machines(app, PLACE)
    text = str(refused.value)
    assert "a.asl.json: /States/S0/Next: MISSING_TRANSITION_TARGET: " in text
    assert "b.asl.json: /: INVALID_JSON_DESCRIPTION: " in text
    assert "state machine 'a name with spaces': Invalid Name" in text
    assert "type 'SLOW' is neither STANDARD nor EXPRESS" in text


# -- definitions


def test_a_bare_function_name_becomes_its_arn() -> None:
    (state,) = bound_states({"Type": "Task", "Resource": "Greet", "End": True})
    assert state["Resource"] == GREET


@pytest.mark.parametrize("arguments", ["Parameters", "Arguments"])
@pytest.mark.parametrize("pattern", ["invoke", "invoke.waitForTaskToken"])
def test_so_does_the_function_name_of_a_task_that_invokes_lambda(arguments: str, pattern: str) -> None:
    resource = f"arn:aws:states:::lambda:{pattern}"
    (state,) = bound_states({"Type": "Task", "Resource": resource, arguments: {"FunctionName": "Greet"}, "End": True})
    assert (state["Resource"], state[arguments]["FunctionName"]) == (resource, GREET)


def test_functions_are_bound_in_branches_and_iterations_too() -> None:
    inner = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "Greet", "End": True}}}
    states = bound_states(
        {"Type": "Parallel", "Branches": [inner, inner], "Next": "S1"},
        {"Type": "Map", "ItemProcessor": inner, "Next": "S2"},
        {"Type": "Map", "Iterator": inner, "End": True},
    )
    found = [*states[0]["Branches"], states[1]["ItemProcessor"], states[2]["Iterator"]]
    assert [part["States"]["T"]["Resource"] for part in found] == [GREET] * 4


def test_data_that_looks_like_a_function_stays_data() -> None:
    (state,) = states = bound_states({"Type": "Pass", "Result": {"Resource": "Greet"}, "End": True})
    assert state == states[0] == {"Type": "Pass", "Result": {"Resource": "Greet"}, "End": True}


def test_a_definition_with_nothing_to_bind_stays_the_very_text() -> None:
    text = '{ "StartAt":"A",\n  "States":{"A":{"Type":"Succeed"}} }'
    assert bind_definition(text, {"Greet": GREET}) == text


def test_a_definition_that_says_a_member_twice_is_left_to_its_validation() -> None:
    text = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "Greet", "Resource": "Greet"}}}'
    assert bind_definition(text, {"Greet": GREET}) == text


def test_substitutions_are_filled_in_with_functions_and_place_for_nothing(tmp_path: Path) -> None:
    text = machine_of(
        {"Type": "Task", "Resource": "${GreetArn}", "Next": "S1"},
        {"Type": "Pass", "Result": "${Queue} in ${AWS::Region} of ${AWS::AccountId}, ${AWS::Partition}", "End": True},
    )
    (tmp_path / "m.asl.json").write_text(text)
    app = Stepwell()
    app.function("Greet")(handler)
    app.machine(tmp_path / "m.asl.json", substitutions={"Queue": "orders"})
    (bound,) = bind_machines(app, PLACE)
    states = json.loads(bound.definition)["States"]
    assert states["S0"]["Resource"] == GREET
    assert states["S1"]["Result"] == "orders in us-east-1 of 123456789012, aws"


def test_arns_are_of_the_partition_that_the_region_lies_in() -> None:
    place = Place("cn-north-1", "111111111111")
    assert place.function_arn("F") == "arn:aws-cn:lambda:cn-north-1:111111111111:function:F"
    assert place.machine_arn("M") == "arn:aws-cn:states:cn-north-1:111111111111:stateMachine:M"


# -- routes


def test_a_path_to_mount_at_begins_with_a_slash_and_is_free() -> None:
    app = Stepwell()
    app.mount("/api/", "module:asgi")
    assert dict(app.mounts) == {"/api": "module:asgi"}
    with pytest.raises(AppError, match="Two apps are mounted at '/api'"):
        app.mount("/api", "module:other")
    with pytest.raises(AppError, match="begin it with a slash"):
        app.mount("api", "module:other")


# -- where an app comes from


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_an_app_is_found_by_module_and_attribute(folder: Path) -> None:
    (folder / "found_app.py").write_text("from stepwell import Stepwell\napp = Stepwell()\nother = Stepwell()\n")
    default, named = load_app("found_app"), load_app("found_app:other")
    assert default is not named
    assert load_app("found_app:app") is default


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("app_a", None, "There is no module 'app_a'"),
        ("app_b", "main = 1", "'app_b' has no Stepwell app named 'app'. It has none"),
        ("app_c", "from stepwell import Stepwell\nmain = Stepwell()", "Did you mean app_c:main?"),
        ("app_d", "import never_heard_of", "'app_d' cannot be imported: ModuleNotFoundError: No module named 'never_"),
        ("app_e", "x = 1\n1 / 0", "app_e.py, line 2)"),
    ],
)
def test_an_app_that_cannot_be_had_is_told_with_the_way_out(
    folder: Path, name: str, source: str | None, message: str
) -> None:
    if source is not None:
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    with pytest.raises(AppError) as refused:
        load_app(name)
    assert message in str(refused.value)
