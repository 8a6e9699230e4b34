"""The jobs that `.sync` waits for, by `service:action`. One file a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.tasks.aws.jobs import (
    athena,
    batch,
    bedrock,
    codebuild,
    databrew,
    ecs,
    eks,
    emr,
    emr_containers,
    emr_serverless,
    glue,
    mediaconvert,
    sagemaker,
)
from stepwell.tasks.aws.jobs.job import Job

JOBS: Final[Mapping[str, Job]] = {
    **athena.JOBS,
    **batch.JOBS,
    **bedrock.JOBS,
    **codebuild.JOBS,
    **databrew.JOBS,
    **ecs.JOBS,
    **eks.JOBS,
    **emr.JOBS,
    **emr_containers.JOBS,
    **emr_serverless.JOBS,
    **glue.JOBS,
    **mediaconvert.JOBS,
    **sagemaker.JOBS,
}
