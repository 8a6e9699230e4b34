"""Task states: functions, activities, services in every pattern of integration, and their time-outs."""

from __future__ import annotations

from typing import Any

from tests.simulation.drawn.draw import Draw, Place, State
from tests.simulation.drawn.flow import Flow
from tests.simulation.values import ARN, CHILD, LONG, OWN, QUICK, ROLE


class Tasks:
    def __init__(self, draw: Draw, flow: Flow) -> None:
        self._draw = draw
        self._flow = flow

    def state(self, name: str, scope: str, later: list[str], place: Place) -> State:
        behaviour = name.rpartition("-")[2]
        resource, arguments = self._call(behaviour, place)
        fields = self._flow.rescue(scope, later, place) | {"Resource": resource}
        fields |= self._flow.fields(place, result=True, selector=True)
        volatile = "startExecution" in resource
        if place.jsonata:
            if arguments is not None:
                fields["Arguments"] = arguments
            if volatile and self._draw.steady:
                fields["Output"] = {"v": 9}
        else:
            if arguments is not None:
                fields["Parameters"] = arguments
            if volatile and self._draw.steady:
                fields.pop("ResultSelector", None)
                fields["ResultPath"] = None
        if self._draw.may(0.08):
            fields["Credentials"] = self._credentials(place)
        token = "waitForTaskToken" in resource or ":activity:" in resource
        if ":activity:" in resource and self._draw.steady and behaviour != "hangs":
            # A worker's call may be lost together with the task that it was given: another is to have it.
            fields["Retry"] = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 99}, *fields.get("Retry", [])]
            return fields | {"TimeoutSeconds": LONG}
        return fields | self._times(behaviour, place, token=token)

    def _credentials(self, place: Place) -> State | str:
        plain = {"RoleArn": ROLE}
        if place.jsonata:
            return self._draw.one(plain, {"RoleArn": f"{{% '{ROLE}' %}}"}, f"{{% {{'RoleArn': '{ROLE}'}} %}}")
        return self._draw.one(plain, plain, {"RoleArn.$": "States.Format('{}', '" + ROLE + "')"})

    def _times(self, behaviour: str, place: Place, *, token: bool) -> State:
        """Time-outs: short where the task is to be given up, else of no account."""
        if behaviour == "hangs" or (token and not self._draw.steady):
            timeout = self._draw.one(20, 40)
            beat = self._draw.one({}, {"HeartbeatSeconds": 9})
            if place.jsonata and self._draw.may(0.4):
                return {"TimeoutSeconds": f"{{% {timeout} %}}", **({"HeartbeatSeconds": "{% 9 %}"} if beat else {})}
            return {"TimeoutSeconds": timeout, **beat}
        known: list[State] = [{}, {}, {"TimeoutSeconds": LONG}, {"TimeoutSeconds": LONG, "HeartbeatSeconds": 900}]
        if not place.jsonata and place.rich and not self._draw.steady:
            known += [{"TimeoutSecondsPath": OWN + ".n", "HeartbeatSecondsPath": OWN + ".seconds"}]
        elif not place.jsonata:
            known += [{"TimeoutSecondsPath": "$$.State.RetryCount"}] if not self._draw.steady else []
        return self._draw.pick(known)

    def _call(self, behaviour: str, place: Place) -> tuple[str, Any]:
        """A resource, and the arguments that it needs; None for none."""
        payload = self._flow.template(place)
        if behaviour == "third" and isinstance(payload, dict):
            payload = {
                **payload,
                **(
                    {"retry": "{% $states.context.State.RetryCount %}"}
                    if place.jsonata
                    else {"retry.$": "$$.State.RetryCount"}
                ),
            }
        token = {"token": "{% $states.context.Task.Token %}"} if place.jsonata else {"token.$": "$$.Task.Token"}
        service = "arn:aws:states:::"
        known: list[tuple[str, Any]] = [
            (
                f"arn:aws:lambda:us-east-1:123456789012:function:{behaviour}",
                payload if behaviour == "third" or self._draw.may(0.7) else None,
            ),
            (service + "lambda:invoke", {"FunctionName": behaviour, "Payload": payload, **payload}),
            (service + "dynamodb:getItem", {"TableName": "t", **payload}),
            (service + "http:invoke", {"ApiEndpoint": "https://api.example/x", "Method": "GET", **payload}),
            (service + "aws-sdk:s3:listBuckets", payload),
        ]
        if not place.express:
            known += [
                (service + "sqs:sendMessage.waitForTaskToken", {"QueueUrl": "q", "MessageBody": {**token}, **payload}),
                (service + "lambda:invoke.waitForTaskToken", {"FunctionName": "f", "Payload": {**token}, **payload}),
                (service + "batch:submitJob.sync", {"JobName": "j", **payload}),
                (service + "glue:startJobRun.sync", {"JobName": "j", **payload}),
            ]
            if behaviour != "third" or not self._draw.steady:
                known += [(f"{ARN}activity:{behaviour}", payload)]
        if behaviour == "ok" and not place.express:
            pattern = (
                self._draw.one("", ".sync", ".sync:2")
                if self._draw.steady
                else self._draw.one("", ".sync", ".sync:2", ".waitForTaskToken")
            )
            known += [
                (f"{service}states:startExecution{pattern}", {"StateMachineArn": CHILD, "Input": {"v": 1, "n": 2}})
            ] * 3
        if behaviour == "ok":
            known += [(service + "states:startExecution", {"StateMachineArn": QUICK, "Input": {"v": 1}})]
        return self._draw.pick(known)
