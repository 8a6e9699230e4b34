"""Which handler answers which operation of the AWS endpoint.

`HANDLERS` holds those that exist; the others of the service model are answered with a refusal that names them.
"""

from collections.abc import Mapping
from typing import Final

from stepwell.api.operations import (
    activities,
    aliases,
    callbacks,
    definitions,
    executions,
    express,
    history,
    map_runs,
    state_machines,
    tags,
    test_state,
    versions,
)
from stepwell.api.request import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    "CreateStateMachine": state_machines.create_state_machine,
    "DescribeStateMachine": state_machines.describe_state_machine,
    "UpdateStateMachine": state_machines.update_state_machine,
    "DeleteStateMachine": state_machines.delete_state_machine,
    "ListStateMachines": state_machines.list_state_machines,
    "ValidateStateMachineDefinition": definitions.validate_state_machine_definition,
    "PublishStateMachineVersion": versions.publish_state_machine_version,
    "ListStateMachineVersions": versions.list_state_machine_versions,
    "DeleteStateMachineVersion": versions.delete_state_machine_version,
    "CreateStateMachineAlias": aliases.create_state_machine_alias,
    "DescribeStateMachineAlias": aliases.describe_state_machine_alias,
    "UpdateStateMachineAlias": aliases.update_state_machine_alias,
    "DeleteStateMachineAlias": aliases.delete_state_machine_alias,
    "ListStateMachineAliases": aliases.list_state_machine_aliases,
    "TestState": test_state.test_state,
    "StartExecution": executions.start_execution,
    "StartSyncExecution": express.start_sync_execution,
    "StopExecution": executions.stop_execution,
    "RedriveExecution": executions.redrive_execution,
    "DescribeExecution": executions.describe_execution,
    "DescribeStateMachineForExecution": executions.describe_state_machine_for_execution,
    "ListExecutions": executions.list_executions,
    "GetExecutionHistory": history.get_execution_history,
    "ListMapRuns": map_runs.list_map_runs,
    "DescribeMapRun": map_runs.describe_map_run,
    "UpdateMapRun": map_runs.update_map_run,
    "CreateActivity": activities.create_activity,
    "DescribeActivity": activities.describe_activity,
    "ListActivities": activities.list_activities,
    "DeleteActivity": activities.delete_activity,
    "GetActivityTask": activities.get_activity_task,
    "SendTaskSuccess": callbacks.send_task_success,
    "SendTaskFailure": callbacks.send_task_failure,
    "SendTaskHeartbeat": callbacks.send_task_heartbeat,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
}
