"""Amazon EMR on EKS (developer guide, "Create and manage Amazon EMR clusters on EKS with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, part, states


def _run(job: Known) -> dict[str, Json]:
    return {"Id": at(job.answer, "Id"), "VirtualClusterId": at(job.answer, "VirtualClusterId")}


JOBS = {
    "emr-containers:startJobRun": Job(
        look="describeJobRun",
        asks=_run,
        found=part("JobRun"),
        state=states("State", good={"COMPLETED"}, bad={"FAILED", "CANCELLED"}),
        stop=("cancelJobRun", _run),
    ),
    "emr-containers:deleteVirtualCluster": Job(
        look="describeVirtualCluster",
        asks=lambda job: {"Id": at(job.answer, "Id")},
        found=part("VirtualCluster"),
        state=states("State", good={"TERMINATED"}, bad=()),
        gone={"ResourceNotFoundException"},
    ),
}
