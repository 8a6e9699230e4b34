"""HTTP routes hand functions the events of API Gateway, and clients what API Gateway would make of the answers."""

from __future__ import annotations

import pytest

from stepwell.api.gateway.answers import Answer, answer_of, failed
from stepwell.api.gateway.events import HttpRequest, event_of
from stepwell.api.gateway.route import GatewayRoute, Payload
from stepwell.language.values import Json


def request(**members: object) -> HttpRequest:
    """A request with a repeated header and a repeated query parameter."""
    usual: dict[str, object] = {
        "method": "POST",
        "path": "/orders/a b/x",
        "query": (("a", "1"), ("a", "2")),
        "query_text": "a=1&a=2",
        "headers": (("Host", "127.0.0.1"), ("X-Many", "1"), ("X-Many", "2"), ("Cookie", "k=v; l=w")),
        "body": b"text",
        "parameters": ("a b", "x"),
        "client": "127.0.0.1",
        "protocol": "HTTP/1.1",
        "time": 1_583_348_638_390,
    }
    return HttpRequest(**{**usual, **members})  # type: ignore[arg-type]


def route(payload: Payload, **members: object) -> GatewayRoute:
    given: dict[str, object] = {"method": "POST", "path": "/orders/{order-id}/{proxy+}", "function": "F", **members}
    return GatewayRoute(payload=payload, **given)  # type: ignore[arg-type]


def test_an_event_of_format_2() -> None:
    event = event_of(route("2.0"), request(), "123456789012")
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /orders/{order-id}/{proxy+}"
    assert event["pathParameters"] == {"order-id": "a b", "proxy": "x"}
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["headers"] == {"host": "127.0.0.1", "x-many": "1,2"}
    assert event["cookies"] == ["k=v", "l=w"]
    assert (event["body"], event["isBase64Encoded"]) == ("text", False)
    context = event["requestContext"]
    assert isinstance(context, dict)
    assert (context["time"], context["timeEpoch"]) == ("04/Mar/2020:19:03:58 +0000", 1_583_348_638_390)


def test_an_event_of_format_2_leaves_out_what_has_nothing_to_say() -> None:
    plain = request(query=(), query_text="", body=b"", parameters=(), headers=())
    event = event_of(route("2.0", path="/orders"), plain, "123456789012")
    assert not {"cookies", "queryStringParameters", "pathParameters", "body"} & set(event)


def test_an_event_of_format_1() -> None:
    event = event_of(route("1.0", rest=True, stage="Prod"), request(), "123456789012")
    assert "version" not in event
    assert (event["resource"], event["httpMethod"]) == ("/orders/{order-id}/{proxy+}", "POST")
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    headers = event["multiValueHeaders"]
    assert isinstance(headers, dict)
    assert headers["X-Many"] == ["1", "2"]
    context = event["requestContext"]
    assert isinstance(context, dict)
    assert (context["stage"], context["path"]) == ("Prod", "/Prod/orders/a b/x")


def test_an_event_of_format_1_says_null_where_there_is_nothing() -> None:
    event = event_of(route("1.0", path="/x"), request(query=(), body=b"", parameters=(), headers=()), "1")
    names = ("headers", "multiValueHeaders", "queryStringParameters", "pathParameters", "stageVariables", "body")
    assert {name: event[name] for name in names} == dict.fromkeys(names)


def test_an_http_api_s_event_of_format_1_says_so() -> None:
    assert event_of(route("1.0"), request(), "123456789012")["version"] == "1.0"


@pytest.mark.parametrize("payload", ["1.0", "2.0"])
def test_a_body_that_is_no_text_is_base64(payload: Payload) -> None:
    event = event_of(route(payload), request(body=b"\xff\x00"), "123456789012")
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    ("result", "payload", "expected"),
    [
        ({"statusCode": 200, "body": "{}"}, "1.0", Answer(200, (JSON,), b"{}")),
        ({"statusCode": "404"}, "1.0", Answer(404, (JSON,), b"")),
        ({"statusCode": 200, "headers": {"Content-Type": "a/b"}}, "1.0", Answer(200, (("Content-Type", "a/b"),))),
        (
            {"statusCode": 200, "headers": {"a": "0"}, "multiValueHeaders": {"A": ["1", "2"]}},
            "1.0",
            Answer(200, (("A", "1"), ("A", "2"), JSON)),
        ),
        ({"statusCode": 200, "body": "/wA=", "isBase64Encoded": True}, "1.0", Answer(200, (JSON,), b"\xff\x00")),
        ({"a": 1}, "2.0", Answer(200, (JSON,), b'{"a":1}')),
        ("text", "2.0", Answer(200, (JSON,), b"text")),
        (
            {"statusCode": 302, "headers": {"content-type": "a/b"}, "cookies": ["a=1", "b=2"]},
            "2.0",
            Answer(302, (("content-type", "a/b"), ("set-cookie", "a=1"), ("set-cookie", "b=2"))),
        ),
    ],
)  # fmt: skip
def test_what_a_function_answers(result: Json, payload: Payload, expected: Answer) -> None:
    assert answer_of(result, payload) == expected


@pytest.mark.parametrize(
    "result",
    [
        {"body": "no status"},
        "text",
        None,
        {"statusCode": "many"},
        {"statusCode": 20_000},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "one\r\nb: two"}},
        {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
    ],
)
def test_an_answer_of_no_known_form_is_the_server_s_error(result: Json) -> None:
    assert answer_of(result, "1.0") == failed("1.0")


def test_fixed_paths_are_tried_before_parameters_and_those_before_greedy_ones() -> None:
    paths = ["/{proxy+}", "/orders/{id}", "/orders/new"]
    routes = [GatewayRoute(method="GET", path=path, function="F") for path in paths]
    assert [route.path for route in sorted(routes, key=lambda route: route.rank)] == paths[::-1]
