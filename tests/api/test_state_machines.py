"""State machines, as AWS's clients know them."""

from __future__ import annotations

import json

import pytest

ROLE = "arn:aws:iam::123456789012:role/x"
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"
LOG_GROUP = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}


async def test_a_new_machine_is_described_with_the_defaults_filled_in(aws, definitions) -> None:
    text = json.dumps(definitions["pass"], indent=3)
    made = await aws("CreateStateMachine", name="orders", definition=text, roleArn=ROLE)
    assert set(made) == {"stateMachineArn", "creationDate"}
    assert await aws("DescribeStateMachine", stateMachineArn=ARN) == {
        "stateMachineArn": ARN,
        "name": "orders",
        "status": "ACTIVE",
        "type": "STANDARD",
        "definition": text,
        "roleArn": ROLE,
        "creationDate": made["creationDate"],
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }


async def test_a_description_of_metadata_only_hides_the_definition(aws) -> None:
    await aws.create()
    found = await aws("DescribeStateMachine", stateMachineArn=ARN, includedData="METADATA_ONLY")
    assert found["definition"] == "{}"


async def test_creating_again_is_idempotent_whatever_role_and_tags(aws, definitions) -> None:
    text = json.dumps(definitions["pass"])
    first = await aws("CreateStateMachine", name="orders", definition=text, roleArn=ROLE)
    again = await aws(
        "CreateStateMachine", name="orders", definition=text, roleArn=f"{ROLE}y", tags=[{"key": "a", "value": "b"}]
    )
    assert again == first
    assert (await aws("DescribeStateMachine", stateMachineArn=ARN))["roleArn"] == ROLE
    assert await aws("ListTagsForResource", resourceArn=ARN) == {"tags": []}


@pytest.mark.parametrize(
    "other",
    [
        {"definition": json.dumps({"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})},
        {"type": "EXPRESS"},
        {"tracingConfiguration": {"enabled": True}},
        {"loggingConfiguration": {"level": "ALL", "destinations": [LOG_GROUP]}},
    ],
)
async def test_creating_something_else_under_a_taken_name_is_refused(aws, definitions, other: dict) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    await aws("CreateStateMachine", **request)
    assert await aws.fault("CreateStateMachine", **request | other) == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{ARN}'",
    )


async def test_a_definition_that_cannot_be_run_is_refused(aws) -> None:
    shape, message = await aws.fault("CreateStateMachine", name="orders", definition='{"StartAt": "A"}', roleArn=ROLE)
    assert shape == "InvalidDefinition"
    assert message == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"
    )


async def test_names_and_roles_are_checked(aws, definitions) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    assert await aws.fault("CreateStateMachine", **request | {"name": "a b"}) == (
        "InvalidName",
        "Invalid Name: 'a b'",
    )
    assert (await aws.fault("CreateStateMachine", **request | {"roleArn": "me"}))[0] == "InvalidArn"


async def test_a_version_description_needs_a_version(aws, definitions) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    assert await aws.fault("CreateStateMachine", **request, versionDescription="first") == (
        "ValidationException",
        "Version description can only be set when publish is true",
    )


@pytest.mark.parametrize("given", [{}, {"destinations": []}, {"level": "OFF", "destinations": [LOG_GROUP]}])
async def test_logging_that_is_off_needs_no_destination(aws, given: dict) -> None:
    await aws.create(loggingConfiguration=given)
    found = await aws("DescribeStateMachine", stateMachineArn=ARN)
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False, **given}


@pytest.mark.parametrize("given", [{"level": "ERROR"}, {"level": "ALL", "destinations": [LOG_GROUP, LOG_GROUP]}])
async def test_logging_has_exactly_one_destination(aws, definitions, given: dict) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    assert await aws.fault("CreateStateMachine", **request, loggingConfiguration=given) == (
        "InvalidLoggingConfiguration",
        "Invalid Logging Configuration: Must specify exactly one Log Destination.",
    )


async def test_a_key_of_aws_kms_is_kept_and_answered_with_its_defaults(aws, definitions) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/mine"}
    await aws("CreateStateMachine", **request, encryptionConfiguration=key)
    found = await aws("DescribeStateMachine", stateMachineArn=ARN)
    assert found["encryptionConfiguration"] == {**key, "kmsDataKeyReusePeriodSeconds": 300}


@pytest.mark.parametrize(
    "given",
    [
        {"type": "CUSTOMER_MANAGED_KMS_KEY"},
        {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "not a key"},
        {"type": "AWS_OWNED_KEY", "kmsKeyId": "alias/mine"},
    ],
)
async def test_a_key_that_is_none_or_has_no_place_is_refused(aws, definitions, given: dict) -> None:
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    shape, _ = await aws.fault("CreateStateMachine", **request, encryptionConfiguration=given)
    assert shape == "InvalidEncryptionConfiguration"


