"""AWS CodeBuild (developer guide, "Manage AWS CodeBuild builds with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states

_BAD = {"FAILED", "FAULT", "TIMED_OUT", "STOPPED"}


def _build(answer: dict[str, Json], _: Known) -> Json:
    return {"Build": at(answer, "Builds", 0)}


def _batch(answer: dict[str, Json], _: Known) -> Json:
    return {"BuildBatch": at(answer, "BuildBatches", 0)}


_BATCH = Job(
    look="batchGetBuildBatches",
    asks=lambda job: {"Ids": [at(job.answer, "BuildBatch", "Id")]},
    found=_batch,
    state=states("BuildBatch", "BuildBatchStatus", good={"SUCCEEDED"}, bad=_BAD),
    stop=("stopBuildBatch", lambda job: {"Id": at(job.answer, "BuildBatch", "Id")}),
)

JOBS = {
    "codebuild:startBuild": Job(
        look="batchGetBuilds",
        asks=lambda job: {"Ids": [at(job.answer, "Build", "Id")]},
        found=_build,
        state=states("Build", "BuildStatus", good={"SUCCEEDED"}, bad=_BAD),
        stop=("stopBuild", lambda job: {"Id": at(job.answer, "Build", "Id")}),
    ),
    "codebuild:startBuildBatch": _BATCH,
    "codebuild:retryBuildBatch": _BATCH,
}
