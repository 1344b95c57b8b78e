"""Another take of a picture over the API: a new seed, a new picture, a new review."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from campaigns.variant_services import picture_take_next
from generation.api import RenderJobOutput


class PictureTakeApi(TenantApi):
    """Another take for every variant that shows a picture."""

    serializer_class = RenderJobOutput

    @extend_schema(
        operation_id="take_picture_again",
        summary="Ask for another take of a picture; asking twice asks once",
        description="The render jobs of the next take, one for each brief that shows this picture. Its "
        "creatives leave the review. A second call about the same picture answers with the same jobs; the "
        "take after next is asked for by naming one of those. 409 `not_shown` where no campaign that runs or "
        "may run ever showed it.",
        request=None,
        responses={202: RenderJobOutput(many=True)},
        tags=["render jobs"],
    )
    @idempotent
    def post(self, request: Request, job_id: UUID) -> Response:
        takes = picture_take_next(advertiser=self.advertiser, job_id=job_id, requested_by=self.person)
        return Response(RenderJobOutput(takes, many=True).data, status=status.HTTP_202_ACCEPTED)
