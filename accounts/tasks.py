"""Background work of accounts."""

from celery import shared_task


@shared_task(ignore_result=True)
def webhooks_send() -> None:
    """At once after a change, and every few seconds for retries. Running twice at once is harmless."""
    from accounts.webhook_sending import webhooks_send as send  # brings requests: not for the web

    send()


@shared_task(ignore_result=True)
def accounts_purge() -> None:
    """Once an hour: what has been kept long enough."""
    from accounts.idempotency import idempotent_requests_purge
    from accounts.webhooks import webhook_deliveries_purge

    webhook_deliveries_purge()
    idempotent_requests_purge()
