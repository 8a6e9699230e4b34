"""What a machine or an activity is configured with beside its definition: logging, tracing, encryption.

Rules that must stay true here:
- A configuration is kept as one JSON text with all defaults filled in, so that equal configurations are equal texts.
- What has no effect here is validated, kept and answered as AWS answers it: a key of AWS KMS encrypts nothing.
"""

from __future__ import annotations

import re
from typing import Final

import orjson
from msgspec import Struct
from msgspec.structs import replace

from stepwell.api import faults
from stepwell.api.request import Request
from stepwell.language.values import Json

OWNED_KEY: Final = "AWS_OWNED_KEY"
CUSTOMER_KEY: Final = "CUSTOMER_MANAGED_KMS_KEY"

_REUSE_PERIOD: Final = 300  # seconds; AWS's default
_KEY_ID: Final = re.compile(
    r"(arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+)|(alias/[A-Za-z0-9/_-]+)|(mrk-)?[0-9a-f-]{32,36}"
)


class Configuration(Struct, frozen=True):
    """The three parts as DescribeStateMachine answers them."""

    logging: dict[str, Json]
    tracing: dict[str, Json]
    encryption: dict[str, Json]

    def text(self) -> str:
        return orjson.dumps(
            {
                "loggingConfiguration": self.logging,
                "tracingConfiguration": self.tracing,
                "encryptionConfiguration": self.encryption,
            },
            option=orjson.OPT_SORT_KEYS,
        ).decode()


DEFAULT: Final = Configuration({"level": "OFF", "includeExecutionData": False}, {"enabled": False}, {"type": OWNED_KEY})


def stored(text: str) -> Configuration:
    """The configuration that `Configuration.text` wrote."""
    parts = orjson.loads(text)
    return Configuration(parts["loggingConfiguration"], parts["tracingConfiguration"], parts["encryptionConfiguration"])


def requested(request: Request, current: Configuration = DEFAULT) -> Configuration:
    """The configuration that a request asks for; what it leaves out stays as it is.

    Raises InvalidLoggingConfiguration, InvalidEncryptionConfiguration.
    """
    logging = request.structure("loggingConfiguration")
    tracing = request.structure("tracingConfiguration")
    encryption = request.structure("encryptionConfiguration")
    if logging is not None:
        current = replace(current, logging=_logging(logging))
    if tracing is not None:
        current = replace(current, tracing={"enabled": tracing.get("enabled") is True})
    if encryption is not None:
        current = replace(current, encryption=checked_encryption(encryption))
    return current


def _logging(given: dict[str, Json]) -> dict[str, Json]:
    level = given.get("level") or "OFF"
    found: dict[str, Json] = {"level": level, "includeExecutionData": given.get("includeExecutionData") is True}
    destinations = given.get("destinations")
    if isinstance(destinations, list):
        found["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": _log_group(item)}} for item in destinations]
    count = len(destinations) if isinstance(destinations, list) else 0
    if count > 1 or (count == 0 and level != "OFF"):
        raise faults.invalid_logging("Must specify exactly one Log Destination.")
    return found


def _log_group(destination: Json) -> str:
    group = destination.get("cloudWatchLogsLogGroup") if isinstance(destination, dict) else None
    arn = group.get("logGroupArn") if isinstance(group, dict) else None
    if not isinstance(arn, str):
        raise faults.invalid_logging("Must specify exactly one Log Destination.")
    return arn


async def check_log_group(request: Request, asked: Configuration) -> None:
    """See that the log group of a configuration was not deleted (recorded). One that never was is made when it is
    needed, where AWS refuses it as well: a definition runs here without the rest of its stack.

    Raises InvalidLoggingConfiguration.
    """
    destinations = asked.logging.get("destinations")
    if request.structure("loggingConfiguration") is None or not isinstance(destinations, list):
        return
    for destination in destinations:
        group = _log_group(destination).partition(":log-group:")[2].removesuffix(":*")
        if await request.context.store.logs.was_deleted(group):
            raise faults.invalid_logging("Log Destination not found.")


def checked_encryption(given: dict[str, Json]) -> dict[str, Json]:
    """An `encryptionConfiguration` as it is answered. Raises InvalidEncryptionConfiguration."""
    key, period = given.get("kmsKeyId"), given.get("kmsDataKeyReusePeriodSeconds")
    if given.get("type") == OWNED_KEY:
        if key is not None or period is not None:
            raise faults.invalid_encryption(
                f"kmsKeyId and kmsDataKeyReusePeriodSeconds must be null for the type {OWNED_KEY}"
            )
        return {"type": OWNED_KEY}
    if not isinstance(key, str) or _KEY_ID.fullmatch(key) is None:
        raise faults.invalid_encryption(
            "kmsKeyId must be a key id, a key ARN, an alias name or an alias ARN of AWS KMS, such as alias/my-key"
        )
    return {"type": CUSTOMER_KEY, "kmsKeyId": key, "kmsDataKeyReusePeriodSeconds": period or _REUSE_PERIOD}
