"""AWS Elastic Disaster Recovery, as the app uses it.

Rules that must stay true here:
- StartRecovery is sent once: it has no token that would make a second one harmless, so no client tries it again unseen.
- What may succeed later is told apart from what will not.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

_TEMPORARY = frozenset({"ThrottlingException", "InternalServerException", "RequestTimeout", "ServiceUnavailable"})
_SKEW = 60  # seconds that our clock may be ahead of that of DRS


class DrsUnavailable(Exception):
    """DRS does not answer, or cannot now; whether a call was carried out is not known."""


class DrsRefused(Exception):
    """DRS refuses a call, and would do so again."""


def start_recovery(servers: Sequence[str], is_drill: bool) -> str:
    """Start ONE job for all servers; its id. Raises DrsUnavailable, DrsRefused."""
    answer = _call("start_recovery", sourceServers=[{"sourceServerID": id} for id in servers], isDrill=is_drill)
    return str(answer["job"]["jobID"])


def find_job(servers: Sequence[str], is_drill: bool, since: float, known: Set[str]) -> str | None:
    """The job that was started for exactly these servers since a time (seconds since 1970), and is none of those known.

    Raises DrsUnavailable, DrsRefused.
    """
    initiated_by = "START_DRILL" if is_drill else "START_RECOVERY"
    moment = datetime.fromtimestamp(since - _SKEW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for job in _pages("describe_jobs", filters={"fromDate": moment}):
        taking_part = {server["sourceServerID"] for server in job.get("participatingServers", ())}
        is_ours = taking_part == set(servers) and job.get("initiatedBy") == initiated_by
        if is_ours and job["jobID"] not in known:
            return str(job["jobID"])
    return None


def describe_job(job_id: str) -> dict[str, Any] | None:
    """A job; None where there is none of that id. Raises DrsUnavailable, DrsRefused."""
    try:
        jobs = _pages("describe_jobs", filters={"jobIDs": [job_id]})
    except DrsRefused as refused:
        if str(refused).startswith("ResourceNotFoundException"):
            return None
        raise
    return next((job for job in jobs if job["jobID"] == job_id), None)


def job_log(job_id: str) -> list[dict[str, Any]]:
    """All that the log of a job holds, in its order. Raises DrsUnavailable, DrsRefused."""
    return _pages("describe_job_log_items", jobID=job_id)


def _pages(operation: str, **members: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    answer = _call(operation, **members)
    found.extend(answer.get("items", ()))
    while token := answer.get("nextToken"):
        answer = _call(operation, **members, nextToken=token)
        found.extend(answer.get("items", ()))
    return found


def _call(operation: str, **members: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(_client(), operation)(**members)
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code in _TEMPORARY or status >= 500:
            raise DrsUnavailable(f"{code}: {error.response['Error']['Message']}") from error
        raise DrsRefused(f"{code}: {error.response['Error']['Message']}") from error
    except ParamValidationError as error:  # never sent
        raise DrsRefused(str(error)) from error
    except BotoCoreError as error:
        raise DrsUnavailable(str(error)) from error
    return answer


@lru_cache(maxsize=1)
def _client() -> Any:
    """boto3's own client; `AWS_ENDPOINT_URL_DRS` says where it calls."""
    return boto3.client("drs", config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20))
