"""The base of every endpoint that speaks for one advertiser: whose it is, who asks, what the body says."""

from __future__ import annotations

from typing import Any

from rest_framework import generics
from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request

from accounts.models import Advertiser, User


class Metadata(SimpleMetadata):
    """What OPTIONS answers, without the fields of each method: the OpenAPI schema has them, and for PUT
    Django REST framework would look for a row by a query set that these endpoints do not have."""

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}


class TenantApi(generics.GenericAPIView[Any]):
    """An endpoint that speaks for one advertiser."""

    filter_backends: list[Any] = []
    metadata_class = Metadata

    @property
    def advertiser(self) -> Advertiser:
        """Set by the authentication (a key's) or the middleware (a person's)."""
        return self.request._request.advertiser  # type: ignore[attr-defined]

    @property
    def person(self) -> User | None:
        """The signed-in person; None for an API key."""
        return self.request.user if isinstance(self.request.user, User) else None

    def checked(self, serializer: type[Any], *, partial: bool = False) -> dict[str, Any]:
        """The request's body as the serializer allows it."""
        given = serializer(data=self.request.data, partial=partial)
        given.is_valid(raise_exception=True)
        return given.validated_data
