"""AWS Glue DataBrew (developer guide, "Start AWS Glue DataBrew jobs with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states, whole


def _run(job: Known) -> dict[str, Json]:
    return {"Name": at(job.given, "Name"), "RunId": at(job.answer, "RunId")}


JOBS = {
    "databrew:startJobRun": Job(
        look="describeJobRun",
        asks=_run,
        found=whole,
        state=states("State", good={"SUCCEEDED"}, bad={"FAILED", "TIMEOUT", "STOPPED"}),
        stop=("stopJobRun", _run),
    )
}
