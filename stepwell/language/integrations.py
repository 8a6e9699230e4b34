"""The optimised service integrations: which services, actions and patterns a Task's Resource may name.

Rules that must stay true here:
- The table says what AWS's developer guide says ("Integrating optimized services"); it does not say what this program
  can carry out.
- Names are those of the ARN (`elasticmapreduce`, not EMR).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stepwell.language.model import Pattern

_REQUEST: Final[frozenset[Pattern]] = frozenset({""})
_JOB: Final[frozenset[Pattern]] = frozenset({"", "sync"})
_CALLBACK: Final[frozenset[Pattern]] = frozenset({"", "waitForTaskToken"})
_JOB_OR_CALLBACK: Final[frozenset[Pattern]] = _JOB | _CALLBACK

INTEGRATIONS: Final[Mapping[str, Mapping[str, frozenset[Pattern]]]] = MappingProxyType(
    {
        "apigateway": {"invoke": _CALLBACK},
        "athena": {
            "startQueryExecution": _JOB,
            "stopQueryExecution": _REQUEST,
            "getQueryExecution": _REQUEST,
            "getQueryResults": _REQUEST,
        },
        "batch": {"submitJob": _JOB},
        "bedrock": {"invokeModel": _CALLBACK, "createModelCustomizationJob": _JOB},
        "codebuild": {
            "startBuild": _JOB,
            "stopBuild": _REQUEST,
            "batchDeleteBuilds": _REQUEST,
            "batchGetReports": _REQUEST,
            "startBuildBatch": _JOB,
            "stopBuildBatch": _REQUEST,
            "retryBuildBatch": _JOB,
            "deleteBuildBatch": _REQUEST,
        },
        "databrew": {"startJobRun": _JOB},
        "dynamodb": {
            "getItem": _REQUEST,
            "putItem": _REQUEST,
            "deleteItem": _REQUEST,
            "updateItem": _REQUEST,
        },
        "ecs": {"runTask": _JOB_OR_CALLBACK},
        "eks": {
            "call": _CALLBACK,
            "runJob": _JOB_OR_CALLBACK,
            "createCluster": _JOB,
            "deleteCluster": _JOB,
            "createNodegroup": _JOB,
            "deleteNodegroup": _JOB,
            "createFargateProfile": _JOB,
            "deleteFargateProfile": _JOB,
        },
        "elasticmapreduce": {
            "createCluster": _JOB,
            "setClusterTerminationProtection": _REQUEST,
            "terminateCluster": _JOB,
            "addStep": _JOB,
            "cancelStep": _REQUEST,
            "modifyInstanceFleetByName": _REQUEST,
            "modifyInstanceGroupByName": _REQUEST,
        },
        "emr-containers": {
            "createVirtualCluster": _REQUEST,
            "deleteVirtualCluster": _JOB,
            "startJobRun": _JOB,
        },
        "emr-serverless": {
            "createApplication": _JOB,
            "startApplication": _JOB,
            "stopApplication": _JOB,
            "deleteApplication": _JOB,
            "startJobRun": _JOB,
            "cancelJobRun": _JOB,
        },
        "events": {"putEvents": _CALLBACK},
        "glue": {"startJobRun": _JOB},
        "http": {"invoke": _REQUEST},
        "lambda": {"invoke": _CALLBACK},
        "mediaconvert": {"createJob": _JOB},
        "sagemaker": {
            "createEndpoint": _REQUEST,
            "createEndpointConfig": _REQUEST,
            "createHyperParameterTuningJob": _JOB,
            "createLabelingJob": _JOB,
            "createModel": _REQUEST,
            "createProcessingJob": _JOB,
            "createTrainingJob": _JOB,
            "createTransformJob": _JOB,
            "updateEndpoint": _REQUEST,
        },
        "sns": {"publish": _CALLBACK},
        "sqs": {"sendMessage": _CALLBACK},
        "states": {"startExecution": frozenset({"", "sync", "sync:2", "waitForTaskToken"})},
    }
)
"""Service to action to the patterns that AWS offers for it."""

SDK_PATTERNS: Final[frozenset[Pattern]] = _CALLBACK
"""The patterns of every `aws-sdk` action; `.sync` is for optimised integrations only."""
