"""Secrets are taken out of an input at the door, put back for tasks only, and sealed again when they come back."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from stepwell.engine.dispatch import Failed, Outcome, StartExecution, Submitted, Succeeded, Task
from stepwell.engine.errors import CannotSeal, ExecutionAlreadyExists
from stepwell.engine.requests import StartRequest
from stepwell.engine.settings import EngineSettings
from stepwell.store.protocol import ExecutionRow, MachineRow
from stepwell.tasks.nested_execution import NestedExecution
from stepwell.vault.key_file import KeyFile
from stepwell.vault.vault import Vault
from tests.engine.house import ACTIVITY, ARN, FakeClock, Handlers, House, until

SECRET = 'eyJhbGciOiJub25lIn0.s3cr3t/ünd+"quoted\\.signature'
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"


def task(resource: str = FUNCTION, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True, **fields}


def machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


class Nesting(Handlers):
    """Handlers that start executions too."""

    nested = NestedExecution()

    def run(self, task: Task) -> AsyncIterator[Outcome | StartExecution]:  # type: ignore[override]
        if task.resource.service != "states":
            return super().run(task)
        self.tasks.append(task)
        return self.nested.run(task)

    def child_outcome(self, resource: Any, child: Any) -> Outcome:
        return self.nested.child_outcome(resource, child)


class Vaulted(House):
    """A house whose machines have their token marked, with a key file beside the database."""

    marks: str | None = "token"

    async def open(self) -> House:
        await super().open()
        await self.engine.stop(0)
        self.engine = type(self.engine)(
            self.store,  # type: ignore[arg-type]
            self.dispatcher,  # type: ignore[arg-type]
            self.settings,
            self.clock,
            vault=Vault(KeyFile(self.path.with_suffix(".key"))),
        )
        await self.engine.start()
        return self

    async def machine(self, definition: Any, name: str = "Orders", type: str = "STANDARD") -> MachineRow:
        row = await super().machine(definition, name)
        if type == "EXPRESS":
            await self.store.update_machine(replace(row, type=type), None)
        if self.marks is not None:
            await self.store.set_tags(row.arn, {"stepwell:sensitive": self.marks}, (), 50)
        found: MachineRow | None = await self.store.find_machine(row.arn)
        assert found is not None
        return found

    def on_disk(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.path.parent.iterdir() if file.suffix != ".key")

    async def leaks(self, *arns: str) -> list[str]:
        """Where the secret stands readable, in any form."""
        places: dict[str, bytes] = {"disk": self.on_disk()}
        for arn in arns:
            row = await self.store.find_execution(arn)
            assert row is not None
            places[arn] = repr((row, await self.engine.history(row.new.key, 1, 1000, False))).encode()
        return [place for place, data in places.items() if any(form in data for form in forms(SECRET))]


def forms(secret: str) -> list[bytes]:
    """The secret as it is and in the ways it may be written; also half of it, which must not stand anywhere either."""
    written = [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        secret[: len(secret) // 2],
        secret[len(secret) // 2 :],
        repr(secret)[1:-1],
    ]
    return [text.encode() for text in written]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Vaulted]:
    house = Vaulted(tmp_path / "stepwell.db")
    house.dispatcher = Nesting()
    await house.open()
    yield house
    await house.close()


def answering(answer: Callable[[Any], Any]) -> Callable[[Task], AsyncIterator[Outcome]]:
    async def handle(task: Task) -> AsyncIterator[Outcome]:
        yield Succeeded(json.dumps(answer(json.loads(task.input))))

    return handle


def seen(house: House, state: str) -> Any:
    """The input with which the last task of a state was carried out."""
    return json.loads([task.input for task in house.dispatcher.tasks if task.state_name == state][-1])


# -- what a secret goes through


async def test_a_secret_reaches_the_task_and_nothing_else(house: Vaulted) -> None:
    house.dispatcher.handlers["Work"] = answering(lambda given: {"done": True})
    started = await house.start(await house.machine(machine(Work=task())), {"token": SECRET, "n": 1.5})
    row = await house.end(started)
    assert seen(house, "Work") == {"token": SECRET, "n": 1.5}
    assert row.change.status == "SUCCEEDED"
    assert json.loads(row.new.input)["token"].startswith("sealed-")
    assert await house.leaks(started.arn) == []


async def test_every_form_of_an_echo_is_sealed_again(house: Vaulted) -> None:
    def echo(given: Any) -> Any:
        token = given["token"]
        return {
            "plain": token,
            "header": f"Bearer {token}",
            "json": json.dumps({"token": token}),
            "url": f"https://example.com/?t={quote(token, safe='')}",
            "basic": base64.b64encode(f"user:{token}".encode()).decode(),
            token: "as a name",
        }

    house.dispatcher.handlers["Echo"] = answering(echo)
    states = machine(Echo=task(Next="Again", ResultPath="$.echo", End=None), Again=task())
    del states["States"]["Echo"]["End"]
    started = await house.start(await house.machine(states), {"token": SECRET})
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED"
    assert await house.leaks(started.arn) == []
    again = seen(house, "Again")
    assert again["echo"] == echo({"token": SECRET})


@pytest.mark.parametrize("how", [str, json.dumps, lambda text: base64.b64encode(text.encode()).decode()])
async def test_errors_and_causes_are_searched(house: Vaulted, how: Callable[[str], str]) -> None:
    async def fail(task: Task) -> AsyncIterator[Outcome]:
        token = json.loads(task.input)["token"]
        yield Failed(f"Refused {how(token)}", json.dumps({"errorMessage": f"no such token: {how(token)}"}))

    house.dispatcher.handlers["Work"] = fail
    started = await house.start(await house.machine(machine(Work=task())), {"token": SECRET})
    row = await house.end(started)
    assert row.change.status == "FAILED"
    assert "sealed-" in (row.change.error or "")
    assert "sealed-" in (row.change.cause or "")
    assert await house.leaks(started.arn) == []


async def test_a_defect_in_the_dispatcher_logs_no_secret(house: Vaulted, caplog: pytest.LogCaptureFixture) -> None:
    async def defect(task: Task) -> AsyncIterator[Outcome]:
        raise ValueError(task.input)
        yield Succeeded("")

    house.dispatcher.handlers["Work"] = defect
    started = await house.start(await house.machine(machine(Work=task())), {"token": SECRET})
    row = await house.end(started)
    assert row.change.error == "States.TaskFailed"
    assert "ValueError" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_templates_and_joined_texts_keep_it_intact(house: Vaulted) -> None:
    definition = machine(
        Join={
            "Type": "Pass",
            "Parameters": {
                "header.$": "States.Format('Bearer {}', $.token)",
                "body.$": "States.JsonToString($)",
                "all.$": "States.Array($.token, $.token)",
            },
            "Next": "Work",
        },
        Work=task(),
    )
    started = await house.start(await house.machine(definition), {"token": SECRET})
    assert (await house.end(started)).change.status == "SUCCEEDED"
    given = seen(house, "Work")
    assert given["header"] == f"Bearer {SECRET}"
    assert json.loads(given["body"]) == {"token": SECRET}
    assert given["all"] == [SECRET, SECRET]
    assert await house.leaks(started.arn) == []


async def test_jsonata_may_join_it_and_a_damaged_reference_is_refused(house: Vaulted) -> None:
    def jsonata(expression: str) -> dict[str, Any]:
        return {"QueryLanguage": "JSONata", **machine(Work=task(Arguments={"header": expression}))}

    joined = await house.start(await house.machine(jsonata("{% 'Bearer ' & $states.input.token %}")), {"token": SECRET})
    assert (await house.end(joined)).change.status == "SUCCEEDED"
    assert seen(house, "Work") == {"header": f"Bearer {SECRET}"}
    cut = await house.machine(jsonata("{% $substring($states.input.token, 0, 30) %}"), "Cut")
    row = await house.end(await house.start(cut, {"token": SECRET}))
    assert (row.change.status, row.change.error) == ("FAILED", "Stepwell.SecretUnavailable")
    assert "damaged" in (row.change.cause or "")


@pytest.mark.parametrize(
    "call",
    [
        "States.Hash($.token, 'SHA-256')",
        "States.Base64Encode($.token)",
        "States.Base64Decode($.token)",
        "States.StringSplit($.token, '.')",
        "States.StringToJson($.token)",
        "States.ArrayContains(States.Array('x'), $.token)",
        "States.ArrayUnique(States.Array('x', $.token))",
        "States.Hash(States.Format('{}!', $.token), 'MD5')",
    ],
)
async def test_what_would_look_inside_fails_and_says_so(house: Vaulted, call: str) -> None:
    definition = machine(Look={"Type": "Pass", "Parameters": {"x.$": call}, "End": True})
    row = await house.end(await house.start(await house.machine(definition), {"token": SECRET}))
    assert (row.change.status, row.change.error) == ("FAILED", "States.IntrinsicFailure")
    assert "sealed value" in (row.change.cause or "")


@pytest.mark.parametrize("function", ["$hash($states.input.token, 'MD5')", "$parse($states.input.token)"])
async def test_the_functions_of_jsonata_that_look_inside_fail_too(house: Vaulted, function: str) -> None:
    look = {"Type": "Pass", "Output": f"{{% {function} %}}", "End": True}
    definition = {"QueryLanguage": "JSONata", **machine(Look=look)}
    row = await house.end(await house.start(await house.machine(definition), {"token": SECRET}))
    assert row.change.error == "States.QueryEvaluationError"
    assert "sealed value" in (row.change.cause or "")


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.token", "StringEquals": "x"},
        {"Variable": "$.token", "StringMatches": "ey*"},
        {"Variable": "$.token", "StringLessThanPath": "$.other"},
        {"Variable": "$.other", "StringEqualsPath": "$.token"},
        {"Variable": "$.all[?(@ == 'x')]", "IsPresent": True},
    ],
)
async def test_comparisons_fail_and_say_so(house: Vaulted, rule: dict[str, Any]) -> None:
    definition = machine(
        Mix={"Type": "Pass", "Parameters": {"token.$": "$.token", "other": "x", "all.$": "States.Array($.token)"}},
        Choose={"Type": "Choice", "Choices": [{**rule, "Next": "Done"}], "Default": "Done"},
        Done={"Type": "Succeed"},
    )
    definition["States"]["Mix"]["Next"] = "Choose"
    row = await house.end(await house.start(await house.machine(definition), {"token": SECRET}))
    assert row.change.status == "FAILED"
    assert "sealed value" in (row.change.cause or "")


async def test_tests_of_presence_and_type_are_allowed(house: Vaulted) -> None:
    rule = {"And": [{"Variable": "$.token", "IsPresent": True}, {"Variable": "$.token", "IsString": True}]}
    definition = machine(Choose={"Type": "Choice", "Choices": [{**rule, "Next": "Done"}]}, Done={"Type": "Succeed"})
    row = await house.end(await house.start(await house.machine(definition), {"token": SECRET}))
    assert row.change.status == "SUCCEEDED"


# -- whose it is


async def test_a_text_that_looks_like_a_reference_is_an_ordinary_text(house: Vaulted) -> None:
    first = await house.start(await house.machine(machine(Work=task())), {"token": SECRET})
    reference = json.loads((await house.end(first)).new.input)["token"]
    definition = machine(
        Hash={
            "Type": "Pass",
            "Parameters": {"h.$": "States.Hash($.looks, 'MD5')"},
            "ResultPath": "$.h",
            "Next": "Work",
        },
        Work=task(),
    )
    other = await house.start(await house.machine(definition, "Other"), {"token": "another-secret", "looks": reference})
    assert (await house.end(other)).change.status == "SUCCEEDED"
    assert seen(house, "Work")["looks"] == reference


async def test_a_reference_that_a_task_tells_is_never_opened(house: Vaulted) -> None:
    async def steal(task: Task) -> AsyncIterator[Outcome]:
        row = await house.store.find_execution(task.execution_arn)
        yield Succeeded(json.dumps({"message": json.loads(row.new.input)["token"]}))

    house.dispatcher.handlers["Steal"] = steal
    definition = machine(Steal={**task(), "Next": "Publish"}, Publish=task())
    del definition["States"]["Steal"]["End"]
    row = await house.end(await house.start(await house.machine(definition), {"token": SECRET}))
    assert row.change.status == "SUCCEEDED"
    assert seen(house, "Publish") == {"message": "(sealed value)"}


async def test_children_inherit_the_secrets_of_their_root(house: Vaulted) -> None:
    house.marks = None
    await house.machine(machine(Inner=task()), "Child")
    house.marks = "token"
    nested = task(
        "arn:aws:states:::states:startExecution.sync:2",
        Parameters={
            "StateMachineArn": f"{ARN}stateMachine:Child",
            "Name": "child",
            "Input": {"header.$": "States.Format('Bearer {}', $.token)"},
        },
    )
    started = await house.start(await house.machine(machine(Nest=nested)), {"token": SECRET})
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED", row.change.cause
    assert seen(house, "Inner") == {"header": f"Bearer {SECRET}"}
    assert await house.leaks(started.arn, f"{ARN}execution:Child:child") == []


async def test_children_of_a_distributed_map_inherit_them(house: Vaulted) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **machine(Inner=task())}
    definition = machine(
        Each={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"token.$": "$.token", "n.$": "$$.Map.Item.Value"},
            "ItemProcessor": processor,
            "End": True,
        }
    )
    started = await house.start(await house.machine(definition), {"token": SECRET, "items": [1, 2, 3]})
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED", row.change.cause
    given = [json.loads(task.input) for task in house.dispatcher.tasks if task.state_name == "Inner"]
    assert sorted(each["n"] for each in given) == [1, 2, 3]
    assert {each["token"] for each in given} == {SECRET}
    assert await house.leaks(started.arn) == []
    assert not await house.store.vault.is_used()


async def test_a_child_may_have_secrets_of_its_own_too(house: Vaulted) -> None:
    house.marks = "own"
    await house.machine(machine(Inner=task()), "Child")
    house.marks = "token"
    nested = task(
        "arn:aws:states:::states:startExecution.sync",
        Parameters={
            "StateMachineArn": f"{ARN}stateMachine:Child",
            "Input": {"token.$": "$.token", "own": "its-own-one"},
        },
    )
    row = await house.end(await house.start(await house.machine(machine(Nest=nested)), {"token": SECRET}))
    assert row.change.status == "SUCCEEDED", row.change.cause
    assert seen(house, "Inner") == {"token": SECRET, "own": "its-own-one"}
    child = await house.store.find_machine(f"{ARN}stateMachine:Child")
    [(_, listed)] = await house.store.list_executions(child.id, None, None, 10)
    stored = await house.store.find_execution(listed.new.arn)
    assert [text[:7] for text in json.loads(stored.new.input).values()] == ["sealed-", "sealed-"]


# -- workers, callbacks


async def test_a_worker_gets_the_value_and_its_answer_is_searched(house: Vaulted) -> None:
    await house.activity()
    started = await house.start(await house.machine(machine(Dig=task(ACTIVITY))), {"token": SECRET})
    found = await house.engine.get_activity_task(ACTIVITY, "worker", 5)
    assert found is not None
    assert json.loads(found.input) == {"token": SECRET}
    await house.engine.send_task_success(found.token, json.dumps({"echo": SECRET}))
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED"
    assert await house.leaks(started.arn) == []


async def test_a_failure_that_a_worker_tells_is_searched(house: Vaulted) -> None:
    await house.activity()
    started = await house.start(await house.machine(machine(Dig=task(ACTIVITY))), {"token": SECRET})
    found = await house.engine.get_activity_task(ACTIVITY, None, 5)
    assert found is not None
    await house.engine.send_task_failure(found.token, f"E {SECRET}", f"because of {SECRET}")
    assert (await house.end(started)).change.status == "FAILED"
    assert await house.leaks(started.arn) == []


async def test_a_callback_is_searched(house: Vaulted) -> None:
    async def submit(task: Task) -> AsyncIterator[Outcome]:
        yield Submitted(task.input)

    house.dispatcher.handlers["Wait"] = submit
    wait = task(
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        Parameters={"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token", "token.$": "$.token"}},
    )
    started = await house.start(await house.machine(machine(Wait=wait)), {"token": SECRET})
    await until(lambda: bool(house.dispatcher.tasks))
    body = seen(house, "Wait")["MessageBody"]
    assert body["token"] == SECRET
    await house.engine.send_task_success(body["t"], json.dumps([SECRET]))
    assert (await house.end(started)).change.status == "SUCCEEDED"
    assert await house.leaks(started.arn) == []


async def test_a_mocked_state_keeps_its_references(house: Vaulted) -> None:
    house.dispatcher.mocked.add("Work")
    made = await house.machine(machine(Work=task()))
    started = await house.start(made, {"token": SECRET}, test_case="Case")
    assert (await house.end(started)).change.status == "SUCCEEDED"
    assert seen(house, "Work")["token"].startswith("sealed-")


# -- Express


async def test_an_asynchronous_express_execution_keeps_its_secrets(house: Vaulted) -> None:
    express = await house.machine(machine(Work=task()), "Quick", "EXPRESS")
    request = StartRequest(
        machine=express, arn=f"{ARN}express:Quick:a:b", name="a", input=json.dumps({"token": SECRET})
    )
    await house.engine.start_execution(request)
    await until(lambda: bool(house.dispatcher.tasks))
    assert seen(house, "Work") == {"token": SECRET}

    async def is_over() -> bool:
        row = await house.store.find_execution(request.arn)
        return row is not None and row.change.status == "SUCCEEDED"

    await until(is_over)
    assert not await house.store.vault.is_used()
    assert await house.leaks() == []


async def test_a_synchronous_express_execution_keeps_them_in_memory_alone(house: Vaulted) -> None:
    house.marks = None
    await house.machine(machine(Inner=task()), "Child")
    house.marks = "token"
    nest = task(
        "arn:aws:states:::states:startExecution",
        Parameters={"StateMachineArn": f"{ARN}stateMachine:Child", "Name": "c", "Input": {"token.$": "$.token"}},
        Next="Work",
        ResultPath=None,
    )
    del nest["End"]
    express = await house.machine(machine(Nest=nest, Work=task()), "Quick", "EXPRESS")
    request = StartRequest(
        machine=express, arn=f"{ARN}express:Quick:a:b", name="a", input=json.dumps({"token": SECRET})
    )
    row = await house.engine.run_execution(request)
    assert row.change.status == "SUCCEEDED", row.change
    assert seen(house, "Work") == {"token": SECRET}
    assert "s3cr3t" not in repr(row)
    child = await house.store.find_execution(f"{ARN}execution:Child:c")
    assert child is not None
    await until(lambda: any(task.state_name == "Inner" for task in house.dispatcher.tasks))
    assert seen(house, "Inner") == {"token": SECRET}
    assert await house.leaks() == []


# -- starting again, and the end


async def test_the_same_start_gives_the_same_execution_and_another_secret_does_not(house: Vaulted) -> None:
    await house.activity()
    made = await house.machine(machine(Dig=task(ACTIVITY)))
    first = await house.start(made, {"token": SECRET}, "one")
    assert await house.start(made, {"token": SECRET}, "one") == first
    with pytest.raises(ExecutionAlreadyExists):
        await house.start(made, {"token": SECRET + "x"}, "one")
    await house.restart()
    assert await house.start(made, {"token": SECRET}, "one") == first


async def test_secrets_survive_a_restart(house: Vaulted) -> None:
    await house.activity()
    started = await house.start(await house.machine(machine(Dig=task(ACTIVITY))), {"token": SECRET})
    await house.restart()
    found = await house.engine.get_activity_task(ACTIVITY, None, 5)
    assert found is not None
    assert json.loads(found.input) == {"token": SECRET}
    await house.engine.send_task_success(found.token, json.dumps(SECRET))
    assert (await house.end(started)).change.status == "SUCCEEDED"
    assert await house.leaks(started.arn) == []


async def test_without_its_key_a_task_fails_and_says_so(house: Vaulted) -> None:
    await house.activity()
    started = await house.start(await house.machine(machine(Dig=task(ACTIVITY))), {"token": SECRET})
    house.path.with_suffix(".key").unlink()
    await house.restart()
    assert await house.engine.get_activity_task(ACTIVITY, None, 0.05) is None
    row = await house.end(started)
    assert row.change.error == "Stepwell.SecretUnavailable"
    assert "not among the vault's keys" in (row.change.cause or "")


async def test_success_destroys_them_and_failure_keeps_them_for_a_redrive(house: Vaulted) -> None:
    async def fail(task: Task) -> AsyncIterator[Outcome]:
        yield Failed("E", "c")

    made = await house.machine(machine(Work=task()))
    await house.end(await house.start(made, {"token": SECRET}))
    assert not await house.store.vault.is_used()
    house.dispatcher.handlers["Work"] = fail
    started = await house.start(made, {"token": SECRET})
    assert (await house.end(started)).change.status == "FAILED"
    assert await house.store.vault.is_used()
    house.dispatcher.handlers["Work"] = answering(lambda given: given["token"])
    await house.restart()
    await house.engine.redrive_execution(started.arn, None)
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED"
    assert await house.leaks(started.arn) == []
    assert not await house.store.vault.is_used()


async def test_they_are_destroyed_with_the_end_of_the_redrive_period(house: Vaulted) -> None:
    async def fail(task: Task) -> AsyncIterator[Outcome]:
        yield Failed("E", "c")

    house.dispatcher.handlers["Work"] = fail
    house.clock = FakeClock()
    await house.restart()
    await house.end(await house.start(await house.machine(machine(Work=task())), {"token": SECRET}))
    house.clock.advance(13.9 * 86_400)
    await house.restart()
    assert await house.store.vault.is_used()
    house.clock.advance(0.2 * 86_400)
    await house.restart()

    async def gone() -> bool:
        return not await house.store.vault.is_used()

    await until(gone)


async def test_where_nothing_is_marked_nothing_is_made(house: Vaulted) -> None:
    house.marks = None
    started = await house.start(await house.machine(machine(Work=task())), {"token": SECRET})
    row: ExecutionRow = await house.end(started)
    assert json.loads(row.new.input) == {"token": SECRET}
    assert not house.path.with_suffix(".key").exists()
    house.marks = "absent"
    await house.end(await house.start(await house.machine(machine(Work=task())), {"token": "x"}))
    assert not house.path.with_suffix(".key").exists()


async def test_a_start_may_bring_marks_of_its_own_and_the_settings_too(house: Vaulted) -> None:
    house.marks = None
    house.settings = EngineSettings(sensitive={"*": "b", "Orders": "c"})
    await house.restart()
    made = await house.machine(machine(Work=task()))
    row = await house.end(await house.start(made, {"a": "1", "b": "2", "c": "3", "d": "4"}, sensitive="$.a"))
    stored = json.loads(row.new.input)
    assert {name for name, value in stored.items() if value.startswith("sealed-")} == {"a", "b", "c"}
    assert seen(house, "Work") == {"a": "1", "b": "2", "c": "3", "d": "4"}


async def test_marks_that_cannot_be_understood_refuse_the_start(house: Vaulted) -> None:
    house.marks = "a[?(@.b)]"
    with pytest.raises(CannotSeal, match="is no path"):
        await house.start(await house.machine(machine(Work=task())), {"token": SECRET})


# -- refreshers


def jwt(ends: int, name: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": ends, "name": name}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.signature-{name}"


POLL = {
    "StartAt": "Check",
    "States": {
        "Check": {**task(), "ResultPath": "$.check", "Next": "Ready"},
        "Ready": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.check.ready", "BooleanEquals": True, "Next": "Done"}],
            "Default": "Later",
        },
        "Later": {"Type": "Wait", "Seconds": 20, "Next": "Check"},
        "Done": {"Type": "Succeed"},
    },
}
del POLL["States"]["Check"]["End"]  # type: ignore[attr-defined]


class Vendor:
    """What checks with a token and gives fresh ones."""

    def __init__(self, house: House, checks: int) -> None:
        self.house = house
        self.checks = checks
        self.given: list[str] = []
        self.asked: list[Any] = []

    async def __call__(self, task: Task) -> AsyncIterator[Outcome]:
        given = json.loads(task.input)
        if task.resource.arn.endswith(":Refresh"):
            self.asked.append(given)
            assert task.clock is not None
            yield Succeeded(json.dumps({"value": jwt(task.clock // 1000 + 300, f"fresh-{len(self.asked)}")}))
            return
        self.given.append(given["token"])
        yield Succeeded(json.dumps({"ready": len(self.given) == self.checks, "echo": given["token"]}))


async def test_a_poll_longer_than_the_life_of_its_token_goes_on_with_a_fresh_one(house: Vaulted) -> None:
    house.marks = "token=Refresh"
    house.clock = FakeClock()
    await house.restart()
    house.dispatcher.handlers["Check"] = house.dispatcher.handlers["Refresh"] = vendor = Vendor(house, 60)
    first = jwt(house.clock.now() // 1000 + 300, "first")
    started = await house.start(await house.machine(POLL), {"token": first}, virtual=True)
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED", row.change.cause
    assert row.change.clock is not None
    assert row.change.clock - row.new.start_date >= 59 * 20_000
    assert len(set(vendor.given)) == 5
    assert [asked["value"] for asked in vendor.asked] == list(dict.fromkeys(vendor.given))[:-1]
    assert vendor.asked[0]["path"] == "$.token"
    told = repr((row, await house.events(started))).encode() + house.on_disk()
    assert [token for token in vendor.given if token.encode() in told] == []


async def test_a_lifetime_in_the_mark_serves_where_the_value_says_nothing(house: Vaulted) -> None:
    house.marks = "token=Refresh@5m"
    house.dispatcher.handlers["Check"] = house.dispatcher.handlers["Refresh"] = vendor = Vendor(house, 16)
    row = await house.end(await house.start(await house.machine(POLL), {"token": "opaque-token"}, virtual=True))
    assert row.change.status == "SUCCEEDED", row.change.cause
    assert vendor.given[:12] == ["opaque-token"] * 12  # up to 220 of 300 s
    assert vendor.given[12] != "opaque-token"


async def test_a_refresher_that_fails_is_an_error_of_the_task(house: Vaulted) -> None:
    async def check(task: Task) -> AsyncIterator[Outcome]:
        if task.resource.arn.endswith(":Refresh"):
            yield Failed("Vendor.Gone", f"no token for {task.input}")
        else:
            yield Succeeded('{"ready": false}')

    house.marks = "token=Refresh@1m"
    house.dispatcher.handlers["Check"] = house.dispatcher.handlers["Refresh"] = check
    started = await house.start(await house.machine(POLL), {"token": SECRET}, virtual=True)
    row = await house.end(started)
    assert row.change.error == "Stepwell.SecretRefreshFailed"
    assert row.change.cause == "The value of $.token could not be refreshed: Refresh failed with Vendor.Gone."
    assert await house.leaks(started.arn) == []


@pytest.mark.parametrize("answer", [None, "text", {"value": None}, {"value": {}}, {"value": "v", "expires_in": "soon"}])
async def test_a_refresher_has_to_answer_a_value(house: Vaulted, answer: Any) -> None:
    async def check(task: Task) -> AsyncIterator[Outcome]:
        yield Succeeded(json.dumps(answer if task.resource.arn.endswith(":Refresh") else {"ready": False}))

    house.marks = "token=Refresh@1m"
    house.dispatcher.handlers["Check"] = house.dispatcher.handlers["Refresh"] = check
    row = await house.end(await house.start(await house.machine(POLL), {"token": SECRET}, virtual=True))
    assert row.change.error == "Stepwell.SecretRefreshFailed"
    assert '{"value": "…"}' in (row.change.cause or "")


async def test_a_refresher_is_given_the_secrets_that_name_it_and_may_change_them(house: Vaulted) -> None:
    asked: list[Any] = []

    async def refresh(task: Task) -> AsyncIterator[Outcome]:
        asked.append(json.loads(task.input))
        turn = len(asked)
        yield Succeeded(json.dumps({"value": f"a-token-{turn}", "values": {"$.more": f"rotated-{turn}", "$.x": "y"}}))

    house.marks = "token=Refresh@1m more=Refresh other"
    house.dispatcher.handlers["Refresh"] = refresh
    house.dispatcher.handlers["Check"] = answering(lambda given: {"ready": given["token"] == "a-token-2"})
    given = {"token": SECRET, "more": "first-of-all", "other": "not-for-it"}
    row = await house.end(await house.start(await house.machine(POLL), given, virtual=True))
    assert row.change.status == "SUCCEEDED", row.change.cause
    assert [call["values"] for call in asked] == [
        {"$.token": SECRET, "$.more": "first-of-all"},
        {"$.token": "a-token-1", "$.more": "rotated-1"},
    ]


async def test_a_value_is_refreshed_once_however_many_tasks_wait_for_it(house: Vaulted) -> None:
    gate, asked = asyncio.Event(), []

    async def work(task: Task) -> AsyncIterator[Outcome]:
        if task.resource.arn.endswith(":Refresh"):
            asked.append(task)
            await gate.wait()
            yield Succeeded('{"value": "a-fresh-token", "expires_in": 3600}')
        else:
            yield Succeeded(task.input)

    house.marks = "token=Refresh@1m"
    house.clock = FakeClock()
    await house.restart()
    branches = [machine(**{f"Work{n}": task()}) for n in range(5)]
    for name in ("Refresh", *(f"Work{n}" for n in range(5))):
        house.dispatcher.handlers[name] = work
    definition = machine(
        Wait={"Type": "Wait", "Seconds": 59, "Next": "All"},
        All={"Type": "Parallel", "Branches": branches, "End": True},
    )
    started = await house.start(await house.machine(definition), {"token": SECRET}, virtual=True)
    await until(lambda: bool(asked))
    gate.set()
    row = await house.end(started)
    assert row.change.status == "SUCCEEDED"
    assert len(asked) == 1
    assert all(seen(house, f"Work{n}") == {"token": "a-fresh-token"} for n in range(5))
