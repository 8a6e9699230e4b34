"""The doors of a server: good requests at each of them, from which bad ones are made.

Rules that must stay true here:
- Every route of a server is knocked at: `test_doors` compares with the routes that there are.
- The path, the headers and the body are changed apart, so that most requests still reach the door.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from stepwell.api.service_model import INPUTS
from stepwell.auth.table import read_table
from tests.api.conftest import CALLBACK, PASS, ROLE, WAIT
from tests.api.sound import FAIL, MAP, WORK
from tests.fuzz import operations
from tests.fuzz.mutations import ODD, mutations
from tests.fuzz.target import Fault, Target
from tests.fuzz.world import World, aws_request, http_request

_PREFIX: Final = "arn:aws:states:us-east-1:123456789012"
_ANEW: Final = 300
"""After so many requests what they have deleted or used up is made anew."""

_SCHEDULE: Final = json.dumps(
    {
        "ScheduleExpression": "rate(5 minutes)",
        "Target": {"Arn": f"{_PREFIX}:stateMachine:waiting", "RoleArn": ROLE, "Input": "{}"},
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "StartDate": 1_900_000_000,
        "State": "DISABLED",
    }
).encode()
_CONNECTION: Final = {
    "Name": "vendor",
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "stepwell-fuzz-secret"}},
}
_JSON: Final = {"Content-Type": "application/json"}
_WORDS: Final = (
    *(
        b"/",
        b"?",
        b"&",
        b"=",
        b"%00",
        b"%ff",
        b"%2e%2e%2f",
        b"..",
        b"9" * 5000,
        b"-1",
        b"null",
        b"[]",
        b"a" * 300,
        b";",
        b"#",
    ),
    *(
        b"limit=",
        b"NextToken=",
        b"MaxResults=",
        b"after=",
        b"status=",
        b"\xc3\xa9",
        b"Origin: http://[::1\r\n",
        b"*",
        b"1e5",
    ),
)
DOORS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "http-lambda": (
        http_request(
            "POST", "/2015-03-31/functions/Echo/invocations", b'{"a": 1}', {"X-Amz-Invocation-Type": "DryRun"}
        ),
        http_request(
            "POST",
            "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:Echo:$LATEST/invocations?Qualifier=1",
            b"{}",
            {"X-Amz-Invocation-Type": "DryRun", "X-Amz-Client-Context": "e30=", "X-Amz-Log-Type": "Tail"},
        ),
        http_request("GET", "/2015-03-31/functions?MaxItems=5&Marker=x&FunctionVersion=ALL"),
        http_request("GET", "/2015-03-31/functions/Echo/configuration"),
        http_request("GET", "/2015-03-31/functions/Echo"),
        http_request("POST", "/2017-03-31/tags/x", b"{}"),
        http_request("GET", "/logs?function=Echo&limit=5&after=7&execution=x"),
    ),
    "http-jobs": (
        http_request(
            "POST",
            "/jobs/trends",
            b'{"industry": "a", "keywords": ["b"], "limit": 3}',
            {**_JSON, "Idempotency-Key": "k"},
        ),
        http_request(
            "POST",
            "/jobs/trends?x=1",
            b'{"industry": "a", "keywords": []}',
            {**_JSON, "X-Callback-Url": "https://a.example/", "Prefer": "respond-async"},
        ),
        http_request("GET", "/jobs?status=PENDING&type=trends&limit=2&after=x"),
        http_request(
            "GET", "/jobs/6c9592b6-d4a9-4df7-9f8f-f9400e8eb91a", headers={"Prefer": "wait=0", "If-None-Match": '"1"'}
        ),
        http_request("DELETE", "/jobs/6c9592b6-d4a9-4df7-9f8f-f9400e8eb91a"),
        http_request("GET", "/jobs/6c9592b6-d4a9-4df7-9f8f-f9400e8eb91a/events", headers={"Last-Event-ID": "1-2"}),
        http_request(
            "OPTIONS", "/jobs", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        ),
        http_request("GET", "/jobs/openapi.json"),
        http_request("GET", "/jobs/docs"),
        http_request("POST", "/trends", b'{"industry": "a", "keywords": ["b"]}', _JSON),
        http_request("GET", "/trends?job_id=6c9592b6-d4a9-4df7-9f8f-f9400e8eb91a"),
    ),
    "http-logs": tuple(
        aws_request(operation, members, service="Logs_20140328")
        for operation, members in (
            ("DescribeLogGroups", {"logGroupNamePrefix": "/aws", "limit": 5, "nextToken": "L2F3cw=="}),
            (
                "DescribeLogStreams",
                {
                    "logGroupName": "/aws/lambda/Echo",
                    "orderBy": "LastEventTime",
                    "descending": True,
                    "nextToken": "MQ==",
                },
            ),
            (
                "GetLogEvents",
                {"logGroupName": "/aws/lambda/Echo", "logStreamName": "s", "nextToken": "f/1", "startFromHead": True},
            ),
            (
                "FilterLogEvents",
                {
                    "logGroupName": "/aws/lambda/Echo",
                    "filterPattern": '{ $.a = "b" }',
                    "startTime": 1,
                    "endTime": 9,
                    "nextToken": "MQ==",
                },
            ),
            ("CreateLogGroup", {"logGroupName": "/x", "tags": {"a": "b"}}),
            ("PutRetentionPolicy", {"logGroupName": "/x", "retentionInDays": 7}),
            ("DeleteRetentionPolicy", {"logGroupName": "/x"}),
            ("TagResource", {"resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:/x", "tags": {"a": "b"}}),
            ("UntagResource", {"resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:/x", "tagKeys": ["a"]}),
            ("ListTagsForResource", {"resourceArn": "arn:aws:logs:us-east-1:123456789012:log-group:/x:*"}),
            ("DeleteLogGroup", {"logGroupName": "/x"}),
        )
    ),
    "http-scheduler": (
        http_request("POST", "/schedules/each", _SCHEDULE, _JSON),
        http_request("PUT", "/schedules/each", _SCHEDULE, _JSON),
        http_request("GET", "/schedules/each?groupName=default"),
        http_request("GET", "/schedules?MaxResults=5&NamePrefix=e&State=ENABLED&ScheduleGroup=default&NextToken=x"),
        http_request("DELETE", "/schedules/each?groupName=default&clientToken=a"),
        http_request("POST", "/schedule-groups/g", b'{"Tags": [{"Key": "a", "Value": "b"}]}', _JSON),
        http_request("GET", "/schedule-groups?MaxResults=1&NextToken=x"),
        http_request("GET", "/schedule-groups/g"),
        http_request("DELETE", "/schedule-groups/g"),
        http_request(
            "POST",
            "/tags/arn:aws:scheduler:us-east-1:123456789012:schedule-group%2Fg",
            b'{"Tags": [{"Key": "a", "Value": "b"}]}',
            _JSON,
        ),
        http_request("GET", "/tags/arn:aws:scheduler:us-east-1:123456789012:schedule-group%2Fg"),
        http_request("DELETE", "/tags/arn:aws:scheduler:us-east-1:123456789012:schedule-group%2Fg?TagKeys=a"),
    ),
    "http-workers": (
        http_request(
            "POST",
            "/workers/logs",
            b'{"lines": [{"time": 1, "function": "Echo", "message": "m", "requestId": "r", "execution": "x"}]}',
            _JSON,
        ),
        http_request(
            "POST",
            "/workers/progress",
            b'{"progress": [{"execution": "%s:execution:waiting:first", "fraction": 0.5, "message": "m"}]}'
            % _PREFIX.encode(),
            _JSON,
        ),
    ),
    "http-events": tuple(
        aws_request(operation, members, service="AWSEvents")
        for operation, members in (
            ("CreateConnection", _CONNECTION),
            ("UpdateConnection", _CONNECTION),
            ("DescribeConnection", {"Name": "vendor"}),
            ("ListConnections", {"NamePrefix": "v", "Limit": 5, "ConnectionState": "AUTHORIZED", "NextToken": "x"}),
            ("DeleteConnection", {"Name": "vendor"}),
        )
    ),
    "http-routes": (
        http_request("GET", "/orders/7?a=b&a=c", headers={"Cookie": "a=b; c", "X-Y": "z"}),
        http_request("PUT", "/carts/a/b%2Fc", b'{"a": 1}', _JSON),
        http_request("POST", "/flows", b'{"a": 1}', _JSON),
        http_request("OPTIONS", "/orders/7"),
    ),
    "http-rest": (
        http_request("GET", "/health"),
        http_request("GET", "/ready"),
        http_request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"}),
        http_request("GET", "/express?limit=5&machine=x&status=FAILED"),
        http_request("GET", f"/express/{_PREFIX}:express:Quick:a:b"),
        http_request("GET", f"/express/{_PREFIX}:express:Quick:a:b/events?after=3"),
        http_request("GET", "/notifications/rules"),
        http_request(
            "POST",
            "/notifications/rules",
            b'{"machine": "M*", "status": ["FAILED"], "channel": {"webhook": {"url": "https://a.example/hook"}}}',
            _JSON,
        ),
        http_request("DELETE", "/notifications/rules/1"),
        http_request("GET", "/notifications/dead?after=1"),
        http_request("DELETE", "/notifications/dead/1"),
        http_request("POST", "/notifications/dead/1/retry"),
        http_request("POST", "/notifications/dead/retry"),
        http_request("DELETE", "/notifications/dead"),
    ),
}


# -- what stands behind the doors


@cache
def world() -> World:
    """The server of this process."""
    return World()


def furnished(world: World) -> operations.Known:
    """One thing of each kind, under names of their own; values that lead to them, by the names of members."""
    generation = next(world.generations)
    kinds = (("waiting", WAIT), ("failing", FAIL), ("mapping", MAP), ("working", WORK), ("calling", CALLBACK))
    calls = [(f"{name}{generation}", text) for name, text in kinds]
    world.call("CreateActivity", name="pack")
    machines = [
        world.call("CreateStateMachine", name=name, definition=json.dumps(text), roleArn=ROLE)["stateMachineArn"]
        for name, text in calls
    ]
    version = world.call("PublishStateMachineVersion", stateMachineArn=machines[0])["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = f"{machines[0]}:live"
    world.call("CreateStateMachineAlias", name="live", routingConfiguration=routes)
    started = [
        world.call("StartExecution", stateMachineArn=machine, input="[1]")["executionArn"] for machine in machines
    ]
    for number in (1, 2):
        world.call("StartExecution", stateMachineArn=machines[0], name=f"n{number}")
    token = world.call("GetActivityTask", activityArn=f"{_PREFIX}:activity:pack").get("taskToken", "AQ")
    page = world.call("ListExecutions", stateMachineArn=machines[0], maxResults=1).get("nextToken", "AQ")
    pages = [
        page,
        world.call("ListStateMachines", maxResults=1).get("nextToken", "AQ"),
        page[:-3],
        page + "A",
        page.swapcase(),
    ]
    definitions = [json.dumps(text) for text in (PASS, WAIT, FAIL, MAP, WORK)]
    return {
        "activityArn": [f"{_PREFIX}:activity:pack", f"{_PREFIX}:activity:gone"],
        "definition": [*definitions, json.dumps({"Type": "Pass", "End": True})],
        "executionArn": [
            *started,
            f"{_PREFIX}:execution:waiting{generation}:n1",
            f"{_PREFIX}:express:Quick:a:b",
            f"{_PREFIX}:execution:gone:x",
        ],
        "mapRunArn": [
            f"{_PREFIX}:mapRun:mapping/A:x",
            *[run["mapRunArn"] for run in world.call("ListMapRuns", executionArn=started[2])["mapRuns"]],
        ],
        "stateMachineArn": [
            *machines,
            version,
            alias,
            f"{_PREFIX}:stateMachine:Quick",
            f"{machines[0]}:{'9' * 30}",
            f"{machines[0]}/label",
            f"{machines[0]}#case",
        ],
        "stateMachineVersionArn": [version, f"{machines[0]}:{'9' * 30}", f"{machines[0]}:0"],
        "stateMachineAliasArn": [alias, f"{machines[0]}:none"],
        "resourceArn": [machines[0], f"{_PREFIX}:activity:pack", alias],
        "routingConfiguration": [routes],
        "roleArn": [ROLE],
        "taskToken": [token, token[:-4], token[:20] + "AAAA" + token[24:], "AQAAAAAAAAAB" + "A" * 24],
        "nextToken": pages,
        "input": ["{}", "[1, 2]", '"x"', '{"a": NaN}', '{"a": 1, "a": 2}', "{", "\ud800", "[" * 200 + "]" * 200],
        "output": ["{}", "1", "{", '"' + "x" * 300 + '"'],
        "name": ["waiting", "n1", "new", "a b", "é" * 80],
        "type": ["STANDARD", "EXPRESS"],
        "tags": [
            [{"key": "team", "value": "one"}],
            [{"key": "stepwell:sensitive", "value": "jwt $..a"}],
            [{"key": "stepwell:sensitive", "value": "$["}],
        ],
        "tagKeys": [["team"]],
        "inspectionLevel": ["INFO", "DEBUG", "TRACE"],
        "mock": [{"result": "{}"}, {"errorOutput": {"error": "E", "cause": "c"}}],
        "context": ["{}", '{"Execution": 1}', "["],
        "variables": ["{}", '{"a": 1}', "[1]"],
    }


def operation_inputs(seed: int) -> Iterator[bytes]:
    """Requests of all operations of the AWS API, one after the other, without end."""
    random = Random(f"operations {seed}")
    names = sorted(INPUTS)
    while True:
        known = furnished(world())
        for number in range(_ANEW):
            yield operations.request(random, known, names[number % len(names)])


def door_inputs(name: str, seed: int) -> Iterator[bytes]:
    """Requests at one of the doors, without end."""
    random, seeds = Random(f"{name} {seed}"), DOORS[name]
    texts = mutations(f"{name} {seed}", seeds, _WORDS)
    bodies = mutations(
        f"{name} body {seed}", [body for _, _, body in map(_parts, seeds) if body] or [b"{}"], _WORDS[-8:]
    )
    yield from seeds
    while True:
        furnished(world())
        for _ in range(_ANEW):
            luck = random.random()
            if luck < 0.25:
                yield next(texts)
                continue
            line, headers, body = _parts(random.choice(seeds))
            if luck < 0.6 and body:
                body = next(bodies) if random.random() < 0.9 else random.choice(ODD)
            elif luck < 0.9:
                line = _changed(random, line, 5)
            else:
                headers = [_changed(random, header, len(header.partition(b":")[0]) + 2) for header in headers]
            kept = [header for header in headers if not header.lower().startswith(b"content-length")]
            length = [b"Content-Length: %d" % len(body)] if body else []
            yield b"\r\n".join((line, *kept, *length)) + b"\r\n\r\n" + body


def _parts(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The line, the headers and the body of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    return line, headers, body


def _changed(random: Random, text: bytes, begin: int) -> bytes:
    """A line with a word put in or exchanged, behind its first `begin` bytes and before the version of HTTP."""
    end = text.rfind(b" HTTP/") if b" HTTP/" in text else len(text)
    at = random.randint(min(begin, end), end)
    word = random.choice((*_WORDS, *ODD)).replace(b" ", b"%20").replace(b"\r", b"").replace(b"\n", b"")
    return text[:at] + word + text[min(end, at + random.randrange(6)) :]


# -- a server that asks who is calling


@cache
def guarded_world() -> World:
    """A server of this process that knows one token and one access key."""
    token = {"me": {"sha256": "0" * 64}}
    key = {"AKIDEXAMPLE": {"secret": "a-secret-of-more-than-16-characters"}}
    return World(auth=read_table({"tokens": token, "keys": key}, Path("stepwell.toml")))


_CREDENTIALS: Final = (
    *(b"Bearer x", b"Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.", b"bearer", b"Basic YTpi", b"AWS4-HMAC-SHA256", b""),
    b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/states/aws4_request, SignedHeaders=host;x-amz-date, "
    b"Signature=" + b"0" * 64,
)
_OPEN: Final = re.compile(rb"[A-Z]+ /(health|ready|jobs/docs(\.js|\.css)?)(/|\?[^ ]*)? |OPTIONS ")


def auth_inputs(seed: int) -> Iterator[bytes]:
    """Requests at all doors, with credentials that are none, without end."""
    random, seeds = Random(f"auth {seed}"), [request for of_door in DOORS.values() for request in of_door]
    credentials = mutations(
        f"auth {seed}", _CREDENTIALS, (b"AKIDEXAMPLE", b"/", b";", b",", b"=", b"X-Amz-Signature=", b"Z")
    )
    while True:
        line, headers, body = _parts(random.choice(seeds))
        given = next(credentials).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")[:2_000]
        if random.random() < 0.2:
            line = line.replace(
                b" HTTP", (b"&" if b"?" in line else b"?") + b"X-Amz-Signature=0&X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP"
            )
        else:
            headers = [*headers, b"Authorization: " + given]
        if random.random() < 0.5:
            headers = [*headers, b"X-Amz-Date: 20260101T000000Z"]
        yield b"\r\n".join((line, *headers)) + b"\r\n\r\n" + body


def _knock_guarded(data: bytes) -> None:
    status, _, body = guarded_world().knock(data)
    if 200 <= status < 300 and not _OPEN.match(data):
        raise Fault(f"nobody was asked: {body[:200]!r}")


def _knock(data: bytes) -> None:
    world().knock(data)


def _door(name: str) -> Target:
    return Target(
        name, _knock, (), (), (), short=150, weight=0.05, guided=False, make=lambda seed: door_inputs(name, seed)
    )


TARGETS: Final[Sequence[Target]] = (
    Target("http-operations", _knock, (), (), (), short=740, weight=0.3, guided=False, make=operation_inputs),
    *map(_door, DOORS),
    Target("http-auth", _knock_guarded, (), (), (), short=150, weight=0.1, guided=False, make=auth_inputs),
)
"""What is asked over HTTP, of one server in this process."""
