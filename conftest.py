"""What every test finds around it: nothing of the shell that it was started from, but what tests are told by name; and
inputs that are drawn are the same in every run, on a machine of any speed.

Rules that must stay true here:
- It is done before a test's module is imported: servers and commands that tests start inherit it.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

from tests.patience import PATIENCE

_OTHERS: Final = ("STEPWELL_", "AWS_", "SFN_", "OTEL_")
_TOLD: Final = ("STEPWELL_FAULTS", "STEPWELL_KILL", "STEPWELL_SHARED")  # and what begins with these
_OF_A_TERMINAL: Final = ("COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONWARNINGS")

for name in list(os.environ):
    if name in _OF_A_TERMINAL or (name.startswith(_OTHERS) and not name.startswith(_TOLD)):
        del os.environ[name]
for name in ("NO_PROXY", "no_proxy"):  # servers of tests are reached as they are, whatever is between here and others
    os.environ[name] = ",".join(["127.0.0.1", "localhost", *filter(None, [os.environ.get(name)])])
# A machine that is busy with other programs, or whose disk is, makes every server late: that is no overload of it.
os.environ["STEPWELL_OVERLOAD_DELAY"] = str(PATIENCE)
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull  # not the user's own

# Those who look for what nobody has thought of run `make fuzz`: a change is not to fail by what it has not changed.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")
