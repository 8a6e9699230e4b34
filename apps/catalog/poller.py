"""Starts the state machine, as any program starts one: with boto3. `AWS_ENDPOINT_URL_SFN` says where.

Rules that must stay true here:
- An execution is named after its catalog, so that starting it twice is the same as once.
- Its input holds the caller's tokens, which are sealed where the machine runs (its tag `stepwell:sensitive`).
"""

from __future__ import annotations

import functools
import json
import logging
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from apps.catalog.database import CatalogRow
from apps.catalog.settings import NotConfigured, required
from apps.catalog.vendor_client import Tokens

log = logging.getLogger(__name__)


class PollNotStarted(Exception):
    """The workflow could not be started; the message says why in words fit for a caller."""


def start_poll(row: CatalogRow, tokens: Tokens) -> str:
    """Start polling for a catalog, or find that it is being polled for; the execution's ARN.

    Raises PollNotStarted. Blocks: run it in a thread.
    """
    poll = {
        "catalog_name": row["catalog_name"],
        "catalog_id": row["catalog_id"],
        "jwt_token": tokens.access,
        "refresh_token": tokens.refresh,
    }
    try:
        return _start(required("CATALOG_POLLER_STEP_FUNCTION_ARN"), row["catalog_id"], json.dumps(poll))
    except NotConfigured as error:
        raise PollNotStarted(str(error)) from error
    except ClientError as error:
        log.warning("catalog %s: the poll was refused: %s", row["catalog_name"], error)
        raise PollNotStarted(str(error.response["Error"]["Code"])) from error
    except BotoCoreError as error:
        log.warning("catalog %s: the poll was not started: %s", row["catalog_name"], error)
        raise PollNotStarted(type(error).__name__) from error


def _start(machine: str, name: str, poll: str) -> str:
    """Another caller has other tokens, so the same name with another input may be the very poll that is asked for."""
    client = _client()
    try:
        return str(client.start_execution(stateMachineArn=machine, name=name, input=poll)["executionArn"])
    except client.exceptions.ExecutionAlreadyExists:
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        if client.describe_execution(executionArn=arn)["status"] != "RUNNING":
            raise
        return arn


@functools.cache
def _client() -> Any:  # boto3 makes its clients at run time: there is no type to name
    # A session of its own: building a client on boto3's default session is not safe in threads.
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 2})
    return boto3.session.Session().client("stepfunctions", config=config)
