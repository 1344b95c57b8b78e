"""``manage.py serve``: the web servers and the worker, supervised, until Ctrl-C."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from adplatform.supervisor import (
    Child,
    StartProblem,
    Supervisor,
    check_disk,
    check_model,
    check_port,
    drain_child,
    web_children,
    worker_children,
)


class Command(BaseCommand):
    help = "Run the web servers and the background worker until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--web-workers", type=int, default=2, help="Processes that decide and count.")
        parser.add_argument("--page-workers", type=int, default=1, help="Processes that render pages.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        try:
            self.prepare(host, port)
            supervisor = Supervisor(
                self.children(host, port, options["web_workers"], options["page_workers"])
            )
            supervisor.run(
                lambda: self.on_ready(f"http://{host}:{port}"), health_url=f"http://{host}:{port}/healthz"
            )
        except StartProblem as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write("Stopped.")

    def prepare(self, host: str, port: int) -> None:
        """Everything that must be right before a child starts. Raises StartProblem."""
        check_port(host, port)
        check_disk(settings.VAR_DIR)
        model = settings.GENERATION_DEFAULT_MODEL
        check_model(model, settings.GENERATION_MODELS.get(model, model))
        call_command("migrate", verbosity=0)
        if settings.PRODUCTION:
            call_command("collectstatic", interactive=False, verbosity=0)

    def children(self, host: str, port: int, web_workers: int, page_workers: int) -> list[Child]:
        """What runs."""
        children = [*web_children(host, port, web_workers, page_workers), *worker_children()]
        return [*children, drain_child()] if settings.EVENTS_BUFFER_URL else children

    def on_ready(self, url: str) -> None:
        """Called once, when the web server answers."""
        self.stdout.write(self.style.SUCCESS(f"Serving {url} (stop with Ctrl-C)"))
