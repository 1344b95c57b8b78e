"""Spans of what takes time, where traces are collected (``adplatform.tracing``); elsewhere nothing at all.

No library is imported here: without the setting a span is one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

Attributes = Mapping[str, str | int]
Note = Callable[[Attributes], None]

_tracer: Any = None  # an opentelemetry.trace.Tracer


def tracer_set(tracer: Any) -> None:
    """Record spans from now on; None: no more."""
    global _tracer
    _tracer = tracer


def span(name: str, attributes: Attributes | None = None) -> AbstractContextManager[Note]:
    """What runs inside is one span within the current one; call what it gives to add attributes.

    Names and attributes are ours: ids of jobs, counts, codes; never a shopper's data, a prompt, or an
    error's text, which may quote both.
    """
    return _OFF if _tracer is None else _recorded(name, attributes)


@contextmanager
def _recorded(name: str, attributes: Attributes | None) -> Iterator[Note]:
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current.set_attributes
        except BaseException as error:
            from opentelemetry.trace import StatusCode

            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def _ignore(attributes: Attributes) -> None:
    pass


_OFF: AbstractContextManager[Note] = nullcontext(_ignore)
