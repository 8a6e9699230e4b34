"""ARNs of Step Functions: taken apart and put together.

Rules that must stay true here:
- An ARN that is not well formed, or is of another kind than the operation takes, is InvalidArn, never "does not exist".
- An ARN is read as it stands; whether its account and region are ours decides only what is found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from stepwell.api import faults
from stepwell.api.whole import LARGEST, whole

STATE_MACHINE = "stateMachine"
EXECUTION = "execution"
EXPRESS = "express"
ACTIVITY = "activity"
MAP_RUN = "mapRun"

_PARTS = {STATE_MACHINE: (7, 8), EXECUTION: (8, 8), EXPRESS: (9, 9), ACTIVITY: (7, 7), MAP_RUN: (8, 8)}


class MachineArn(NamedTuple):
    """`base` is the machine's own ARN. `qualifier` is a version, an alias or a Distributed Map's label."""

    base: str
    name: str
    qualifier: str | None


def partition_of(region: str) -> str:
    """The partition that a region lies in."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


def prefix(region: str, account: str, kind: str) -> str:
    """What ARNs of a kind begin with in a region and account: `arn:aws:states:eu-west-1:123456789012:activity:`."""
    return f"arn:{partition_of(region)}:states:{region}:{account}:{kind}:"


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of a machine's execution."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def parts_of(arn: str, *kinds: str) -> list[str]:
    """The parts of an ARN of one of these kinds. Raises InvalidArn."""
    parts = arn.split(":")
    if parts[0] != "arn" or len(parts) < 6:
        raise faults.invalid_arn(f"Invalid ARN prefix: {arn}")
    if parts[2] != "states":
        raise faults.invalid_arn(f"Service not valid in this context: {parts[2]}")
    kind = parts[5]
    if kind not in kinds:
        raise faults.invalid_arn(f"Resource type not valid in this context: {kind}")
    if len(parts) not in _PARTS[kind] or not all(parts[6:]):
        raise faults.invalid_arn(f"Invalid ARN: {arn}")
    return parts


@lru_cache(maxsize=1_000)
def machine(arn: str) -> MachineArn:
    """A state machine's ARN, qualified or not. Raises InvalidArn."""
    parts = parts_of(arn, STATE_MACHINE)
    if len(parts) == 8:
        return MachineArn(":".join(parts[:7]), parts[6], parts[7])
    name, slash, label = parts[6].partition("/")
    if slash:
        return MachineArn(arn[: -len(label) - 1], name, label)
    return MachineArn(arn, name, None)


def version_arn(machine_arn: str, number: int) -> str:
    """The ARN of a machine's version."""
    return f"{machine_arn}:{number}"


def alias_arn(machine_arn: str, name: str) -> str:
    """The ARN of a machine's alias."""
    return f"{machine_arn}:{name}"


def version_number(qualifier: str) -> int | None:
    """The number of a version; None where the qualifier is an alias's name, which is never all digits.

    A number that the store cannot hold is the largest that it can: no machine has so many versions.
    """
    if not (qualifier.isascii() and qualifier.isdigit()):
        return None
    number = whole(qualifier)
    return LARGEST if number is None else number


def refuse_label(arn: str) -> None:
    """Raises ValidationException where the ARN of a machine names a Distributed Map's label."""
    if "/" in arn.rpartition(":")[2]:
        raise faults.validation(
            f"This operation does not support the ARN of a Distributed Map: '{arn}'",
            "API_DOES_NOT_SUPPORT_LABELED_ARNS",
        )


def unqualified(arn: str) -> str:
    """The ARN of a machine that must not be of a version or an alias: there it does not exist.

    Raises InvalidArn, ValidationException, StateMachineDoesNotExist.
    """
    refuse_label(arn)
    if machine(arn).qualifier is not None:
        raise faults.machine_does_not_exist(arn)
    return arn


def check_role(arn: str) -> None:
    """Raises InvalidArn where a role's ARN does not look like an ARN."""
    if not arn.startswith("arn:") or arn.count(":") < 5:
        raise faults.invalid_arn(f"Invalid ARN prefix: {arn}")
