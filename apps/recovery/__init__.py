"""The recovery app: disaster-recovery waves with AWS Elastic Disaster Recovery (DRS).

`stepwell serve apps.recovery:app` serves its HTTP routes, its state machine, its functions and the schedule of its poll
on one port.
"""

from __future__ import annotations

from apps.recovery.handler import handler
from apps.recovery.polling import poll
from apps.recovery.settings import machine_name
from stepwell import Stepwell

app = Stepwell()
app.function("recovery-orchestration", timeout=60, memory=128)(handler)
app.function("recovery-poll", timeout=300, memory=128)(poll)
app.machine("recovery.asl.json", name=machine_name())
app.schedule("recovery-poll", "rate(1 minute)", function="recovery-poll", catch_up="skip")
app.mount("", "apps.recovery.api:api")