async def test_an_update_makes_a_new_revision(aws, definitions) -> None:
    await aws.create()
    updated = await aws("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(definitions["wait"]))
    found = await aws("DescribeStateMachine", stateMachineArn=ARN)
    assert found["revisionId"] == updated["revisionId"]
    assert json.loads(found["definition"]) == definitions["wait"]
    assert found["roleArn"] == ROLE


async def test_an_update_that_changes_nothing_makes_none(aws, definitions) -> None:
    await aws.create()
    updated = await aws("UpdateStateMachine", stateMachineArn=ARN, definition=json.dumps(definitions["pass"]))
    assert set(updated) == {"updateDate"}
    assert "revisionId" not in await aws("DescribeStateMachine", stateMachineArn=ARN)


async def test_an_update_of_logging_leaves_the_rest(aws, definitions) -> None:
    await aws.create()
    logging = {"level": "FATAL", "includeExecutionData": True, "destinations": [LOG_GROUP]}
    await aws("UpdateStateMachine", stateMachineArn=ARN, loggingConfiguration=logging)
    found = await aws("DescribeStateMachine", stateMachineArn=ARN)
    assert found["loggingConfiguration"] == logging
    assert json.loads(found["definition"]) == definitions["pass"]
    assert "revisionId" in found


async def test_an_update_of_nothing_misses_its_parameters(aws) -> None:
    await aws.create()
    assert await aws.fault("UpdateStateMachine", stateMachineArn=ARN) == (
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    )


@pytest.mark.parametrize("operation", ["DescribeStateMachine", "StartExecution", "ListExecutions"])
async def test_a_machine_that_is_not_there_does_not_exist(aws, operation: str) -> None:
    for arn in (ARN, f"{ARN}:7"):
        assert await aws.fault(operation, stateMachineArn=arn) == (
            "StateMachineDoesNotExist",
            f"State Machine Does Not Exist: '{arn}'",
        )


async def test_a_deleted_machine_is_gone_and_deleting_it_again_is_no_error(aws) -> None:
    await aws.create()
    for _ in range(2):
        assert await aws("DeleteStateMachine", stateMachineArn=ARN) == {}
    assert (await aws.fault("DescribeStateMachine", stateMachineArn=ARN))[0] == "StateMachineDoesNotExist"


async def test_a_machine_with_a_running_execution_is_deleting_until_that_ends(aws, definitions) -> None:
    await aws.create(definition=definitions["wait"])
    running = await aws.start(ARN)
    await aws("DeleteStateMachine", stateMachineArn=ARN)
    assert (await aws("DescribeStateMachine", stateMachineArn=ARN))["status"] == "DELETING"
    deleting = ("StateMachineDeleting", f"State Machine is being deleted: '{ARN}'")
    assert await aws.fault("StartExecution", stateMachineArn=ARN) == deleting
    assert await aws.fault("UpdateStateMachine", stateMachineArn=ARN, roleArn=ROLE) == deleting
    request = {"name": "orders", "definition": json.dumps(definitions["pass"]), "roleArn": ROLE}
    assert await aws.fault("CreateStateMachine", **request) == deleting

    await aws("StopExecution", executionArn=running)
    assert await aws("ListStateMachines") == {"stateMachines": []}
    await aws("CreateStateMachine", **request)
    assert await aws("ListExecutions", stateMachineArn=ARN) == {"executions": []}


async def test_machines_are_listed_page_by_page(aws) -> None:
    for number in range(5):
        await aws.create(f"m{number}")
    names, token = [], None
    while True:
        page = await aws("ListStateMachines", maxResults=2, nextToken=token)
        names += [machine["name"] for machine in page["stateMachines"]]
        assert len(page["stateMachines"]) <= 2
        token = page.get("nextToken")
        if token is None:
            break
    assert names == [f"m{number}" for number in range(5)]


async def test_a_page_token_of_another_listing_is_refused(aws) -> None:
    for name in ("a", "b"):
        await aws.create(name)
    token = (await aws("ListStateMachines", maxResults=1))["nextToken"]
    refused = ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert await aws.fault("ListActivities", nextToken=token) == refused
    assert await aws.fault("ListStateMachines", nextToken="InvalidToken") == refused
    aws.skew = 24 * 3600 * 1000 + 1
    assert await aws.fault("ListStateMachines", nextToken=token) == refused


async def test_validation_tells_what_creating_would_refuse(aws, definitions) -> None:
    sound = await aws("ValidateStateMachineDefinition", definition=json.dumps(definitions["pass"]))
    assert sound == {"result": "OK", "diagnostics": [], "truncated": False}
    assert await aws("ValidateStateMachineDefinition", definition="{}") == {
        "result": "FAIL",
        "diagnostics": [
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": "These fields are required: [States, StartAt]",
                "location": "/",
            }
        ],
        "truncated": False,
    }


async def test_validation_tells_as_many_faults_as_are_asked_for(aws) -> None:
    states = {f"S{n}": {"Type": "Dance"} for n in range(5)}
    text = json.dumps({"StartAt": "S0", "States": states})
    found = await aws("ValidateStateMachineDefinition", definition=text, maxResults=2)
    assert (found["result"], len(found["diagnostics"]), found["truncated"]) == ("FAIL", 2, True)


async def test_a_running_execution_of_a_deleted_machine_ends_at_its_next_transition(aws, definitions) -> None:
    states = {"A": {**definitions["callback"]["States"]["A"], "End": False, "Next": "B"}, "B": {"Type": "Pass"}}
    del states["A"]["End"]
    await aws.create(definition={"StartAt": "A", "States": {**states, "B": {"Type": "Pass", "End": True}}})
    execution = await aws.start(ARN)
    await aws("DeleteStateMachine", stateMachineArn=ARN)
    assert (await aws("DescribeStateMachine", stateMachineArn=ARN))["status"] == "DELETING"
    task = await aws.callbacks.tasks.get()
    await aws("SendTaskSuccess", taskToken=task.token, output="{}")
    found = await aws.ended(execution)
    assert (found["status"], found["redriveStatusReason"]) == ("ABORTED", "State machine is in DELETING status")
    assert (await aws.fault("DescribeStateMachine", stateMachineArn=ARN))[0] == "StateMachineDoesNotExist"
