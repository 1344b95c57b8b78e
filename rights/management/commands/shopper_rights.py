"""``manage.py shopper_rights``: a shopper's request, answered by the operator."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from rights.erasure import shopper_erase
from rights.export import shopper_export
from rights.models import Erasure


class Command(BaseCommand):
    help = (
        "Export or erase one shopper. The shop's key is read from standard input: it belongs in no history."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["export", "erase"])
        parser.add_argument("--advertiser", required=True, help="slug of the advertiser")

    def handle(self, *args: Any, **options: Any) -> None:
        advertiser = Advertiser.objects.filter(slug=options["advertiser"]).first()
        if advertiser is None:
            raise CommandError(f"There is no advertiser {options['advertiser']!r}.")
        key, now = sys.stdin.readline().rstrip("\r\n"), timezone.now()
        try:
            if options["action"] == "export":
                content = shopper_export(advertiser=advertiser, shopper_key=key, now=now)
                self.stdout.write(json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
                return
            erasure = shopper_erase(
                advertiser=advertiser, shopper_key=key, origin=Erasure.Origin.COMMAND, now=now
            )
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write(json.dumps(erasure.counts))
