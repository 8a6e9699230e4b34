"""One thing of each kind behind the API, and a sound request of every operation about them.

Rules that must stay true here:
- A request holds the members that are required, and those without which it would ask for nothing.
- It is answered with 200.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from stepwell.api.handlers import HANDLERS
from stepwell.api.service_model import INPUTS, SHAPES
from tests.api.conftest import ACCOUNT, REGION, ROLE, Aws

STRUCTURES: Final = {name: SHAPES[shape] for name, shape in INPUTS.items() if name in HANDLERS}
_OPERATIONS: Final = json.loads(files("stepwell.api").joinpath("service-2.json").read_bytes())["operations"]
DECLARED: Final = {name: [error["shape"] for error in _OPERATIONS[name].get("errors", ())] for name in STRUCTURES}
PREFIX: Final = f"arn:aws:states:{REGION}:{ACCOUNT}"
PASS: Final = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT: Final = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL: Final = {"StartAt": "A", "States": {"A": {"Type": "Fail"}}}
MAP: Final = {
    "StartAt": "A",
    "States": {
        "A": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "B",
                "States": {"B": {"Type": "Wait", "Seconds": 3600, "End": True}},
            },
            "End": True,
        }
    },
}
ACTIVITY: Final = f"{PREFIX}:activity:pack"
WORK: Final = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": ACTIVITY, "End": True}}}

Request = dict[str, Any]


class Sound:
    """One thing of each kind, and requests about them."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.members: Request = {}

    async def build(self) -> Sound:
        aws = self.aws
        machine = await aws.create("orders", definition=WAIT)
        version = (await aws("PublishStateMachineVersion", stateMachineArn=machine))["stateMachineVersionArn"]
        routes = [{"stateMachineVersionArn": version, "weight": 100}]
        made = await aws("CreateStateMachineAlias", name="live", routingConfiguration=routes)
        await aws("CreateActivity", name="pack")
        await aws.start(await aws.create("packing", definition=WORK), input='{"box": 1}')
        token = (await aws("GetActivityTask", activityArn=ACTIVITY))["taskToken"]
        await aws.start(await aws.create("packing", definition=WORK), input='{"box": 2}')
        self.members = {
            "activityArn": ACTIVITY,
            "definition": json.dumps(PASS),
            "executionArn": await aws.start(machine, name="first"),
            "name": "new",
            "output": "{}",
            "resourceArn": machine,
            "roleArn": ROLE,
            "routingConfiguration": routes,
            "stateMachineAliasArn": made["stateMachineAliasArn"],
            "stateMachineArn": machine,
            "stateMachineVersionArn": version,
            "tagKeys": ["team"],
            "tags": [{"key": "team", "value": "one"}],
            "taskToken": token,
        }
        return self

    async def request(self, operation: str) -> Request:
        """A request that is answered with 200: the required members, and those without which it asks for nothing."""
        request = {name: self.members.get(name) for name in STRUCTURES[operation].get("required", ())}
        aws = self.aws
        match operation:
            case "DeleteStateMachineVersion":
                other = await aws.create("others", publish=True)
                request["stateMachineVersionArn"] = f"{other}:1"
            case "DescribeMapRun" | "UpdateMapRun":
                request["mapRunArn"] = await self.map_run()
                if operation == "UpdateMapRun":
                    request["maxConcurrency"] = 2
            case "ListExecutions" | "UpdateStateMachine":
                request["stateMachineArn"] = self.members["stateMachineArn"]
                if operation == "UpdateStateMachine":
                    request["definition"] = self.members["definition"]
            case "RedriveExecution":
                failing = await aws.create("failing", definition=FAIL)
                request["executionArn"] = await aws.start(failing)
                await aws.ended(request["executionArn"])
            case "StartSyncExecution":
                request["stateMachineArn"] = await aws.create("quick", type="EXPRESS")
            case "TestState":
                request["definition"] = json.dumps({"Type": "Pass", "End": True})
            case "UpdateStateMachineAlias":
                request["description"] = "new"
        return request

    async def map_run(self) -> str:
        """The ARN of a map run that is under way."""
        execution = await self.aws.start(await self.aws.create("mapping", definition=MAP), input="[1]")
        for _ in range(500):
            runs = (await self.aws("ListMapRuns", executionArn=execution))["mapRuns"]
            if runs:
                return str(runs[0]["mapRunArn"])
        raise AssertionError("no map run has begun")
