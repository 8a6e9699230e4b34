"""The keywords app: work of a minute behind an HTTP API that answers at once.

`stepwell serve apps.keywords:app` serves its routes, job types, state machines and functions on one port.
"""

from __future__ import annotations

from apps.keywords.models import KeywordsFound, OrchestrateRequest, TrendsFound, TrendsRequest
from apps.keywords.processors import orchestrate_processor, trends_processor
from stepwell import Stepwell

ORCHESTRATE, TRENDS = "keyword-trend-orchestrate-processor", "keyword-trend-trends-processor"
LONGEST = 15 * 60  # seconds that a processor may run

app = Stepwell()

app.function(ORCHESTRATE, timeout=LONGEST, concurrency=100)(orchestrate_processor)
app.function(TRENDS, timeout=LONGEST, concurrency=100)(trends_processor)

# One definition, twice: the machines differ in their processor only.
app.machine("keywords.asl.json", name="keyword-trend-orchestrate", substitutions={"Processor": ORCHESTRATE})
app.machine("keywords.asl.json", name="keyword-trend-trends", substitutions={"Processor": TRENDS})

app.machine_job(
    "orchestrate",
    "keyword-trend-orchestrate",
    input=OrchestrateRequest,
    output=KeywordsFound,
    ttl="7d",
    concurrency=100,
    shown=("s3_key", "query_id"),
)
app.machine_job(
    "trends",
    "keyword-trend-trends",
    input=TrendsRequest,
    output=TrendsFound,
    ttl="7d",
    concurrency=100,
    shown=("s3_key", "query_id"),
)

app.job_route("/orchestrate", job="orchestrate", required=("industry", "usp"))
app.job_route("/trends", job="trends", required=("industry", "keywords"))
