"""Endpoints of creatives: what was made, and the review."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.models import ApiKey
from accounts.permissions import REVIEWING_ROLES
from accounts.tenant_api import TenantApi
from adplatform.lib.errors import DomainError
from adplatform.lib.media import media_url
from generation import copy_edits, review
from generation.creative_selectors import creative_get, creative_list
from generation.models import Creative, ReviewRecord
from generation.review_selectors import review_records


class CreativeOutput(serializers.ModelSerializer[Creative]):
    """A creative; ``image_url`` is a link that lives a day or two."""

    image_url = serializers.SerializerMethodField()
    job_id = serializers.UUIDField(read_only=True)
    reject_reason = serializers.ChoiceField(
        choices=Creative.RejectReason.choices, allow_blank=True, read_only=True
    )
    reviewed_by = serializers.CharField(
        source="reviewed_by.username", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = Creative
        fields = [
            "id",
            "job_id",
            "width",
            "height",
            "image_url",
            "sha256",
            "byte_count",
            "version",
            "headline",
            "call_to_action",
            "price_text",
            "alt_text",
            "inspection",
            "status",
            "reject_reason",
            "reviewed_by",
            "reviewed_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_image_url(self, creative: Creative) -> str:
        return media_url(creative.file)


class ReviewRecordOutput(serializers.ModelSerializer[ReviewRecord]):
    """One line of the trail. ``sha256`` names the bytes it is about."""

    creative_id = serializers.UUIDField(read_only=True)
    reason = serializers.ChoiceField(choices=Creative.RejectReason.choices, allow_blank=True, read_only=True)

    class Meta:
        model = ReviewRecord
        fields = [
            "id",
            "creative_id",
            "action",
            "reviewer_name",
            "from_status",
            "to_status",
            "reason",
            "comment",
            "sha256",
            "created_at",
        ]
        read_only_fields = fields


class ApproveInput(serializers.Serializer[Any]):
    """``sha256``: the bytes that were looked at; a creative that changed since is then refused."""

    comment = serializers.CharField(
        max_length=review.COMMENT_LENGTH, required=False, default="", allow_blank=True
    )
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, default="")


class CommentInput(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=review.COMMENT_LENGTH)


class CopyInput(serializers.Serializer[Any]):
    """The words of all sizes of the brief."""

    headline = serializers.CharField(max_length=copy_edits.HEADLINE_LENGTH)
    call_to_action = serializers.CharField(max_length=copy_edits.CALL_TO_ACTION_LENGTH)


class RejectInput(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=Creative.RejectReason.choices)
    comment = serializers.CharField(
        max_length=review.COMMENT_LENGTH, required=False, default="", allow_blank=True
    )


class WithdrawInput(serializers.Serializer[Any]):
    comment = serializers.CharField(
        max_length=review.COMMENT_LENGTH, required=False, default="", allow_blank=True
    )


class VerifyInput(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="A WebP, PNG, JPEG or AVIF picture of at most 20 MB.")


class VerifyC2paOutput(serializers.Serializer[Any]):
    """``ours``: valid and signed here; ``foreign``: valid, signed by somebody else."""

    state = serializers.ChoiceField(choices=["ours", "foreign", "invalid", "absent"])
    codes = serializers.ListField(
        child=serializers.CharField(), help_text="C2PA's own validation codes, where something is wrong."
    )


class VerifyOutput(serializers.Serializer[Any]):
    """``untouched``: ours, as it was made. ``remarked``: every pixel as it was made, the marking taken off
    or changed. ``altered``: speaks of one of your creatives and is not as it was made. ``unknown``: nothing
    in it speaks of us."""

    verdict = serializers.ChoiceField(choices=["untouched", "remarked", "altered", "unknown"])
    creative_id = serializers.UUIDField(allow_null=True, help_text="When it is one of yours.")
    job_id = serializers.UUIDField(allow_null=True)
    sha256 = serializers.CharField(help_text="Of the bytes that were sent.")
    is_stored_file = serializers.BooleanField(help_text="They equal the stored creative's.")
    c2pa = VerifyC2paOutput()
    seal = serializers.ChoiceField(choices=["intact", "broken", "absent"])
    watermark = serializers.CharField(allow_blank=True, help_text="The id in the pixels, if it is yours.")
    content_id = serializers.CharField(allow_blank=True, help_text="What the file calls itself.")
    ai_label = serializers.CharField(allow_blank=True, help_text='"1": generated; blank: no label in it.')


class _CreativesApi(TenantApi):
    serializer_class: Any = CreativeOutput
    roles = REVIEWING_ROLES
    queryset = Creative.objects.none()  # for the schema only

    def answer(self, creative: Creative) -> Response:
        return Response(CreativeOutput(creative).data)


class CreativeListApi(_CreativesApi):
    """What was made."""

    @extend_schema(
        operation_id="list_creatives",
        summary="List creatives",
        tags=["creatives"],
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=Creative.Status.values),
            OpenApiParameter("size", OpenApiTypes.STR, description="Such as 300x250."),
            OpenApiParameter("job", OpenApiTypes.UUID, description="The render job it came from."),
        ],
        responses=CreativeOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted, size = request.query_params.get("status", ""), request.query_params.get("size", "")
        if wanted and wanted not in Creative.Status.values:
            raise DomainError("status_unknown", f"There is no status {wanted!r}.")
        try:
            job_id = UUID(request.query_params["job"]) if request.query_params.get("job") else None
        except ValueError:
            raise DomainError("invalid", "job must be a UUID.") from None
        rows = creative_list(advertiser_id=self.advertiser.pk, status=wanted, size=size, job_id=job_id)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(CreativeOutput(page, many=True).data)


class CreativeApi(_CreativesApi):
    """One creative."""

    @extend_schema(
        operation_id="get_creative", summary="Read a creative", tags=["creatives"], responses=CreativeOutput
    )
    def get(self, request: Request, creative_id: UUID) -> Response:
        return self.answer(creative_get(advertiser_id=self.advertiser.pk, creative_id=creative_id))


class CreativeApproveApi(_CreativesApi):
    """Approval is a person's: a key is refused with ``person_required``."""

    @extend_schema(
        operation_id="approve_creative",
        summary="Approve a creative for serving",
        description="Needs a signed-in reviewer; an API key is refused with `person_required`.",
        tags=["creatives"],
        request=ApproveInput,
        responses=CreativeOutput,
    )
    @idempotent
    def post(self, request: Request, creative_id: UUID) -> Response:
        if self.person is None:
            raise DomainError(
                "person_required", "A person approves creatives; an API key cannot.", status=403
            )
        given = self.checked(ApproveInput)
        return self.answer(
            review.creative_approve(
                advertiser=self.advertiser, creative_id=creative_id, reviewer=self.person, **given
            )
        )


