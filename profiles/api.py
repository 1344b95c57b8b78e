"""The API of behaviours, consent, interests and shoppers. Segments stand in ``segments_api``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from accounts.models import ApiKey
from accounts.throttling import ApiKeyThrottle
from adplatform.lib.errors import DomainError
from profiles import services
from profiles.behaviours import BATCH_LIMIT, ItemRefused, behaviour_parse
from profiles.consent import Answer, takes_away
from profiles.selectors import consent_state_of, shopper_find
from profiles.serializers import (
    BehaviourBatchSerializer,
    ConsentInputSerializer,
    ConsentSerializer,
    InterestListSerializer,
    MapInputSerializer,
    MappingSerializer,
    RecordResultSerializer,
)
from profiles.snapshots import BehaviourInput, Rejection
from profiles.taxonomy import INTERESTS
from profiles.tcf import TcStringInvalid, purposes_of, tc_string_read, text_version_of
from profiles.text_mapping import Mapping, mapper_get

Scope = ApiKey.Scope
TAXONOMY = "IAB Tech Lab Audience Taxonomy 1.1"


def opted_out(request: Request) -> bool:
    """Global Privacy Control, sent by the shopper's browser: an objection that outweighs a stored consent."""
    return request.headers.get("Sec-GPC") == "1"


def is_proven(request: Request) -> bool:
    """Whether the shop itself speaks. A publishable key stands in its page, for anybody to copy."""
    return not (isinstance(request.auth, ApiKey) and request.auth.kind == ApiKey.Kind.PUBLISHABLE)


class BehaviourListApi(APIView):
    """What shoppers did. Publishable keys may send, nobody may read."""

    scopes = {"POST": Scope.TRACK}

    @extend_schema(
        operation_id="behaviours_record",
        tags=["profiles"],
        request=BehaviourBatchSerializer,
        responses={202: RecordResultSerializer},
    )
    def post(self, request: Request) -> Response:
        """Record up to 500 behaviours. Bad items are refused one by one; the others are kept."""
        items, default_key = _batch(request.data)
        now = timezone.now()
        parsed: list[BehaviourInput] = []
        rejected: list[Rejection] = []
        for index, item in enumerate(items):
            try:
                parsed.append(behaviour_parse(item, now=now, place=index, shopper_key=default_key))
            except ItemRefused as refused:
                rejected.append(Rejection(index, str(refused.code)))
        result = services.behaviours_record(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            items=parsed,
            now=now,
            opted_out=opted_out(request),
        )
        every = sorted([*rejected, *result.rejected], key=lambda rejection: rejection.index)
        return Response(
            {
                "accepted": result.accepted,
                "duplicates": result.duplicates,
                "rejected": [{"index": r.index, "code": r.code} for r in every],
            },
            status=status.HTTP_202_ACCEPTED,
        )


def _batch(data: Any) -> tuple[list[Any], Any]:
    """The items of a body and the key for those that name none. Raises DomainError."""
    items = data.get("behaviours") if isinstance(data, dict) else None
    if not isinstance(items, list) or not items:
        raise DomainError("batch_malformed", 'Send {"behaviours": [...]} with at least one item.')
    if len(items) > BATCH_LIMIT:
        raise DomainError("batch_too_large", f"A batch has at most {BATCH_LIMIT} items.", status=413)
    return items, data.get("shopper", "")


class ConsentThrottle(ApiKeyThrottle):
    """Answers are counted apart from everything else, and one that takes something away is never refused.

    Of an unknown shopper, or said once more, a no changes nothing and is held to the limit: it would write
    rows without an end for whoever copies the page's key.
    """

    scope = "consents"

    def allow_request(self, request: Request, view: Any) -> bool:
        return super().allow_request(request, view) or _takes_away(request)


