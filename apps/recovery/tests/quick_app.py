"""The recovery app with another definition in the place of its own: the same one with a shorter wait."""

from __future__ import annotations

import os

from apps.recovery import app as real
from stepwell import Stepwell

app = Stepwell()
for function in real.functions.values():
    assert function.handler is not None
    app.function(function.name, timeout=function.timeout, memory=function.memory)(function.handler)
for name in real.machines:
    app.machine(os.environ["RECOVERY_QUICK_MACHINE"], name=name)
for path, mounted in real.mounts.items():
    app.mount(path, mounted)
