"""Amazon Athena (developer guide, "Run Athena queries with Step Functions")."""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.aws.jobs.job import Job, Known, at, states, whole


def _query(job: Known) -> dict[str, Json]:
    return {"QueryExecutionId": at(job.answer, "QueryExecutionId")}


JOBS = {
    "athena:startQueryExecution": Job(
        look="getQueryExecution",
        asks=_query,
        found=whole,
        state=states("QueryExecution", "Status", "State", good={"SUCCEEDED"}, bad={"FAILED", "CANCELLED"}),
        stop=("stopQueryExecution", _query),
    )
}
