"""Amazon EMR (developer guide, "Create and manage Amazon EMR clusters with Step Functions").

Its actions have names and members of Step Functions' own: see `optimised_emr`.
"""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, State, at


def _cluster_state(found: Json) -> State:
    """A cluster is created once it waits for steps, or has ended by itself after those that it was given."""
    status = at(found, "Cluster", "Status")
    state = at(status, "State")
    if state == "TERMINATED":
        reason = status.get("StateChangeReason") if isinstance(status, dict) else None
        done = isinstance(reason, dict) and reason.get("Code") == "ALL_STEPS_COMPLETED"
        return "succeeded" if done else "failed"
    return "succeeded" if state == "WAITING" else "failed" if state == "TERMINATED_WITH_ERRORS" else "running"


def _terminated(found: Json) -> State:
    state = at(found, "Cluster", "Status", "State")
    return "succeeded" if state in ("TERMINATED", "TERMINATED_WITH_ERRORS") else "running"


def _step_state(found: Json) -> State:
    state = at(found, "Step", "Status", "State")
    return "succeeded" if state == "COMPLETED" else "failed" if state in _BAD_STEPS else "running"


_BAD_STEPS = ("CANCELLED", "FAILED", "INTERRUPTED")


def _step(job: Known) -> dict[str, Json]:
    return {"ClusterId": at(job.given, "ClusterId"), "StepId": at(job.answer, "StepId")}


def _with_cluster_id(answer: dict[str, Json], _: Known) -> Json:
    return {**answer, "ClusterId": at(answer, "Cluster", "Id")}


def _with_step_id(answer: dict[str, Json], job: Known) -> Json:
    return {**answer, "StepId": at(job.answer, "StepId")}


JOBS = {
    "elasticmapreduce:createCluster": Job(
        look="describeCluster",
        asks=lambda job: {"ClusterId": at(job.answer, "ClusterId")},
        found=_with_cluster_id,
        state=_cluster_state,
    ),
    "elasticmapreduce:terminateCluster": Job(
        look="describeCluster",
        asks=lambda job: {"ClusterId": at(job.given, "ClusterId")},
        found=_with_cluster_id,
        state=_terminated,
    ),
    "elasticmapreduce:addStep": Job(
        look="describeStep",
        asks=_step,
        found=_with_step_id,
        state=_step_state,
        stop=(
            "cancelSteps",
            lambda job: {"ClusterId": at(job.given, "ClusterId"), "StepIds": [at(job.answer, "StepId")]},
        ),
    ),
}
