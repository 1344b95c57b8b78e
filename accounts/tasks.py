"""Background work of accounts."""

from celery import shared_task
from django.utils import timezone


# An attempt has its own limit; these end one that waits for a name's resolution. A wake-up that waited longer
# than the schedule's period is worth nothing any more: slow receivers may not fill the queue with them.
@shared_task(ignore_result=True, expires=10, soft_time_limit=60, time_limit=90)
def webhooks_send() -> None:
    """At once after a change, and every few seconds for retries. Running twice at once is harmless."""
    from accounts.webhook_sending import webhooks_send as send  # brings requests: not for the web

    send()


@shared_task(ignore_result=True)
def accounts_purge() -> None:
    """Once an hour: what has been kept long enough."""
    from django.contrib.sessions.backends.db import SessionStore

    from accounts.idempotency import idempotent_requests_purge
    from accounts.invitations import invitations_purge
    from accounts.webhooks import webhook_deliveries_purge

    webhook_deliveries_purge()
    idempotent_requests_purge()
    SessionStore.clear_expired()
    invitations_purge(now=timezone.now())
