"""Background work of campaigns. A message only says "look": the rows are the queue."""

from __future__ import annotations

import time

from celery import shared_task

TURN_SECONDS = 60  # after it a message is dropped
# Until when, by the monotonic clock, this process has a next turn of its own waiting in the queue.
_turn_until = 0.0


@shared_task(name="campaigns.tasks.pictures_fetch", ignore_result=True, expires=TURN_SECONDS)
def pictures_fetch(*, is_turn: bool = False) -> None:
    """Fetch products' pictures from their web addresses for a few seconds; come back while some are due.

    Every import and every tick of the beat is a wake-up as well. Were each to come back, the queue would
    fill with copies of the same work: a process keeps one next turn (``is_turn``) at a time.
    """
    global _turn_until
    from campaigns.remote_working import pictures_fetch as fetch  # brings requests: not for the web

    if is_turn:
        _turn_until = 0.0
    if fetch() and time.monotonic() >= _turn_until:
        pictures_fetch.apply_async(kwargs={"is_turn": True}, retry=False)
        _turn_until = time.monotonic() + TURN_SECONDS
