"""What a function is, and the names that lead to it."""

import pytest

from stepwell.tasks.function import Function, FunctionName, FunctionRegistry
from stepwell.tasks.kinds.python_callable import PythonCallable

CODE = PythonCallable(handler="app:handler")


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "orders:$LATEST",
        "orders:7",
        "orders:live",
        "123456789012:function:orders",
        "arn:aws:lambda:us-east-1:123456789012:function:orders",
        "arn:aws:lambda:eu-west-3:000000000000:function:orders:live",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders",
        "arn:aws:lambda:::function:orders",
    ],
)
def test_a_function_is_found_by_every_name_that_lambda_takes(name):
    function = Function(name="orders", code=CODE)
    assert FunctionRegistry([function]).find(name) is function


@pytest.mark.parametrize("name", ["order", "", "orders:", "orders:a:b", "arn:aws:sqs:us-east-1:1:orders", "or ders"])
def test_another_name_leads_to_nothing(name):
    assert FunctionRegistry([Function(name="orders", code=CODE)]).find(name) is None


def test_a_name_is_completed_to_an_arn():
    assert FunctionName.parse("orders").arn("eu-west-1", "1") == "arn:aws:lambda:eu-west-1:1:function:orders"
    arn = "arn:aws:lambda:us-east-1:2:function:orders"
    assert FunctionName.parse(f"{arn}:live").arn("eu-west-1", "1") == arn


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="two functions named orders"):
        FunctionRegistry([Function(name="orders", code=CODE) for _ in range(2)])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "a b"}, "letters"),
        ({"timeout": 0}, "timeout"),
        ({"concurrency": -1}, "concurrency"),
        ({"memory": 0}, "memory"),
    ],
)
def test_a_description_that_is_not_right_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Function(**{"name": "orders", "code": CODE, **fields})


def test_a_callable_that_no_other_process_could_import_is_refused():
    with pytest.raises(ValueError, match="cannot be imported"):
        Function.of(lambda event, context: event)
