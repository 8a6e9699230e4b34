"""Mocked responses."""

import json

import pytest

from stepwell.engine.dispatch import Failed, Submitted, Succeeded, TimedOut
from stepwell.language.model import Resource
from stepwell.tasks.mock import MockConfig, MockConfigError, MockDispatcher

FUNCTION = Resource("arn:aws:lambda:us-east-1:1:function:f", "function")
SERVICE = Resource("arn:aws:states:::sqs:sendMessage", "service", "sqs", "sendMessage")
TOKEN = Resource(
    "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "service", "sqs", "sendMessage", "waitForTaskToken"
)
ACTIVITY = Resource("arn:aws:states:us-east-1:1:activity:a", "activity")


class Inner:
    """Answers every task by itself, so that a test sees what was handed on."""

    async def start(self):
        pass

    async def run(self, task):
        yield Succeeded('"inner"')

    def answers_activity(self, machine_arn, test_case, state_name):
        return False

    async def stop(self, grace):
        pass


def config(responses, state="Work"):
    return MockConfig.parse(
        {
            "StateMachines": {"orders": {"TestCases": {"Happy": {state: "mock"}}}},
            "MockedResponses": {"mock": responses},
        }
    )


@pytest.fixture
def outcomes(task):
    async def run(responses, resource=SERVICE, state="Work", test_case="Happy", **fields):
        dispatcher = MockDispatcher(config(responses, state), Inner())
        mocked = task(resource, test_case=test_case, **fields)
        return [outcome async for outcome in dispatcher.run(mocked)]

    return run


async def test_return_is_the_result(outcomes):
    assert await outcomes({"0": {"Return": {"MessageId": "1"}}}) == [Succeeded('{"MessageId":"1"}')]


async def test_a_functions_mock_is_invokes_answer_and_the_result_its_payload(outcomes):
    mock = {"0": {"Return": {"StatusCode": 200, "Payload": {"Payload": 1}}}}
    assert await outcomes(mock, FUNCTION) == [Succeeded('{"Payload":1}')]


async def test_throw_fails_the_task_under_any_name(outcomes):
    mock = {"0": {"Throw": {"Error": "States.TaskFailed", "Cause": "why"}}}
    assert await outcomes(mock) == [Failed("States.TaskFailed", "why")]


async def test_empty_error_and_cause_are_none_given(outcomes):
    assert await outcomes({"0": {"Throw": {"Error": "", "Cause": ""}}}) == [Failed(None, None)]


async def test_throw_of_a_timeout_times_out(outcomes):
    mock = {"0": {"Throw": {"Error": "States.Timeout", "Cause": ""}}}
    assert await outcomes(mock) == [TimedOut("States.Timeout", None)]


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"Return": "x"}, Succeeded('"x"')),
        ({"Throw": {"Error": "E", "Cause": "C"}}, Failed("E", "C")),
        ({"Throw": {"Error": "States.Timeout", "Cause": ""}}, TimedOut("States.Timeout", None)),
    ],
)
async def test_a_callback_is_submitted_before_it_ends(outcomes, response, end):
    assert await outcomes({"0": response}, TOKEN) == [Submitted("{}"), end]


async def test_an_activity_is_mocked_like_any_task(outcomes):
    assert await outcomes({"0": {"Return": 1}}, ACTIVITY) == [Succeeded("1")]


async def test_the_nth_call_takes_the_nth_response(outcomes):
    mock = {"0": {"Return": "first"}, "1-2": {"Throw": {"Error": "E", "Cause": "C"}}, "3": {"Return": "last"}}
    seen = [(await outcomes(mock, call=call))[0] for call in range(4)]
    assert seen == [Succeeded('"first"'), Failed("E", "C"), Failed("E", "C"), Succeeded('"last"')]


async def test_a_call_beyond_the_last_response_fails_and_says_what_to_add(outcomes):
    (failed,) = await outcomes({"0": {"Return": 1}}, call=1)
    assert failed.error == "States.Runtime"
    assert 'MockedResponses.mock in mock configuration has no response "1"' in failed.cause


@pytest.mark.parametrize("fields", [{"state": "Other"}, {"test_case": None}, {"test_case": "Sad"}])
async def test_what_is_not_mocked_is_really_called(outcomes, fields):
    assert await outcomes({"0": {"Return": 1}}, **fields) == [Succeeded('"inner"')]


async def test_the_machine_is_known_by_its_name_whatever_the_version(task):
    dispatcher = MockDispatcher(config({"0": {"Return": 1}}), Inner())
    base = task(SERVICE, test_case="Happy")
    assert dispatcher.mock(base) is not None
    from msgspec.structs import replace

    assert dispatcher.mock(replace(base, machine_arn=f"{base.machine_arn}:3")) is not None
    assert dispatcher.mock(replace(base, machine_arn=f"{base.machine_arn}s")) is None


def test_a_configuration_is_read_from_a_file(tmp_path):
    file = tmp_path / "MockConfigFile.json"
    file.write_text(
        json.dumps(
            {
                "StateMachines": {"orders": {"TestCases": {"Happy": {"Work": "mock"}}}},
                "MockedResponses": {"mock": {"0": {"Return": 1}}},
            }
        )
    )
    assert set(MockConfig.load(file).test_case("orders", "Happy")) == {"Work"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "the document: must be a JSON object"),
        ('{"MockedResponses": {"m": {}}}', 'MockedResponses.m: has no response; add at least "0"'),
        ('{"MockedResponses": {"m": {"a": {"Return": 1}}}}', "MockedResponses.m.a: number the calls from 0"),
        ('{"MockedResponses": {"m": {"2-1": {"Return": 1}}}}', "MockedResponses.m.2-1: number the calls from 0"),
        (
            '{"MockedResponses": {"m": {"0-2": {"Return": 1}, "2": {"Return": 1}}}}',
            "MockedResponses.m.2: call 2 has a response already",
        ),
        ('{"MockedResponses": {"m": {"0": {}}}}', 'MockedResponses.m.0: must have either "Return" or "Throw"'),
        (
            '{"MockedResponses": {"m": {"0": {"Throw": {"Error": 1}}}}}',
            "MockedResponses.m.0.Throw.Error: must be a string",
        ),
        (
            '{"StateMachines": {"o": {"TestCases": {"c": {"S": "x"}}}}, "MockedResponses": {"m": {"0": {"Return":1}}}}',
            'StateMachines.o.TestCases.c.S: names the response "x", which MockedResponses does not have; '
            "add it there, or use one of: m",
        ),
    ],
)
def test_a_configuration_that_is_not_right_is_refused_with_file_place_and_way_out(tmp_path, text, message):
    file = tmp_path / "mocks.json"
    file.write_text(text)
    with pytest.raises(MockConfigError) as refused:
        MockConfig.load(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MockConfigError, match=r"cannot be read \(No such file"):
        MockConfig.load(tmp_path / "none.json")


def test_a_mocked_activity_needs_no_worker():
    dispatcher = MockDispatcher(config({"0": {"Return": 1}}), Inner())
    machine = "arn:aws:states:us-east-1:1:stateMachine:orders"
    assert dispatcher.answers_activity(machine, "Happy", "Work")
    assert not dispatcher.answers_activity(machine, "Happy", "Other")
    assert not dispatcher.answers_activity(machine, None, "Work")
