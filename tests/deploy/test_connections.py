"""Connections of a template, which HTTP tasks authorise themselves with."""

from __future__ import annotations

from tests.deploy.conftest import Read

CONNECTION = """
Parameters:
  Key: {Type: String, NoEcho: true, Default: none}
Resources:
  Api:
    Type: AWS::Events::Connection
    Properties:
      Name: shop
      AuthorizationType: API_KEY
      AuthParameters:
        ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: VALUE}
"""


def test_a_connection_is_made_with_what_its_parameters_say(read: Read) -> None:
    (found,) = read(CONNECTION.replace("VALUE", "!Ref Key"), "Key=sesame").connections
    assert found.members == {
        "Name": "shop",
        "AuthorizationType": "API_KEY",
        "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "sesame"}},
    }
    assert "sesame" not in repr(found)


def test_a_secret_that_is_elsewhere_is_asked_for(read: Read) -> None:
    text = CONNECTION.replace("VALUE", "'{{resolve:secretsmanager:shop:SecretString:key}}'")
    template = read(text)
    assert template.connections == ()
    (told,) = template.not_run
    reference = "resolve:secretsmanager:shop:SecretString:key"
    assert str(told) == (f"Api (AWS::Events::Connection): its secret is elsewhere; say --parameter '{reference}=VALUE'")
    (found,) = read(text, f"{reference}=sesame").connections
    parameters = found.members["AuthParameters"]
    assert isinstance(parameters, dict)
    assert parameters["ApiKeyAuthParameters"] == {"ApiKeyName": "X-Key", "ApiKeyValue": "sesame"}
