"""Amazon EKS (developer guide, "Create and manage Amazon EKS clusters with Step Functions")."""

from __future__ import annotations

from stepwell.tasks.aws.jobs.job import Asks, Job, at, states, whole


def _named(*names: str) -> Asks:
    return lambda job: {name: at(job.given, name) for name in names}


def _created(kind: str, *names: str) -> Job:
    return Job(
        look=f"describe{kind}",
        asks=_named(*names),
        found=whole,
        state=states(kind, "Status", good={"ACTIVE"}, bad={"FAILED", "CREATE_FAILED"}),
    )


def _deleted(kind: str, *names: str) -> Job:
    return Job(
        look=f"describe{kind}",
        asks=_named(*names),
        found=whole,
        state=states(kind, "Status", good=(), bad={"FAILED", "DELETE_FAILED"}),
        gone={"ResourceNotFoundException"},
    )


_CLUSTER = ("Cluster", "Name")
_NODEGROUP = ("Nodegroup", "ClusterName", "NodegroupName")
_PROFILE = ("FargateProfile", "ClusterName", "FargateProfileName")

JOBS = {
    "eks:createCluster": _created(*_CLUSTER),
    "eks:deleteCluster": _deleted(*_CLUSTER),
    "eks:createNodegroup": _created(*_NODEGROUP),
    "eks:deleteNodegroup": _deleted(*_NODEGROUP),
    "eks:createFargateProfile": _created(*_PROFILE),
    "eks:deleteFargateProfile": _deleted(*_PROFILE),
}