def _takes_away(request: Request) -> bool:
    try:
        values = _answer_values(request)
    except (APIException, DomainError):
        return False
    said = {name: values.get(name) for name in ("personalisation", "purposes", "objection", "is_minor")}
    answer = Answer.of(**said, opted_out=opted_out(request))
    if not answer.is_no:
        return False
    shopper = shopper_find(
        advertiser_id=request.advertiser.pk,  # type: ignore[attr-defined]
        shopper_key=values["shopper_key"].strip(),
    )
    if shopper is None:
        return False
    most = shopper.purposes_most
    is_proof_new = is_proven(request) and (most is None or not answer.purposes >= set(most))
    return is_proof_new or takes_away(answer, consent_state_of(shopper))


class ConsentListApi(APIView):
    """The consent ledger, append-only."""

    throttle_classes = [ConsentThrottle]

    scopes = {"POST": Scope.TRACK}

    @extend_schema(
        operation_id="consent_record",
        tags=["profiles"],
        request=ConsentInputSerializer,
        responses={201: ConsentSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Record an answer. A withdrawal takes effect at once and forgets what was learnt.

        Whoever has the page's publishable key can send one for any shopper, so with it consent may be given
        and withdrawn, but an objection, a minor's flag or a withdrawal that came with a secret key is not
        lifted: 403 `consent_unproven`.

        `text_version` and `source` outlive the shopper's erasure, so they name nobody: 400
        `text_version_names_person`, `source_names_person`.
        """
        record = services.consent_record(
            advertiser=request.advertiser,  # type: ignore[attr-defined]
            opted_out=opted_out(request),
            is_proven=is_proven(request),
            **_answer_values(request),
        )
        return Response(ConsentSerializer(record).data, status=status.HTTP_201_CREATED)


def _answer_values(request: Request) -> dict[str, Any]:
    """A sent answer as ``consent_record`` takes it. Raises ValidationError and DomainError."""
    serializer = ConsentInputSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    values["shopper_key"], text = values.pop("shopper"), values.pop("tc_string", None)
    return values if text is None else values | _tc_string_values(text)


def _tc_string_values(text: str) -> dict[str, Any]:
    """What the string of a consent management platform grants. Raises DomainError."""
    if not settings.PROFILES_TCF_VENDOR_ID:
        raise DomainError("tcf_off", "TCF strings are read only with PROFILES_TCF_VENDOR_ID.")
    try:
        said = tc_string_read(text)
    except TcStringInvalid as error:
        raise DomainError("tc_string_invalid", f"This is no TCF v2 string. {error}") from None
    return {
        "purposes": purposes_of(said, settings.PROFILES_TCF_VENDOR_ID),
        "text_version": text_version_of(said),
    }


class InterestListApi(APIView):
    """The taxonomy."""

    @extend_schema(operation_id="interests_list", tags=["profiles"], responses={200: InterestListSerializer})
    def get(self, request: Request) -> Response:
        """Every interest a shopper can have, with the IAB id where one means the same."""
        return Response(
            InterestListSerializer({"taxonomy": TAXONOMY, "interests": list(INTERESTS.values())}).data
        )


class InterestMapApi(APIView):
    """Free text to interests, without storing anything."""

    scopes = {"POST": Scope.READ}

    @extend_schema(
        operation_id="interests_map",
        tags=["profiles"],
        request=MapInputSerializer,
        responses={200: MappingSerializer},
    )
    def post(self, request: Request) -> Response:
        """The interests of a text in English or Chinese, and the words that led to them."""
        serializer = MapInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        mapping = mapper_get().explain(serializer.validated_data["text"])
        return Response(MappingSerializer(mapping_values(mapping)).data)


def mapping_values(mapping: Mapping) -> dict[str, Any]:
    """A mapping in words."""
    return {
        "interests": [
            {
                "id": interest,
                "label_en": INTERESTS[interest].label_en,
                "label_zh": INTERESTS[interest].label_zh,
                "share_rate": share,
            }
            for interest, share in mapping.interests.items()
        ],
        "matches": mapping.matches,
        "is_sensitive": bool(mapping.sensitive),
    }
