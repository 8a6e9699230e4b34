"""Base64.

Rules that must stay true here:
- Text is UTF-8; what does not decode to text is a failure.
"""

from __future__ import annotations

import base64
import binascii

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.scope import Randomness
from stepwell.language.values import Json


def base64_encode(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.Base64Encode(text)`."""
    return base64.b64encode(take.short_string(arguments, 1).encode()).decode()


def base64_decode(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.Base64Decode(text)`."""
    try:
        return base64.b64decode(take.short_string(arguments, 1), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Failure("The value is not Base64-encoded text") from None
