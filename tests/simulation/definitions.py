"""Random state machines that reach every field of the language.

Rules that must stay true here:
- States lead forward only, so that every execution ends.
- The name of a Task ends in what is to become of it (`Outside`): `T4-ok`.
- An execution of a *steady* machine ends in the same way whatever happens to the server meanwhile: nothing volatile (a
  time, a token, a random number) gets into what it goes on with; where branches run side by side, all that fails fails
  alike; a task that is given up is given up at its time-out, and no other task comes near its own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from tests.simulation.values import ARN, CHILD, ERRORS, INPUT, LONG, OUR, OWN, QUICK, ROLE

_STRINGS: Final = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")

State = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a state stands. `jsonata`: its query language is that; `whole`: that of the machine is. `rich`: the
    execution's input has the members of `INPUT`. `beside`: others run side by side. `express`: the workflow is one.
    `distributed`: a Map may be."""

    jsonata: bool = False
    whole: bool = False
    depth: int = 2
    rich: bool = True
    beside: bool = False
    express: bool = False
    distributed: bool = True


class Maker:
    def __init__(self, chance: Random, *, steady: bool) -> None:
        self._chance = chance
        self._steady = steady
        self._numbers = itertools.count()

    def machine(self, *, express: bool = False) -> State:
        whole = self._may(0.4)
        place = Place(jsonata=whole, whole=whole, express=express, distributed=not express)
        block = self._block(place, list(range(self._chance.randint(1, 5))))
        definition = {"Comment": "drawn", "Version": "1.0", **block} if self._may(0.2) else block
        if place.jsonata:
            definition["QueryLanguage"] = "JSONata"
        elif self._may(0.1):
            definition["QueryLanguage"] = "JSONPath"
        if self._may(0.2):
            definition["TimeoutSeconds"] = self._limit(60)
        return definition

    # -- chance

    def _may(self, share: float) -> bool:
        return self._chance.random() < share

    def _one(self, *values: Any) -> Any:
        return self._chance.choice(values)

    def _limit(self, seconds: int) -> int:
        """A time-out that is not to be met."""
        return LONG * 10 if self._steady else self._one(seconds, LONG)

    # -- programs

    def _block(self, place: Place, numbers: list[int]) -> State:
        names = [f"S{next(self._numbers)}" for _ in numbers]
        states: State = {}
        kinds = [self._kind(place, last=index == len(names) - 1) for index in range(len(names))]
        endings = {"Task": lambda: f"-{self._behaviour(place)}"}
        names = [name + endings.get(kind, lambda: "")() for name, kind in zip(names, kinds, strict=True)]
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            states[name] = self._state(kind, name, names[0], names[index + 1 :], place)
        return {"StartAt": names[0], "States": states}

    def _kind(self, place: Place, *, last: bool) -> str:
        kinds = ["Pass", "Wait", "Task", "Task", "Task"]
        if place.depth:
            kinds += ["Parallel"] + ["Map"] * 2 * (place.rich or place.whole or place.distributed)
        kinds += ["Succeed", "Fail"] if last else ["Choice"]
        return str(self._chance.choice(kinds))

    def _behaviour(self, place: Place) -> str:
        known = ["ok", "ok", "ok", "fails", "sometimes", "third", "slow"]
        if not self._steady:
            known += ["hangs", "raises", "large"]
        elif not place.beside and not place.express:
            known += ["hangs"]
        return str(self._chance.choice(known))

    def _state(self, kind: str, name: str, scope: str, later: list[str], place: Place) -> State:
        place = replace(place, jsonata=place.whole or self._may(0.15))
        state: State = {"Type": kind}
        if place.jsonata is not place.whole or self._may(0.1):
            state["QueryLanguage"] = "JSONata" if place.jsonata else "JSONPath"
        if self._may(0.05):
            state["Comment"] = "said of it"
        make = getattr(self, f"_{kind.lower()}")
        state |= make(name, scope, later, place)
        if kind not in ("Choice", "Succeed", "Fail"):
            state |= {"Next": later[0]} if later else {"End": True}
        if kind not in ("Fail", "Succeed") and self._may(0.2):
            state["Assign"] = self._assign(scope, place)
        return state

    def _assign(self, scope: str, place: Place) -> State:
        """An inner scope may not assign what an outer one does: each has its own."""
        variable = "of" + scope.replace("-", "_")
        if place.jsonata:
            return {variable: self._one("y" * 300, "{% $states.input %}", {"deep": ["{% 1 + 1 %}"]})}
        return self._one({f"{variable}.$": "$"}, {variable: "y" * 300}, {f"{variable}.$": "States.Array(1, 2)"})

    # -- the flow of data

    def _value(self, place: Place) -> Any:
        """What a payload may hold."""
        if place.jsonata:
            known: list[Any] = [1, "text", "{% 1 + 2 %}", "{% $states.input %}", {"deep": ["{% 'x' & 'y' %}"]}]
            if place.rich:
                known += [f"{{% {OUR}.v %}}", f"{{% $count({OUR}.items) %}}"]
            if not self._steady:
                known += ["{% $uuid() %}", "{% $now() %}", "{% $states.input.missing.deep %}", "{% $random() %}"]
        else:
            known = [1, "text", {"deep": [2.5, None]}]
        return self._chance.choice(known)

    def _template(self, place: Place) -> Any:
        if place.jsonata:
            return {"a": self._value(place), "v": self._value(place)}
        known: list[Any] = [{"v": 1}, {"v.$": "States.MathAdd(1, 2)"}, {"all.$": "$", "v": 2}]
        if place.rich:
            known += [{"v.$": OWN + ".v"}, {"v": 1, "t.$": OWN + ".text"}, {"v.$": f"States.ArrayLength({OWN}.items)"}]
        if not self._steady:
            known += [
                {"at.$": "$$.State.EnteredTime"},
                {"id.$": "States.UUID()"},
                {"v.$": "$.missing"},
                {"v.$": "$none"},
            ]
        return self._chance.choice(known)

    def _flow(self, place: Place, *, result: bool, selector: bool = False, listing: bool = False) -> State:
        """Fields for what goes in and what comes out. `listing`: the result is no object, and what follows is to get
        one."""
        fields: State = {}
        if place.jsonata:
            if self._may(0.3) or (listing and self._steady):
                fields["Output"] = {"v": 5, "kept": self._value(place)} if listing else self._value_out(place)
            return fields
        if self._may(0.15):
            fields["InputPath"] = self._one("$", OWN) if place.rich else "$"
        if self._may(0.15):
            fields["OutputPath"] = self._one("$", "$", OWN) if place.rich else "$"
        if not self._steady and self._may(0.03):
            fields[self._one("InputPath", "OutputPath")] = None
        if selector and self._may(0.2):
            fields["ResultSelector"] = {"sel.$": "$"}
        if result and (self._may(0.5) or (listing and self._steady)):
            fields["ResultPath"] = self._one(None, "$.r", "$.s")
        return fields

    def _value_out(self, place: Place) -> Any:
        return self._one(
            {"v": 5, "x": self._value(place)}, "{% $states.input %}", {"n": [1, {"m": self._value(place)}]}
        )

    def _rescue(self, scope: str, later: list[str], place: Place) -> State:
        fields: State = {}
        names = [*ERRORS, "States.Timeout", "States.TaskFailed", "States.HeartbeatTimeout"]
        if self._may(0.4):
            chosen = list(dict.fromkeys(self._chance.choice(names) for _ in range(self._chance.randint(1, 2))))
            fields["Retry"] = [self._retrier([name]) for name in chosen]
            if self._may(0.2):
                fields["Retry"].append(self._retrier(["States.ALL"]))
        if later and self._may(0.5):
            catcher: State = {"ErrorEquals": [self._chance.choice([*names, "States.ALL"])], "Next": self._one(*later)}
            if self._may(0.1):
                catcher["Comment"] = "of a catcher"
            if self._may(0.2):
                catcher["Assign"] = self._assign(scope, replace(place))
            if place.jsonata:
                if self._may(0.5):
                    catcher["Output"] = self._one(
                        {"v": 1}, "{% $states.input %}", {"e": "{% $states.errorOutput.Error %}"}
                    )
            else:
                catcher["ResultPath"] = self._one(None, "$.error")
            fields["Catch"] = [catcher]
        return fields

    def _retrier(self, names: list[str]) -> State:
        retrier: State = {"ErrorEquals": names, "MaxAttempts": self._chance.randint(0, 2)}
        optional = {
            "IntervalSeconds": lambda: self._one(1, 3),
            "BackoffRate": lambda: self._one(1.0, 1.5, 3),
            "MaxDelaySeconds": lambda: self._one(4, 60),
            "JitterStrategy": lambda: self._one("FULL", "NONE"),
            "Comment": lambda: "of a retrier",
        }
        return retrier | {name: make() for name, make in optional.items() if self._may(0.4)}

    # -- the types

    def _pass(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata:
            return self._flow(place, result=False)
        fields = self._flow(place, result=True)
        return fields | self._one({}, {"Result": dict(INPUT)}, {"Parameters": self._template(place)})

    def _succeed(self, name: str, scope: str, later: list[str], place: Place) -> State:
        return self._flow(place, result=False)

    def _fail(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata and not place.beside and self._may(0.4):
            return {"Error": "{% 'A' & '1' %}", "Cause": "{% 'why' %}"}
        if not place.jsonata and self._may(0.4):
            if place.beside and self._steady:
                return {"ErrorPath": "States.Format('A')", "CausePath": "States.Format('why')"}
            return {"ErrorPath": "States.Format('{}1', 'A')", "CausePath": "States.Format('why')"}
        return {"Error": "A", "Cause": "why"}

    def _wait(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata:
            known: list[State] = [{"Seconds": 0}, {"Seconds": 30}, {"Seconds": "{% 1 + 1 %}"}]
            known += [{"Timestamp": "2024-01-01T00:00:10Z"}, {"Timestamp": "{% '2024-01-01T00:00:10Z' %}"}]
            return self._flow(place, result=False) | self._chance.choice(known)
        known = [{"Seconds": 0}, {"Seconds": 1}, {"Seconds": 90}, {"Timestamp": "2024-01-01T00:00:10Z"}]
        flow = self._flow(place, result=False)
        if place.rich and flow.get("InputPath") == OWN:
            known = [{"SecondsPath": "$.seconds"}, {"TimestampPath": "$.when"}]
        elif place.rich:
            known += [{"SecondsPath": OWN + ".seconds"}, {"TimestampPath": OWN + ".when"}]
        if not self._steady:
            known += [{"SecondsPath": "$.nothing"}]
        return flow | self._chance.choice(known)

    def _choice(self, name: str, scope: str, later: list[str], place: Place) -> State:
        rules = [self._rule(scope, later, place) for _ in range(self._chance.randint(1, 3))]
        fields = self._flow(place, result=False) | {"Choices": rules}
        self._one(*rules)["Next"] = later[0]  # a state that nothing leads to is refused
        return fields | ({"Default": self._one(*later)} if self._steady or self._may(0.8) else {})

    def _rule(self, scope: str, later: list[str], place: Place) -> State:
        top: State = {"Next": self._one(*later)}
        if self._may(0.1):
            top["Comment"] = "of a rule"
        if self._may(0.1):
            top["Assign"] = self._assign(scope, place)
        if not place.jsonata:
            return top | self._test(place, 2)
        condition = self._one(True, False, "{% 1 < 2 %}", "{% $exists($states.input.v) %}")
        output = {"Output": {"v": 7}} if self._may(0.2) else {}
        return top | {"Condition": condition} | output

    def _test(self, place: Place, depth: int) -> State:
        if depth and self._may(0.35):
            inner = [self._test(place, depth - 1) for _ in range(self._chance.randint(1, 2))]
            return self._one({"And": inner}, {"Or": inner}, {"Not": inner[0]})
        own = f"{OWN}." if place.rich else "$$.Execution."
        if not place.rich:
            return {"Variable": own + "Name", self._one("IsString", "IsPresent", "IsNull"): self._may(0.5)}
        order, path = self._chance.choice(_STRINGS), self._one("", "Path")
        kind, member, value = self._one(
            ("String", "word", "a-b"), ("Numeric", "n", 4), ("Timestamp", "when", "2024-01-01T00:00:10Z")
        )
        known: list[State] = [
            {"Variable": own + member, f"{kind}{order}{path}": own + member if path else value},
            {"Variable": own + "word", "StringMatches": "a*"},
            {"Variable": own + "yes", "BooleanEquals": True},
            {"Variable": own + "yes", "BooleanEqualsPath": own + "yes"},
            {"Variable": own + self._one("v", "none"), "IsPresent": self._may(0.5)},
            {
                "Variable": own + self._one("v", "word", "when", "yes"),
                self._one("IsNull", "IsString", "IsNumeric", "IsBoolean", "IsTimestamp"): self._may(0.5),
            },
        ]
        return self._chance.choice(known)

    def _task(self, name: str, scope: str, later: list[str], place: Place) -> State:
        behaviour = name.rpartition("-")[2]
        resource, arguments = self._call(behaviour, place)
        fields = self._rescue(scope, later, place) | {"Resource": resource}
        fields |= self._flow(place, result=True, selector=True)
        volatile = "startExecution" in resource
        if place.jsonata:
            if arguments is not None:
                fields["Arguments"] = arguments
            if volatile and self._steady:
                fields["Output"] = {"v": 9}
        else:
            if arguments is not None:
                fields["Parameters"] = arguments
            if volatile and self._steady:
                fields.pop("ResultSelector", None)
                fields["ResultPath"] = None
        if self._may(0.08):
            by_path = not place.jsonata and self._may(0.3)
            fields["Credentials"] = (
                {"RoleArn.$": "States.Format('{}', '" + ROLE + "')"} if by_path else {"RoleArn": ROLE}
            )
        token = "waitForTaskToken" in resource or ":activity:" in resource
        if ":activity:" in resource and self._steady and behaviour != "hangs":
            # A worker's call may be lost together with the task that it was given: another is to have it.
            fields["Retry"] = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 99}, *fields.get("Retry", [])]
            return fields | {"TimeoutSeconds": LONG}
        return fields | self._times(behaviour, place, token=token)

    def _times(self, behaviour: str, place: Place, *, token: bool) -> State:
        """Time-outs: short where the task is to be given up, else of no account."""
        if behaviour == "hangs" or (token and not self._steady):
            timeout = self._one(20, 40)
            beat = self._one({}, {"HeartbeatSeconds": 9})
            if place.jsonata and self._may(0.4):
                return {"TimeoutSeconds": f"{{% {timeout} %}}", **({"HeartbeatSeconds": "{% 9 %}"} if beat else {})}
            return {"TimeoutSeconds": timeout, **beat}
        known: list[State] = [{}, {}, {"TimeoutSeconds": LONG}, {"TimeoutSeconds": LONG, "HeartbeatSeconds": 900}]
        if not place.jsonata and place.rich and not self._steady:
            known += [{"TimeoutSecondsPath": OWN + ".n", "HeartbeatSecondsPath": OWN + ".seconds"}]
        elif not place.jsonata:
            known += [{"TimeoutSecondsPath": "$$.State.RetryCount"}] if not self._steady else []
        return self._chance.choice(known)

    def _call(self, behaviour: str, place: Place) -> tuple[str, Any]:
        """A resource, and the arguments that it needs; None for none."""
        payload = self._template(place)
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
                payload if behaviour == "third" or self._may(0.7) else None,
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
            if behaviour != "third" or not self._steady:
                known += [(f"{ARN}activity:{behaviour}", payload)]
        if behaviour == "ok" and not place.express:
            pattern = (
                self._one("", ".sync", ".sync:2")
                if self._steady
                else self._one("", ".sync", ".sync:2", ".waitForTaskToken")
            )
            known += [
                (f"{service}states:startExecution{pattern}", {"StateMachineArn": CHILD, "Input": {"v": 1, "n": 2}})
            ] * 3
        if behaviour == "ok":
            known += [(service + "states:startExecution", {"StateMachineArn": QUICK, "Input": {"v": 1}})]
        return self._chance.choice(known)

    def _parallel(self, name: str, scope: str, later: list[str], place: Place) -> State:
        count = self._chance.randint(1, 3)
        inner = replace(place, depth=place.depth - 1, beside=True)
        branches = [self._block(inner, list(range(self._chance.randint(1, 3)))) for _ in range(count)]
        for branch in branches:
            if self._may(0.1):
                branch["Comment"] = "of a branch"
        fields = self._rescue(scope, later, place) | {"Branches": branches}
        fields |= self._flow(place, result=True, selector=True, listing=True)
        if self._may(0.2):
            fields["Arguments" if place.jsonata else "Parameters"] = self._template(place)
        return fields

    def _map(self, name: str, scope: str, later: list[str], place: Place) -> State:
        at_hand = place.rich or place.jsonata  # else the items come from a reader
        distributed = place.distributed and (not at_hand or self._may(0.45))
        fields = self._rescue(scope, later, place) | self._flow(place, result=True, selector=True, listing=True)
        if place.jsonata:
            items = [dict(INPUT, v=n) for n in range(self._one(0, 1, 3, 3, 7))]
            fields["Items"] = items if distributed else self._one(items, "{% [1..3] %}")
        elif place.rich:
            fields["ItemsPath"] = OWN + ".items"
        fields |= self._concurrency(place)
        return fields | (self._distributed(place) if distributed else self._inline(place))

    def _concurrency(self, place: Place) -> State:
        most = self._one(None, 0, 1, 2)
        if most is None:
            return {}
        if place.jsonata and self._may(0.3):
            return {"MaxConcurrency": f"{{% {most} %}}"}
        if place.rich and not place.jsonata and self._may(0.3):
            return {"MaxConcurrencyPath": OWN + ".n"}
        return {"MaxConcurrency": most}

    def _selector(self, place: Place) -> State:
        """Gives each item the members of `INPUT`."""
        item = {"item": "{% $states.context.Map.Item.Value %}"} if place.jsonata else {"item.$": "$$.Map.Item.Value"}
        number = {"i": "{% $states.context.Map.Item.Index %}"} if place.jsonata else {"i.$": "$$.Map.Item.Index"}
        return {**INPUT, **item, **number}

    def _inline(self, place: Place) -> State:
        inner = replace(place, depth=place.depth - 1, beside=True)
        processor = self._block(inner, list(range(self._chance.randint(1, 3))))
        if self._may(0.1):
            processor["Comment"] = "of a processor"
        older = self._may(0.3)  # the names that came first
        if not older and self._may(0.5):
            processor["ProcessorConfig"] = {"Mode": "INLINE"}
        fields: State = {"Iterator" if older else "ItemProcessor": processor}
        if self._steady or self._may(0.5):  # what is steady goes on with objects
            fields["Parameters" if older and not place.jsonata else "ItemSelector"] = self._selector(place)
        return fields

    def _distributed(self, place: Place) -> State:
        express = self._may(0.4)
        fields: State = {}
        if self._may(0.3):
            fields["Label"] = f"L{next(self._numbers)}"
        reading = (not place.rich and not place.jsonata) or self._may(0.4)
        if reading:
            fields["ItemReader"] = self._reader(place)
        fields["ItemSelector"] = self._selector(place)
        batched = self._may(0.3)
        if batched:
            fields["ItemBatcher"] = self._batcher(place)
        if self._may(0.3):
            fields["ResultWriter"] = self._writer(place)
            if self._steady and "Resource" in fields["ResultWriter"]:  # the result names the run
                fields |= {"Output": {"v": 9}} if place.jsonata else {"ResultPath": None}
        if place.beside and self._steady:  # an error of its own is not to run against those of others
            fields["ToleratedFailurePercentage"] = 100
        else:
            fields |= self._tolerance(place)
        inner = Place(
            jsonata=place.whole,
            whole=place.whole,
            depth=place.depth - 1,
            rich=not batched,
            beside=True,
            express=express,
            distributed=False,
        )
        processor = self._block(inner, list(range(self._chance.randint(1, 2))))
        processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" if express else "STANDARD"}
        return fields | {"ItemProcessor": processor}

    def _tolerance(self, place: Place) -> State:
        known: list[State] = [{}, {"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 50}]
        if place.jsonata:
            known += [{"ToleratedFailureCount": "{% 2 %}"}, {"ToleratedFailurePercentage": "{% 100 %}"}]
        elif place.rich:
            known += [{"ToleratedFailureCountPath": OWN + ".n"}, {"ToleratedFailurePercentagePath": OWN + ".share"}]
        return self._chance.choice(known)

    def _reader(self, place: Place) -> State:
        config: State = self._one(
            {"InputType": "JSON", "ItemsPointer": "/deep"},
            {"InputType": "JSONL"},
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "PIPE"},
            {"InputType": "PARQUET"},
            {"InputType": "MANIFEST", "ManifestType": self._one("ATHENA_DATA", "S3_INVENTORY")},
            {"Transformation": self._one("NONE", "LOAD_AND_FLATTEN")},
        )
        if place.rich and not place.jsonata and self._may(0.3):
            config = config | {"MaxItemsPath": OWN + ".n"}
        elif self._may(0.4):
            config = config | {"MaxItems": "{% 3 %}" if place.jsonata and self._may(0.5) else 2}
        action = "listObjectsV2" if config.get("Transformation") else "getObject"
        arguments = {"Bucket": "b", "Key": "k"} if action == "getObject" else {"Bucket": "b", "Prefix": "p"}
        return {
            "Resource": f"arn:aws:states:::s3:{action}",
            "ReaderConfig": config,
            "Arguments" if place.jsonata else "Parameters": arguments,
        }

    def _batcher(self, place: Place) -> State:
        known: list[State] = [{"MaxItemsPerBatch": 2}, {"MaxInputBytesPerBatch": 3000}]
        if place.jsonata:
            known += [{"MaxItemsPerBatch": "{% 2 %}"}]
        elif place.rich:
            known += [{"MaxItemsPerBatchPath": OWN + ".n"}, {"MaxInputBytesPerBatchPath": OWN + ".bytes"}]
        return self._chance.choice(known) | ({"BatchInput": {"shared": 1}} if self._may(0.5) else {})

    def _writer(self, place: Place) -> State:
        config = {"Transformation": self._one("NONE", "COMPACT", "FLATTEN"), "OutputType": self._one("JSON", "JSONL")}
        if self._may(0.4):
            return {"WriterConfig": config}
        return {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments" if place.jsonata else "Parameters": {"Bucket": "b", "Prefix": "out"},
            **({"WriterConfig": config} if self._may(0.6) else {}),
        }


def machines(*, steady: bool = False, express: bool = False) -> st.SearchStrategy[State]:
    """Definitions, for hypothesis to draw and to make smaller."""
    return st.randoms(use_true_random=False).map(lambda chance: Maker(chance, steady=steady).machine(express=express))
