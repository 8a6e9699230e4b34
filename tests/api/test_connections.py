"""Connections by EventBridge's API."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stepwell.api.events.kept import KeptConnections
from stepwell.api.events.places import connection_arn
from stepwell.tasks.http.connection import ApiKey, Basic, ConnectionUnusable, OAuth
from tests.api.conftest import ACCOUNT, REGION, Aws
from tests.patience import PATIENCE

SECRETS = ("secret-password", "secret-key", "secret-client", "secret-header")


@pytest.fixture
def events(server: str) -> Any:
    """boto3's client of EventBridge, against a server that listens; it has no connections."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=PATIENCE, read_timeout=PATIENCE)
    client = boto3.client(
        "events",
        endpoint_url=server,
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=config,
    )
    for known in client.list_connections()["Connections"]:
        client.delete_connection(Name=known["Name"])
    return client


def basic(username: str = "me", password: str = "secret-password", **more: object) -> dict[str, Any]:
    return {"BasicAuthParameters": {"Username": username, "Password": password}, **more}


OAUTH = {
    "OAuthParameters": {
        "AuthorizationEndpoint": "https://login.example/token",
        "HttpMethod": "POST",
        "ClientParameters": {"ClientID": "client", "ClientSecret": "secret-client"},
        "OAuthHttpParameters": {
            "BodyParameters": [
                {"Key": "scope", "Value": "orders", "IsValueSecret": False},
                {"Key": "pin", "Value": "secret-header", "IsValueSecret": True},
            ]
        },
    }
}


def test_a_connection_is_made_described_updated_and_deleted(events: Any) -> None:
    made = events.create_connection(
        Name="vendor", Description="A vendor", AuthorizationType="BASIC", AuthParameters=basic()
    )
    assert (made["ConnectionArn"], made["ConnectionState"]) == (
        connection_arn(REGION, ACCOUNT, "vendor"),
        "AUTHORIZED",
    )
    found = events.describe_connection(Name="vendor")
    assert found["AuthParameters"]["BasicAuthParameters"] == {"Username": "me"}
    assert (found["AuthorizationType"], found["Description"]) == ("BASIC", "A vendor")
    assert found["SecretArn"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:events!connection/vendor/")

    events.update_connection(Name="vendor", AuthParameters=basic("you"))
    assert events.describe_connection(Name="vendor")["AuthParameters"]["BasicAuthParameters"]["Username"] == "you"
    assert events.delete_connection(Name="vendor")["ConnectionState"] == "DELETING"
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_connection(Name="vendor")


def test_no_answer_holds_what_is_secret(events: Any) -> None:
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret-key"}}
    header = {"Key": "X-H", "Value": "secret-header", "IsValueSecret": True}
    invocation = {"InvocationHttpParameters": {"HeaderParameters": [header]}}
    given = {"BASIC": {**basic(), **invocation}, "API_KEY": key, "OAUTH_CLIENT_CREDENTIALS": OAUTH}
    for kind, parameters in given.items():
        said = [
            events.create_connection(Name=kind, AuthorizationType=kind, AuthParameters=parameters),
            events.describe_connection(Name=kind),
            events.update_connection(Name=kind, AuthParameters=parameters),
            events.list_connections(),
            events.delete_connection(Name=kind),
        ]
        text = json.dumps(said, default=str)
        assert not [secret for secret in SECRETS if secret in text]
    with pytest.raises(ClientError) as refused:
        events.create_connection(Name="b@d", AuthorizationType="BASIC", AuthParameters=basic())
    assert "secret-password" not in str(refused.value)


def test_connections_are_listed_by_name_in_pages(events: Any) -> None:
    for name in ("b", "a2", "a1"):
        events.create_connection(Name=name, AuthorizationType="BASIC", AuthParameters=basic())
    page = events.list_connections(NamePrefix="a", Limit=1)
    rest = events.list_connections(NamePrefix="a", NextToken=page["NextToken"])
    assert [one["Name"] for one in (*page["Connections"], *rest["Connections"])] == ["a1", "a2"]
    assert "NextToken" not in rest


def test_what_cannot_be_is_refused_by_its_name(events: Any) -> None:
    events.create_connection(Name="vendor", AuthorizationType="BASIC", AuthParameters=basic())
    with pytest.raises(events.exceptions.ResourceAlreadyExistsException, match="Connection vendor already exists"):
        events.create_connection(Name="vendor", AuthorizationType="BASIC", AuthParameters=basic())
    with pytest.raises(ClientError, match=r"AuthParameters\.ApiKeyAuthParameters is required"):
        events.create_connection(Name="other", AuthorizationType="API_KEY", AuthParameters=basic())
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.update_connection(Name="none", Description="x")


# -- what a task is given


async def call(aws: Aws, operation: str, **members: object) -> Any:
    sent = {"x-amz-target": f"AWSEvents.{operation}", "content-type": "application/x-amz-json-1.1"}
    assert aws.http is not None
    answer = await aws.http.post("/", content=json.dumps(members).encode(), headers=sent)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_task_is_given_the_connection_with_its_secrets(aws: Aws) -> None:
    kept = KeptConnections(aws)
    made = await call(aws, "CreateConnection", Name="v", AuthorizationType="BASIC", AuthParameters=basic())
    first = await kept.find(made["ConnectionArn"])
    assert first.authorization == Basic("me", "secret-password")
    assert await kept.find(made["ConnectionArn"].rpartition("/")[0]) == first  # the number is left out

    key = {"ApiKeyAuthParameters": {"ApiKeyName": "K", "ApiKeyValue": "secret-key"}}
    await call(aws, "UpdateConnection", Name="v", AuthorizationType="API_KEY", AuthParameters=key)
    second = await kept.find(made["ConnectionArn"])
    assert second.authorization == ApiKey("K", "secret-key")
    assert second.version != first.version

    await call(aws, "UpdateConnection", Name="v", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=OAUTH)
    third = (await kept.find(made["ConnectionArn"])).authorization
    assert isinstance(third, OAuth)
    assert [(one.key, one.value, one.secret) for one in third.parameters.body] == [
        ("scope", "orders", False),
        ("pin", "secret-header", True),
    ]


async def test_an_update_keeps_what_it_leaves_out(aws: Aws) -> None:
    await call(aws, "CreateConnection", Name="v", AuthorizationType="BASIC", AuthParameters=basic())
    await call(aws, "UpdateConnection", Name="v", AuthParameters={"BasicAuthParameters": {"Username": "you"}})
    await call(aws, "UpdateConnection", Name="v", Description="new")
    found = await KeptConnections(aws).find(connection_arn(REGION, ACCOUNT, "v"))
    assert found.authorization == Basic("you", "secret-password")


@pytest.mark.parametrize("arn", ["", "vendor", connection_arn(REGION, ACCOUNT, "none")])
async def test_a_connection_that_is_not_there_is_told(aws: Aws, arn: str) -> None:
    with pytest.raises(ConnectionUnusable) as told:
        await KeptConnections(aws).find(arn)
    assert told.value.error == "Events.ConnectionResource.ResourceNotFound"
