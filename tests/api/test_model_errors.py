"""Every error that an operation declares is provoked, or a reason is given why it never occurs here.

`BREAKS` says for each error how a sound request is turned into one that is refused with it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from stepwell.api.operations import aliases, versions
from stepwell.machine.states.task import token_of
from tests.api.conftest import Aws
from tests.api.sound import DECLARED, PASS, PREFIX, Request, Sound
from tests.api.test_model_generated import violations

Break = Callable[[Sound, str, Request], Awaitable[None]]


async def _invalid_arn(sound: Sound, operation: str, request: Request) -> None:
    for name in request:
        if name.endswith("Arn"):
            request[name] = "nonsense"
    if operation == "CreateStateMachineAlias":
        request["routingConfiguration"] = [{"stateMachineVersionArn": "nonsense", "weight": 100}]
    if operation == "TestState":
        request["roleArn"] = "nonsense"


async def _invalid_name(sound: Sound, operation: str, request: Request) -> None:
    request["name"] = "<name>"


async def _invalid_definition(sound: Sound, operation: str, request: Request) -> None:
    request["definition"] = "{}"


async def _invalid_input(sound: Sound, operation: str, request: Request) -> None:
    request["input"] = "{"


async def _invalid_output(sound: Sound, operation: str, request: Request) -> None:
    request["output"] = "{"


async def _invalid_token(sound: Sound, operation: str, request: Request) -> None:
    request["taskToken" if "taskToken" in request else "nextToken"] = "nonsense"


async def _invalid_logging(sound: Sound, operation: str, request: Request) -> None:
    request["loggingConfiguration"] = {"level": "ALL"}


async def _invalid_encryption(sound: Sound, operation: str, request: Request) -> None:
    request["encryptionConfiguration"] = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}


async def _absent(sound: Sound, operation: str, request: Request) -> None:
    absent = {
        "activityArn": f"{PREFIX}:activity:absent",
        "executionArn": f"{PREFIX}:execution:orders:absent",
        "mapRunArn": f"{PREFIX}:mapRun:orders/absent:4c6f1a04-9f57-4d3b-8f5a-0d3c6a7f1b2c",
        "resourceArn": f"{PREFIX}:stateMachine:absent",
        "stateMachineAliasArn": f"{PREFIX}:stateMachine:orders:absent",
        "stateMachineArn": f"{PREFIX}:stateMachine:absent",
    }
    request.update({name: absent[name] for name in request if name in absent})
    if operation == "CreateStateMachineAlias":
        version = f"{PREFIX}:stateMachine:absent:1"
        request["routingConfiguration"] = [{"stateMachineVersionArn": version, "weight": 100}]


async def _absent_map_run(sound: Sound, operation: str, request: Request) -> None:
    if operation == "ListExecutions":
        request.clear()
        request["mapRunArn"] = ""
    await _absent(sound, operation, request)


async def _invalid(sound: Sound, operation: str, request: Request) -> None:
    broken, _, _ = next(iter(violations(operation)))
    request.clear()
    request.update(broken)


async def _exists(sound: Sound, operation: str, request: Request) -> None:
    request["name"] = {"StartExecution": "first"}.get(operation, "orders")
    if operation == "StartExecution":
        request["input"] = '{"other": 1}'


async def _deleting(sound: Sound, operation: str, request: Request) -> None:
    await sound.aws("DeleteStateMachine", stateMachineArn=sound.members["stateMachineArn"])
    if operation == "CreateStateMachine":
        request["name"] = "orders"


async def _conflict(sound: Sound, operation: str, request: Request) -> None:
    if operation == "CreateStateMachineAlias":
        request.update(name="live", description="other")
    elif operation == "DeleteStateMachineVersion":
        request["stateMachineVersionArn"] = sound.members["stateMachineVersionArn"]
    else:
        request["revisionId"] = "other"


async def _too_many_tags(sound: Sound, operation: str, request: Request) -> None:
    request["tags"] = [{"key": f"k{number}", "value": "v"} for number in range(51)]


async def _quota(sound: Sound, operation: str, request: Request) -> None:
    """The fixture `small_quotas` has taken the quotas down to what is there already."""
    if operation == "UpdateStateMachine":
        request["publish"] = True
    else:
        await sound.aws(
            "UpdateStateMachine", stateMachineArn=sound.members["stateMachineArn"], definition=json.dumps(PASS)
        )


async def _other_type(sound: Sound, operation: str, request: Request) -> None:
    other = sound.members["stateMachineArn"]
    if operation == "ListExecutions":
        other = await sound.aws.create("quick", type="EXPRESS")
    request["stateMachineArn"] = other


async def _missing(sound: Sound, operation: str, request: Request) -> None:
    del request["definition"]


async def _closed(sound: Sound, operation: str, request: Request) -> None:
    await sound.aws("SendTaskSuccess", taskToken=request["taskToken"], output="{}")


async def _forgotten(sound: Sound, operation: str, request: Request) -> None:
    request["taskToken"] = token_of(1_000_000, "", bytes(18))  # of an execution that is no longer kept


async def _running(sound: Sound, operation: str, request: Request) -> None:
    request["executionArn"] = sound.members["executionArn"]


BREAKS: Final[dict[str, Break]] = {
    "ActivityDoesNotExist": _absent,
    "ConflictException": _conflict,
    "ExecutionAlreadyExists": _exists,
    "ExecutionDoesNotExist": _absent,
    "ExecutionNotRedrivable": _running,
    "InvalidArn": _invalid_arn,
    "InvalidDefinition": _invalid_definition,
    "InvalidEncryptionConfiguration": _invalid_encryption,
    "InvalidExecutionInput": _invalid_input,
    "InvalidLoggingConfiguration": _invalid_logging,
    "InvalidName": _invalid_name,
    "InvalidOutput": _invalid_output,
    "InvalidToken": _invalid_token,
    "MissingRequiredParameter": _missing,
    "ResourceNotFound": _absent_map_run,
    "ServiceQuotaExceededException": _quota,
    "StateMachineAlreadyExists": _exists,
    "StateMachineDeleting": _deleting,
    "StateMachineDoesNotExist": _absent,
    "StateMachineTypeNotSupported": _other_type,
    "TaskDoesNotExist": _forgotten,
    "TaskTimedOut": _closed,
    "TooManyTags": _too_many_tags,
    "ValidationException": _invalid,
}
UNKNOWN_HERE: Final = {
    "ActivityAlreadyExists": "activities of one name could differ by their encryption only",
    "ActivityLimitExceeded": "there is no limit",
    "ActivityWorkerLimitExceeded": "there is no limit",
    "ExecutionLimitExceeded": "there is no limit",
    "StateMachineLimitExceeded": "there is no limit",
    "InvalidTracingConfiguration": "a tracing configuration that the model lets through is always good",
    "KmsAccessDeniedException": "there is no KMS",
    "KmsInvalidStateException": "there is no KMS",
    "KmsThrottlingException": "there is no KMS",
}
_IN_TURN: Final = "requests about one resource are answered one after the other"
UNKNOWN_TO: Final = {
    ("CreateStateMachine", "ConflictException"): _IN_TURN,
    ("CreateStateMachine", "StateMachineTypeNotSupported"): "both types are supported",
    ("CreateStateMachineAlias", "InvalidName"): "a name with other characters breaks the pattern of the model",
    ("DeleteStateMachineAlias", "ConflictException"): _IN_TURN,
    ("ListStateMachineAliases", "ResourceNotFound"): "StateMachineDoesNotExist is told",
    ("ListStateMachineAliases", "StateMachineDeleting"): "a machine's aliases can be listed until it is gone",
    ("StartSyncExecution", "StateMachineDeleting"): "an Express machine is gone as soon as it is deleted",
    ("UpdateStateMachine", "ConflictException"): _IN_TURN,
    ("UpdateStateMachineAlias", "ConflictException"): _IN_TURN,
}
PAIRS: Final = [(operation, error) for operation, errors in DECLARED.items() for error in errors]
PROVOKED: Final = [pair for pair in PAIRS if pair[1] not in UNKNOWN_HERE and pair not in UNKNOWN_TO]
STATUS: Final = {"ConflictException": 409, "ServiceQuotaExceededException": 402}


@pytest.fixture
def small_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MAX_VERSIONS", 1)
    monkeypatch.setattr(aliases, "MAX_ALIASES", 1)


@pytest.mark.parametrize(("operation", "error"), PROVOKED)
async def test_an_error_that_an_operation_declares_is_answered(
    aws: Aws, small_quotas: None, operation: str, error: str
) -> None:
    sound = await Sound(aws).build()
    request = await sound.request(operation)
    await BREAKS[error](sound, operation, request)
    answer = await aws.post(operation, request)
    body = answer.json()
    assert (answer.status_code, body.get("__type")) == (STATUS.get(error, 400), error), body
    assert body["message"]


def test_every_declared_error_is_either_provoked_or_has_a_reason() -> None:
    declared = {error for _, error in PAIRS}
    assert declared == BREAKS.keys() | UNKNOWN_HERE.keys()
    assert not BREAKS.keys() & UNKNOWN_HERE.keys()
    assert set(UNKNOWN_TO) <= set(PAIRS)
    assert len(PROVOKED) > 100
