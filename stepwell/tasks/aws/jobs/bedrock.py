"""Amazon Bedrock (developer guide, "Invoke and customize Amazon Bedrock models with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states, whole


def _job(job: Known) -> dict[str, Json]:
    return {"JobIdentifier": at(job.answer, "JobArn")}


JOBS = {
    "bedrock:createModelCustomizationJob": Job(
        look="getModelCustomizationJob",
        asks=_job,
        found=whole,
        state=states("Status", good={"Completed"}, bad={"Failed", "Stopped"}),
        stop=("stopModelCustomizationJob", _job),
    )
}
