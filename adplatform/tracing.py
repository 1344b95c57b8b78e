"""Traces by OpenTelemetry: requests, background tasks and, through ``adplatform.lib.tracing``, renders.

Imported only where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set. The SDK reads its other settings (headers,
sampler, service name, ...) from the environment by their standard names.

The spans are our own, and few: the instrumentation packages write down whole addresses, query strings,
callers and errors' texts, which here hold shoppers' keys and signed tokens.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from contextvars import Token
from multiprocessing import util
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun, worker_process_shutdown
from django.http import HttpRequest, HttpResponse
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adplatform.lib.tracing import tracer_set

NAME = "adplatform"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
END_MS = 2000  # a collector that is away holds up nobody's end for longer

_carrier = TraceContextTextMapPropagator()
_tracer: trace.Tracer = trace.NoOpTracer()
_running: dict[str, tuple[trace.Span, Token[context.Context]]] = {}  # tasks of this process by their id


def tracing_start(processor: SpanProcessor | None = None) -> TracerProvider:
    """Record from now on, into ``processor`` or to the collector that the environment names."""
    global _tracer
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", NAME)})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor or _Batches(OTLPSpanExporter()))
    _tracer = provider.get_tracer(NAME)
    tracer_set(_tracer)
    before_task_publish.connect(_on_publish)
    task_prerun.connect(_on_start)
    task_postrun.connect(_on_end)

    def end(**kwargs: Any) -> None:
        provider.shutdown()

    # Workers of a process pool end without atexit, others without the pool's finalizers.
    atexit.register(end)
    util.Finalize(None, end, exitpriority=10)
    worker_process_shutdown.connect(end, weak=False)
    return provider


def tracing_stop() -> None:
    """Record nothing from now on."""
    global _tracer
    _tracer = trace.NoOpTracer()
    tracer_set(None)
    for signal, receiver in (
        (before_task_publish, _on_publish), (task_prerun, _on_start), (task_postrun, _on_end),
    ):  # fmt: skip
        signal.disconnect(receiver)


class _Batches(BatchSpanProcessor):
    """Sends every five seconds from a thread of its own, and what is left when the process ends."""

    def shutdown(self) -> None:
        # The SDK's own waits 30 s for a collector that is away, and its force_flush for as long as it takes.
        self._batch_processor.shutdown(END_MS)


class TraceMiddleware:
    """One span a request, after the route and never after the address; it goes on from the proxy's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = request.method if request.method in METHODS else "_OTHER"
        sent = {"traceparent": request.META.get("HTTP_TRACEPARENT", "")}
        with _tracer.start_as_current_span(
            method, context=_carrier.extract(sent), kind=SpanKind.SERVER, record_exception=False
        ) as span:
            response = self.get_response(request)
            if span.is_recording():
                match = request.resolver_match
                route = f"/{match.route}" if match is not None else "no route"
                span.update_name(f"{method} {route}")
                span.set_attributes(
                    {
                        "http.request.method": method,
                        "http.route": route,
                        "http.response.status_code": response.status_code,
                        "request.id": request.request_id,  # type: ignore[attr-defined]
                    }
                )
                if response.status_code >= 500:
                    span.set_status(StatusCode.ERROR)
        return response


def _on_publish(headers: dict[str, Any], **kwargs: Any) -> None:
    """What a request queues goes on in its trace. What a task queues does not: wake-ups that wake the next
    would be one trace without an end."""
    if not _running:
        _carrier.inject(headers)


def _on_start(task_id: str, task: Any, **kwargs: Any) -> None:
    sent = {"traceparent": task.request.get("traceparent") or ""}
    span = _tracer.start_span(
        task.name,
        context=_carrier.extract(sent),
        kind=SpanKind.CONSUMER,
        attributes={"messaging.system": "celery", "messaging.message.id": task_id},
    )
    _running[task_id] = (span, context.attach(trace.set_span_in_context(span)))


def _on_end(task_id: str, state: str | None = None, retval: Any = None, **kwargs: Any) -> None:
    span, token = _running.pop(task_id, (None, None))
    if span is None or token is None:
        return
    if isinstance(retval, BaseException):
        span.set_status(StatusCode.ERROR, type(retval).__name__)
    context.detach(token)
    span.end()
