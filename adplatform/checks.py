"""What ``manage.py check --deploy`` refuses beside Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from generation.c2pa_credential import credential_get


@register(Tags.security, deploy=True)
def machines_share_check(**kwargs: Any) -> list[Error]:
    """A bucket means several machines; what each of them makes in its own VAR_DIR is not theirs together."""
    if not settings.S3_BUCKET:
        return []
    if not settings.C2PA_CERTIFICATES:
        return [
            Error(
                "With S3_BUCKET each machine makes a signing certificate of its own, gone with its disk.",
                hint="Make one with manage.py c2pa_credential and name it in C2PA_CERTIFICATES and "
                "C2PA_PRIVATE_KEY on every machine.",
                id="adplatform.E001",
            )
        ]
    try:
        credential_get()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="adplatform.E002")]
    return []
