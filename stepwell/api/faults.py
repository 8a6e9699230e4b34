"""The errors that a client is told, in AWS's names and words.

Rules that must stay true here:
- A fault carries a shape of AWS's model (or of its common errors), a message and an HTTP status, and nothing of the
  inside of the server.
- The wording is AWS's where a record of it is known: clients match on it.
"""

from __future__ import annotations


class ApiFault(Exception):
    """A refusal that reaches the client as `{"__type": shape, "message": message, **members}`."""

    def __init__(self, shape: str, message: str, status: int = 400, **members: str) -> None:
        super().__init__(message)
        self.shape = shape
        self.message = message
        self.status = status
        self.members = members


# -- common errors of AWS's JSON protocol


def serialization(message: str) -> ApiFault:
    return ApiFault("SerializationException", message)


def unknown_operation(message: str) -> ApiFault:
    return ApiFault("UnknownOperationException", message)


def validation(message: str, reason: str | None = None) -> ApiFault:
    """`reason` is one of the model's ValidationExceptionReason."""
    if reason is None:
        return ApiFault("ValidationException", message)
    return ApiFault("ValidationException", message, reason=reason)


def throttling() -> ApiFault:
    return ApiFault("ThrottlingException", "Rate exceeded")


def execution_limit_exceeded() -> ApiFault:
    return ApiFault(
        "ExecutionLimitExceeded",
        "The maximum number of running executions has been reached. Running executions must end or be stopped before a"
        " new execution can be started.",
    )


def conflict(message: str) -> ApiFault:
    return ApiFault("ConflictException", message, 409)


def quota_exceeded(message: str) -> ApiFault:
    return ApiFault("ServiceQuotaExceededException", message, 402)


def missing_required(message: str) -> ApiFault:
    return ApiFault("MissingRequiredParameter", message)


# -- names and ARNs


def invalid_arn(why: str) -> ApiFault:
    return ApiFault("InvalidArn", f"Invalid Arn: '{why}'")


def invalid_name(name: str) -> ApiFault:
    return ApiFault("InvalidName", f"Invalid Name: '{name}'")


def invalid_page_token() -> ApiFault:
    return ApiFault("InvalidToken", "Invalid Token: 'Invalid token'")


def resource_not_found(arn: str) -> ApiFault:
    return ApiFault("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)


def referenced_resource_not_found() -> ApiFault:
    return ApiFault("ResourceNotFound", "Request references a resource that does not exist.")


def too_many_tags(arn: str, limit: int) -> ApiFault:
    return ApiFault("TooManyTags", f"A resource can have at most {limit} tags: '{arn}'", resourceName=arn)


# -- state machines


def machine_does_not_exist(arn: str) -> ApiFault:
    return ApiFault("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def machine_already_exists(arn: str) -> ApiFault:
    return ApiFault("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")


def machine_deleting(arn: str) -> ApiFault:
    return ApiFault("StateMachineDeleting", f"State Machine is being deleted: '{arn}'")


def machine_type_not_supported(
    message: str = "This operation is not supported by this type of state machine",
) -> ApiFault:
    return ApiFault("StateMachineTypeNotSupported", message)


def invalid_routing(message: str) -> ApiFault:
    return validation(message, "INVALID_ROUTING_CONFIGURATION")


def invalid_logging(why: str) -> ApiFault:
    return ApiFault("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {why}")


def invalid_encryption(why: str) -> ApiFault:
    return ApiFault("InvalidEncryptionConfiguration", f"Invalid Encryption Configuration: {why}")


# -- map runs


def completed_map_run(arn: str) -> ApiFault:
    message = f"Map Run is not running and cannot be updated: '{arn}'"
    return ApiFault("ValidationException", message, reason="CANNOT_UPDATE_COMPLETED_MAP_RUN")


# -- executions, activities, tasks


def execution_does_not_exist(arn: str) -> ApiFault:
    return ApiFault("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")


def execution_already_exists(arn: str) -> ApiFault:
    return ApiFault("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")


def execution_not_redrivable(why: str) -> ApiFault:
    return ApiFault("ExecutionNotRedrivable", f"Execution Not Redrivable: '{why}'")


def cannot_seal(why: str) -> ApiFault:
    return validation(f"Values that are marked as sensitive cannot be sealed, so nothing was taken: {why}")


def invalid_execution_input(why: str) -> ApiFault:
    return ApiFault("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{why}'")


def activity_does_not_exist(arn: str) -> ApiFault:
    return ApiFault("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


def activity_already_exists(arn: str) -> ApiFault:
    return ApiFault("ActivityAlreadyExists", f"Activity Already Exists: '{arn}'")


def too_many_workers() -> ApiFault:
    message = "The maximum number of workers concurrently polling for activity tasks has been reached."
    return ApiFault("ActivityWorkerLimitExceeded", message)


def invalid_task_token() -> ApiFault:
    return ApiFault("InvalidToken", "Invalid Token: 'Invalid token'")


def task_does_not_exist() -> ApiFault:
    return ApiFault("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'")


def task_timed_out() -> ApiFault:
    return ApiFault("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")


def invalid_output(why: str) -> ApiFault:
    return ApiFault("InvalidOutput", f"Invalid Output: '{why}'")
