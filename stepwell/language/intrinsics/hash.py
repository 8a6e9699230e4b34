"""States.Hash.

Rules that must stay true here:
- The digests are for comparing data, not for keeping secrets; the old algorithms are there because AWS has them.
"""

from __future__ import annotations

import hashlib

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.scope import Randomness
from stepwell.language.values import Json, dumps

ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def hash_of(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.Hash(data, algorithm)`: hexadecimal. Data that is no string is hashed as its JSON text."""
    data = arguments[0] if isinstance(arguments[0], str) else dumps(arguments[0])
    if len(data) > take.LONGEST_TEXT:
        raise Failure(f"Argument 1 must have at most {take.LONGEST_TEXT} characters")
    algorithm = ALGORITHMS.get(take.string(arguments, 2))
    if algorithm is None:
        raise Failure(f"The algorithm must be one of {', '.join(ALGORITHMS)}")
    return hashlib.new(algorithm, data.encode(), usedforsecurity=False).hexdigest()