class CreativeRejectApi(_CreativesApi):
    """Rejection, with a reason."""

    @extend_schema(
        operation_id="reject_creative",
        summary="Reject a creative",
        tags=["creatives"],
        request=RejectInput,
        responses=CreativeOutput,
    )
    @idempotent
    def post(self, request: Request, creative_id: UUID) -> Response:
        return self.answer(
            review.creative_reject(
                advertiser=self.advertiser,
                creative_id=creative_id,
                reviewer=self.person,
                **self.checked(RejectInput),
            )
        )


class CreativeWithdrawApi(_CreativesApi):
    """Stops the serving of an approved creative."""

    @extend_schema(
        operation_id="withdraw_creative",
        summary="Stop showing a creative",
        tags=["creatives"],
        request=WithdrawInput,
        responses=CreativeOutput,
    )
    @idempotent
    def post(self, request: Request, creative_id: UUID) -> Response:
        return self.answer(
            review.creative_withdraw(
                advertiser=self.advertiser,
                creative_id=creative_id,
                reviewer=self.person,
                **self.checked(WithdrawInput),
            )
        )


class CreativeVerifyApi(_CreativesApi):
    """The detector."""

    serializer_class = VerifyOutput
    parser_classes = [MultiPartParser]
    scopes = {"POST": ApiKey.Scope.READ}  # writes nothing

    @extend_schema(
        operation_id="verify_creative_file",
        summary="Ask whether a file is ours and untouched",
        description="Looks at the stored hash, the C2PA signature, the sealed AI marking and the pixels. "
        "Refused with 413 `file_too_large`, or 422 `not_a_picture`, `picture_too_large`, "
        "`picture_animated`, `picture_broken`.",
        tags=["creatives"],
        request={"multipart/form-data": VerifyInput},
        responses=VerifyOutput,
    )
    def post(self, request: Request) -> Response:
        # The signing library: imported here, so that no other request pays for it.
        from generation.verification import MAX_BYTES, file_verify

        uploaded = self.checked(VerifyInput)["file"]
        found = file_verify(advertiser_id=self.advertiser.pk, content=uploaded.read(MAX_BYTES + 1))
        creative = found.creative
        return Response(
            {
                "verdict": found.verdict,
                "creative_id": creative.pk if creative else None,
                "job_id": creative.job_id if creative else None,
                "sha256": found.sha256,
                "is_stored_file": found.is_stored_file,
                "c2pa": {"state": found.manifest.state, "codes": list(found.manifest.codes)},
                "seal": found.seal,
                "watermark": found.watermark,
                "content_id": found.content_id,
                "ai_label": found.ai_label,
            }
        )


class CreativeRecordListApi(_CreativesApi):
    """The trail of a creative, newest first."""

    serializer_class = ReviewRecordOutput

    @extend_schema(
        operation_id="list_creative_records",
        summary="Read who did what to a creative, and when",
        tags=["creatives"],
        responses=ReviewRecordOutput(many=True),
    )
    def get(self, request: Request, creative_id: UUID) -> Response:
        creative = creative_get(advertiser_id=self.advertiser.pk, creative_id=creative_id)
        rows = review_records(advertiser_id=self.advertiser.pk, job_id=creative.job_id)
        page = self.paginate_queryset(rows.filter(creative=creative))
        return self.get_paginated_response(ReviewRecordOutput(page, many=True).data)


class CreativeCommentApi(_CreativesApi):
    """A word about a creative that decides nothing."""

    serializer_class = ReviewRecordOutput

    @extend_schema(
        operation_id="comment_creative",
        summary="Comment on a creative",
        tags=["creatives"],
        request=CommentInput,
        responses={201: ReviewRecordOutput},
    )
    @idempotent
    def post(self, request: Request, creative_id: UUID) -> Response:
        record = review.creative_comment(
            advertiser=self.advertiser,
            creative_id=creative_id,
            reviewer=self.person,
            **self.checked(CommentInput),
        )
        return Response(ReviewRecordOutput(record).data, status=status.HTTP_201_CREATED)


class RenderJobCopyApi(_CreativesApi):
    """New words on the creatives of a render job."""

    @extend_schema(
        operation_id="edit_copy",
        summary="Change headline and call to action of all sizes",
        description="Composed anew from the stored picture. Each size becomes its next version and goes back "
        "into review, approved ones too.",
        tags=["creatives"],
        request=CopyInput,
        responses=CreativeOutput(many=True),
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        made = copy_edits.copy_edit(
            advertiser=self.advertiser, job_id=job_id, editor=self.person, **self.checked(CopyInput)
        )
        return Response(CreativeOutput(made, many=True).data)
