"""AWS Glue (developer guide, "Start an AWS Glue job with Step Functions")."""

from __future__ import annotations

from stepwell.tasks.aws.jobs.job import Job, at, part, states

JOBS = {
    "glue:startJobRun": Job(
        look="getJobRun",
        asks=lambda job: {"JobName": at(job.given, "JobName"), "RunId": at(job.answer, "JobRunId")},
        found=part("JobRun"),
        state=states("JobRunState", good={"SUCCEEDED"}, bad={"FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"}),
        stop=(
            "batchStopJobRun",
            lambda job: {"JobName": at(job.given, "JobName"), "JobRunIds": [at(job.answer, "JobRunId")]},
        ),
    )
}
