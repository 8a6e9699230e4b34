"""Which names AWS takes for machines, executions and activities.

Rules that must stay true here:
- The length of a name is the service model's matter; here are only its characters.
- Checking is linear in the name.
"""

from __future__ import annotations

import re

from stepwell.api import faults

# API reference, `name` of CreateStateMachine: no white space, brackets, wildcards, special characters, control
# characters, U+FFFE and U+FFFF, surrogates, U+10FFFF.
_REFUSED = re.compile('[\\s<>{}\\[\\]?*"#%\\\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]')


def check_name(name: str) -> str:
    """The name. Raises InvalidName where AWS does not take one of its characters."""
    if _REFUSED.search(name) is not None:
        raise faults.invalid_name(name)
    return name
