"""`GET /metrics`: what the server has done and is doing, for Prometheus.

Rules that must stay true here:
- A metric is read where it is kept when it is asked for; nothing is kept twice.
- Labels are bounded: state machines, statuses, operations, event types; never executions or users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from stepwell import __version__
from stepwell.api.admission.gate import REASONS
from stepwell.api.context import ApiContext
from stepwell.api.request_counts import BOUNDS
from stepwell.store.protocol import StoreError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_PATIENCE = 2.0  # seconds that the store has to answer for the server to be ready


def metrics_routes(context: ApiContext) -> list[BaseRoute]:
    """`/metrics`, and `/ready`: whether the server can take requests now (`/health` only says that it runs)."""
    described = Metrics(context)
    return [Route("/metrics", described.answer, methods=["GET"]), Route("/ready", described.ready, methods=["GET"])]


class Metrics:
    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._usable = True

    async def answer(self, _: Request) -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, PlatformCollector, ProcessCollector
        from prometheus_client.exposition import generate_latest

        self._usable = await self._refusal() is None
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def ready(self, _: Request) -> Response:
        why = None
        if self._context.closing.is_set():
            why = "the server is shutting down"
        else:
            why = await self._refusal()
        if why is None:
            held_back = {"overloaded": True} if self._context.gate.load.is_too_high else {}
            return JSONResponse({"status": "ready", **held_back})
        return JSONResponse({"status": "not ready", "why": why}, 503)

    async def _refusal(self) -> str | None:
        """Why the store can be used for nothing now."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._context.store.next_timer(0)
                await self._context.store.check()
        except TimeoutError:
            return f"the store has not answered within {_PATIENCE:g} s"
        except StoreError as error:
            return str(error)
        return None

    def collect(self) -> Iterable[Metric]:
        """All metrics, as `prometheus_client` asks for them."""
        yield from self._executions()
        yield from self._engine()
        yield from self._requests()
        yield from self._load()

    def _executions(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily

        engine = self._context.engine.metrics
        started = CounterMetricFamily(
            "stepwell_executions_started", "Executions that have started.", labels=["state_machine"]
        )
        for machine, count in engine.started.items():
            started.add_metric([machine], count)
        yield started
        ended = CounterMetricFamily(
            "stepwell_executions_ended", "Executions that have ended.", labels=["state_machine", "status"]
        )
        for (machine, status), count in engine.ended.items():
            ended.add_metric([machine, status], count)
        yield ended

    def _engine(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        engine = self._context.engine.metrics
        yield InfoMetricFamily("stepwell", "The server.", {"version": __version__})
        yield CounterMetricFamily("stepwell_transitions", "States that were entered.", engine.transitions)
        events = CounterMetricFamily("stepwell_events", "Events of histories.", labels=["type"])
        for type_, count in engine.events.items():
            events.add_metric([type_], count)
        yield events
        yield CounterMetricFamily("stepwell_turns", "Turns that were computed.", engine.turns)
        yield CounterMetricFamily("stepwell_commits", "Groups of turns that were committed.", engine.commits)
        yield CounterMetricFamily("stepwell_committed_turns", "Turns in those groups.", engine.committed_turns)
        yield CounterMetricFamily("stepwell_commit_seconds", "Time that commits took.", engine.commit_seconds)
        refused = CounterMetricFamily("stepwell_commits_refused", "Groups that were not stored.", labels=["reason"])
        for reason, count in engine.refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield GaugeMetricFamily("stepwell_store_usable", "Whether commits are taken: 1 or 0.", self._usable)
        yield GaugeMetricFamily(
            "stepwell_tasks_in_flight", "Tasks that are being carried out.", self._context.engine.tasks_in_flight
        )
        stuck = GaugeMetricFamily("stepwell_stuck", "What a defect keeps from going on.", labels=["what"])
        for what, count in self._context.engine.stuck.items():
            stuck.add_metric([what], count)
        yield stuck

    def _requests(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        counts = self._context.requests
        answers = CounterMetricFamily(
            "stepwell_requests", "Requests of the AWS endpoint that were answered.", labels=["operation", "status"]
        )
        for (operation, status), count in counts.answers.items():
            answers.add_metric([operation, str(status)], count)
        yield answers
        seconds = HistogramMetricFamily(
            "stepwell_request_seconds", "Time from a request's head to its answer.", labels=["operation"]
        )
        for operation, latency in counts.latencies.items():
            below = [str(bound) for bound in BOUNDS] + ["+Inf"]
            buckets = list(zip(below, accumulate(latency.counts), strict=True))
            seconds.add_metric([operation], buckets, latency.seconds)
        yield seconds

    def _load(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        gate, engine = self._context.gate, self._context.engine
        refused = CounterMetricFamily("stepwell_requests_refused", "Requests that were not let in.", labels=["reason"])
        for reason in REASONS:
            refused.add_metric([reason], gate.refused[reason])
        yield refused
        under_way = GaugeMetricFamily("stepwell_requests_under_way", "Requests that have no answer.", labels=["kind"])
        under_way.add_metric(["working"], gate.working)
        under_way.add_metric(["waiting"], gate.waiting)
        yield under_way
        yield GaugeMetricFamily("stepwell_request_bytes", "What the bodies of requests under way take.", gate.bytes)
        delay = GaugeMetricFamily("stepwell_delay_seconds", "How long work waits for the server.", labels=["for"])
        delay.add_metric(["turn"], gate.load.loop_delay)
        delay.add_metric(["commit"], gate.load.commit_delay)
        yield delay
        yield GaugeMetricFamily("stepwell_admitted_rate", "New requests that are let in a second.", gate.load.rate)
        yield GaugeMetricFamily("stepwell_uncommitted_turns", "Turns that wait for a commit.", engine.committer.waiting)
        yield CounterMetricFamily(
            "stepwell_execution_throttled", "Times that an execution waited for AWS's pace.", engine.metrics.throttled
        )
