"""Amazon SageMaker AI (developer guide, "Create and manage Amazon SageMaker AI jobs with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states, whole


def _job(kind: str) -> Job:
    """`kind` is the part that the names of all actions and members have in common: `TrainingJob`."""

    def named(job: Known) -> dict[str, Json]:
        return {f"{kind}Name": at(job.given, f"{kind}Name")}

    return Job(
        look=f"describe{kind}",
        asks=named,
        found=whole,
        state=states(f"{kind}Status", good={"Completed"}, bad={"Failed", "Stopped", "Deleting", "DeleteFailed"}),
        stop=(f"stop{kind}", named),
    )


JOBS = {
    f"sagemaker:create{kind}": _job(kind)
    for kind in ("HyperParameterTuningJob", "LabelingJob", "ProcessingJob", "TrainingJob", "TransformJob")
}
