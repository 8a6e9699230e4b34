"""AWS Elemental MediaConvert (developer guide, "Create AWS Elemental MediaConvert jobs with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states, whole


def _job(job: Known) -> dict[str, Json]:
    return {"Id": at(job.answer, "Job", "Id")}


JOBS = {
    "mediaconvert:createJob": Job(
        look="getJob",
        asks=_job,
        found=whole,
        state=states("Job", "Status", good={"COMPLETE"}, bad={"CANCELED", "ERROR"}),
        stop=("cancelJob", _job),
    )
}
