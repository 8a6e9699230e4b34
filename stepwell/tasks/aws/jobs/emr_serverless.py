"""Amazon EMR Serverless (developer guide, "Create and manage Amazon EMR Serverless applications with Step
Functions")."""

from __future__ import annotations

from collections.abc import Collection

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Asks, Job, Known, at, part, states


def _created(job: Known) -> dict[str, Json]:
    return {"ApplicationId": at(job.answer, "ApplicationId")}


def _named(job: Known) -> dict[str, Json]:
    return {"ApplicationId": at(job.given, "ApplicationId")}


def _run(job: Known) -> dict[str, Json]:
    return {"ApplicationId": at(job.answer, "ApplicationId"), "JobRunId": at(job.answer, "JobRunId")}


def _application(asks: Asks, good: Collection[str], gone: Collection[str] = ()) -> Job:
    bad = {"TERMINATED"} - set(good)
    return Job(
        look="getApplication",
        asks=asks,
        found=part("Application"),
        state=states("State", good=good, bad=bad),
        gone=gone,
    )


JOBS = {
    "emr-serverless:createApplication": _application(_created, {"CREATED", "STARTED"}),
    "emr-serverless:startApplication": _application(_named, {"STARTED"}),
    "emr-serverless:stopApplication": _application(_named, {"STOPPED"}),
    "emr-serverless:deleteApplication": _application(_named, {"TERMINATED"}, {"ResourceNotFoundException"}),
    "emr-serverless:startJobRun": Job(
        look="getJobRun",
        asks=_run,
        found=part("JobRun"),
        state=states("State", good={"SUCCESS"}, bad={"FAILED", "CANCELLED"}),
        stop=("cancelJobRun", _run),
    ),
    "emr-serverless:cancelJobRun": Job(
        look="getJobRun",
        asks=_run,
        found=part("JobRun"),
        state=states("State", good={"CANCELLED"}, bad={"SUCCESS", "FAILED"}),
    ),
}
