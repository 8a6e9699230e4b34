"""Names and ARNs are taken and refused as AWS does."""

from __future__ import annotations

import pytest

from stepwell.api import arns
from stepwell.api.faults import ApiFault
from stepwell.api.names import check_name
from stepwell.api.signature import region_of

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:orders"


@pytest.mark.parametrize("name", ["orders", "a.b-c_d", "Größe", "注文", "a" * 80, "1", "(x)!='+@"])
def test_names_may_hold_all_that_is_not_forbidden(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "character", [*' \t\n<>{}[]?*"#%\\^|~`$&,;:/', "\0", "\x1f", "\x7f", "\x9f", "\uffff", "\u2003"]
)
def test_names_never_hold_the_characters_that_aws_forbids(character: str) -> None:
    with pytest.raises(ApiFault) as caught:
        check_name(f"a{character}b")
    assert (caught.value.shape, caught.value.message) == ("InvalidName", f"Invalid Name: 'a{character}b'")


def test_a_machine_is_told_from_its_versions_aliases_and_labels() -> None:
    assert arns.machine(MACHINE) == (MACHINE, "orders", None)
    assert arns.machine(f"{MACHINE}:3") == (MACHINE, "orders", "3")
    assert arns.machine(f"{MACHINE}/each") == (MACHINE, "orders", "each")


def test_an_execution_is_named_after_its_machine() -> None:
    assert arns.execution_arn(MACHINE, "one") == "arn:aws:states:us-east-1:123456789012:execution:orders:one"


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        ("not_a_valid_arn", "Invalid ARN prefix: not_a_valid_arn"),
        ("arn:aws:states", "Invalid ARN prefix: arn:aws:states"),
        ("arn:aws:states:r:1:express:m:e:u", "Resource type not valid in this context: express"),
        ("arn:aws:sqs:r:1:stateMachine:m", "Service not valid in this context: sqs"),
        ("arn:aws:states:r:1:stateMachine:", "Invalid ARN: arn:aws:states:r:1:stateMachine:"),
        ("arn:aws:states:r:1:stateMachine:a:b:c", "Invalid ARN: arn:aws:states:r:1:stateMachine:a:b:c"),
    ],
)
def test_what_is_no_arn_of_a_machine_is_refused(arn: str, why: str) -> None:
    with pytest.raises(ApiFault) as caught:
        arns.machine(arn)
    assert (caught.value.shape, caught.value.message) == ("InvalidArn", f"Invalid Arn: '{why}'")


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_region_lies_in_a_partition(region: str, partition: str) -> None:
    assert arns.prefix(region, "1", "activity") == f"arn:{partition}:states:{region}:1:activity:"


def test_the_region_is_that_of_the_credential_scope() -> None:
    scope = "AWS4-HMAC-SHA256 Credential=AKID/20240131/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=a"
    assert region_of(scope.encode()) == "eu-west-1"
    assert region_of(b"Bearer abc") is None
    assert region_of(scope.replace("eu-west-1", "../..").encode()) is None
