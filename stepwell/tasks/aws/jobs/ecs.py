"""Amazon ECS and Fargate (developer guide, "Run Amazon ECS or Fargate tasks with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, State, at, part


def _about(job: Known) -> dict[str, Json]:
    cluster = at(job.answer, "Tasks", 0, "ClusterArn")
    return {"Cluster": cluster, "Tasks": [at(job.answer, "Tasks", 0, "TaskArn")]}


def _state(task: Json) -> State:
    """A task that has stopped has succeeded if each of its containers did: one that never ran has no exit code."""
    if at(task, "LastStatus") != "STOPPED":
        return "running"
    containers = at(task, "Containers")
    assert isinstance(containers, list)
    codes = [container.get("ExitCode") for container in containers if isinstance(container, dict)]
    return "succeeded" if all(code == 0 for code in codes) else "failed"


def _stop(job: Known) -> dict[str, Json]:
    return {
        "Cluster": at(job.answer, "Tasks", 0, "ClusterArn"),
        "Task": at(job.answer, "Tasks", 0, "TaskArn"),
        "Reason": "The state that has run the task has ended.",
    }


JOBS = {
    "ecs:runTask": Job(
        look="describeTasks", asks=_about, found=part("Tasks", 0), state=_state, stop=("stopTask", _stop)
    )
}
