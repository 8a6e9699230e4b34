"""The names that Step Functions takes from AWS's SDKs for Java, made from those of the services' models.

Rules that must stay true here:
- Step Functions calls services through the SDK for Java 2.x (`aws-sdk:...`) and 1.x (most optimised integrations): a
  name in a definition, a result or an error is the name that the SDK's code generator makes.
- Only names of models come in here, never a user's text.

See AWS Step Functions developer guide, "Learning to use AWS service SDK integrations".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_BOTOCORE: Final[Mapping[str, str]] = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticmapreduce": "emr",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimev2": "lexv2-runtime",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""Botocore's name of each service whose name in ARNs is not botocore's without hyphens."""


_TAKEN: Final[Mapping[str, str]] = {"Equals": "EqualsValue", "equals": "EqualsValue", "NULL": "Nul"}
"""Members whose names mean something else in Java, with the names that the SDK 2.x gives them."""


def botocore_name(service: str) -> str:
    """Botocore's name, hyphens and a final `service` apart, of a service as an ARN names it."""
    return _BOTOCORE.get(service) or _BOTOCORE.get(service.removesuffix("service"), service)


def service_name(service_id: str) -> str:
    """`DynamoDB` -> `DynamoDb`, `Secrets Manager` -> `SecretsManager`, `SFN` -> `Sfn`."""
    name = pascal(service_id)
    for vendor in ("Amazon", "Aws"):
        name = name.removeprefix(vendor)
    return name.removesuffix("Service")


def exception_name(shape: str) -> str:
    """`NoSuchKey` -> `NoSuchKeyException`, `ClusterNotFoundFault` -> `ClusterNotFoundException`."""
    base = shape.removesuffix("Fault")
    return base if base.endswith("Exception") else f"{base}Exception"


def capital(member: str) -> str:
    """The name of a member as the SDK 1.x has it: `executionArn` -> `ExecutionArn`."""
    return member[:1].upper() + member[1:]


def sdk_member(member: str) -> str:
    """The name of a member as the SDK 2.x has it: `DBInstanceId` -> `DbInstanceId`, `ETag` -> `ETag`.

    The capitals that it begins with become small, but for the one that begins the next word; then the first is put
    back.
    """
    if member in _TAKEN:
        return _TAKEN[member]
    end = 1
    while end < len(member) and member[end].isupper() and not member[end + 1 : end + 2].islower():
        end += 1
    return capital(member[:end].lower() + member[end:])


def pascal(text: str) -> str:
    """Every word with one capital: `KMSInvalidStateException` -> `KmsInvalidStateException`."""
    return "".join(word.capitalize() for word in _words(text))


def _words(text: str) -> list[str]:
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return text.split()
