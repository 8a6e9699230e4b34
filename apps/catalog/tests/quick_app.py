"""The catalog app with a machine of the test's choice in place of its own; everything else is the real app's.

`CATALOG_QUICK_MACHINE` names the file: the real definition with a shorter wait.
"""

from __future__ import annotations

import os

from apps.catalog import app as real
from stepwell import Stepwell

app = Stepwell()
for function in real.functions.values():
    assert function.handler is not None
    app.function(function.name, timeout=function.timeout, concurrency=function.concurrency)(function.handler)
for machine in real.machines.values():
    app.machine(os.environ["CATALOG_QUICK_MACHINE"], name=machine.name, tags=machine.tags)
for path, mounted in real.mounts.items():
    app.mount(path, mounted)
