"""``manage.py demo``: the demo shop, served on this machine, with simulated visits."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from adplatform.demo import shop
from adplatform.management.commands import serve
from adplatform.supervisor import Child


class Command(serve.Command):
    help = "Load the demo shop, start everything, and play simulated visits."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION or options["host"] not in {"127.0.0.1", "localhost", "::1"}:
            raise CommandError(
                "The demo has a well-known password, so it runs on this machine's own address only and "
                "never with PRODUCTION=true."
            )
        super().handle(*args, **options)

    def prepare(self, host: str, port: int) -> None:
        super().prepare(host, port)
        self.stdout.write("Preparing the demo shop")
        for line in shop.demo_shop_ensure(timezone.now(), f"http://{host}:{port}"):
            self.stdout.write(f"  {line}")

    def children(self, host: str, port: int, web_workers: int, page_workers: int) -> list[Child]:
        visits = Child(
            "demo visits",
            [sys.executable, "manage.py", "demo_visits", "--url", f"http://{host}:{port}"],
            stop_seconds=5,
            is_service=False,
        )
        children = [*super().children(host, port, web_workers, page_workers), visits]
        for child in children:
            child.environment["STOREFRONT_CONVERSIONS_FROM_PAGE"] = "true"
            # Made-up people need less hiding, and a demo that is weeks old has fewer who are newly seen.
            child.environment.setdefault("REPORTS_MIN_SHOPPERS", "10")
            child.environment.setdefault("DIVIDEND_TUNED_SHOPPERS", "300")  # about so many take part
            child.environment.setdefault("PROFILES_SEGMENT_MIN_SHOPPERS", "20")
        return children

    def on_ready(self, url: str) -> None:
        self.stdout.write(
            self.style.SUCCESS(
                f"\n  Dashboard   {url}\n"
                f"  Sign in     {shop.LOGIN} / {shop.PASSWORD}\n"
                f"  Storefront  {url}/storefront/{shop.SLUG}/\n"
                f"  API         {url}/api/v1/docs\n\n"
                "  Creatives appear while you look. Stop with Ctrl-C.\n"
            )
        )
