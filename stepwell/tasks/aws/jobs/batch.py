"""AWS Batch (developer guide, "Run AWS Batch workloads with Step Functions")."""

from __future__ import annotations

from stepwell.tasks.aws.jobs.job import Job, at, part, states

JOBS = {
    "batch:submitJob": Job(
        look="describeJobs",
        asks=lambda job: {"Jobs": [at(job.answer, "JobId")]},
        found=part("Jobs", 0),
        state=states("Status", good={"SUCCEEDED"}, bad={"FAILED"}),
        stop=(
            "terminateJob",
            lambda job: {"JobId": at(job.answer, "JobId"), "Reason": "The task that submitted the job has ended."},
        ),
    )
}
