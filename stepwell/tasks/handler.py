"""How a handler is found and called, and how its result becomes JSON.

Rules that must stay true here:
- Faults have the names and wording of AWS Lambda's Python runtime.
- A result is what `json.dumps` makes of it, as on Lambda: what passes here passes there.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import reduce
from typing import TypeAlias, cast

from stepwell.tasks.invocation import MAX_RESPONSE
from stepwell.tasks.runtime_errors import RuntimeFault

Handler: TypeAlias = Callable[[object, object], object]


def load(reference: str, path: Iterable[str]) -> Handler:
    """The handler that `module:attribute` names; slashes in the module's name are dots, as on Lambda.

    Raises RuntimeFault, or what the module raises when it is imported.
    """
    sys.path[:0] = [entry for entry in path if entry not in sys.path]
    module_name, _, attribute = reference.partition(":")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as fault:
        raise RuntimeFault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {fault}") from fault
    except SyntaxError as fault:
        place = f'  File "{fault.filename}" Line {fault.lineno}\n    {fault.text}'
        raise RuntimeFault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {fault}", (place,)
        ) from fault
    try:
        handler = cast(Handler, reduce(getattr, attribute.split("."), cast(object, module)))
    except AttributeError as fault:
        raise RuntimeFault(
            "Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'"
        ) from fault
    return handler


def is_asynchronous(handler: Handler) -> bool:
    """Whether calling the handler gives a coroutine."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def marshal(result: object) -> bytes:
    """The JSON text of a result; bytes are JSON already. Raises RuntimeFault."""
    try:
        if isinstance(result, bytes):
            json.loads(result)
            text = result
        else:
            text = json.dumps(result, ensure_ascii=False, allow_nan=False, default=_plain).encode()
    except Exception as fault:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {fault}") from fault
    if len(text) > MAX_RESPONSE:
        raise RuntimeFault(
            "Function.ResponseSizeTooLarge",
            f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).",
        )
    return text


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
