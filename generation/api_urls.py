"""API routes of generation."""

from django.urls import URLPattern, URLResolver, path

from generation import api, batches_api, creatives_api

urlpatterns: list[URLPattern | URLResolver] = [
    path("render-jobs", api.RenderJobListApi.as_view(), name="api-render-jobs"),
    path("render-jobs/<uuid:job_id>", api.RenderJobApi.as_view(), name="api-render-job"),
    path("render-jobs/<uuid:job_id>/first", api.RenderJobFirstApi.as_view(), name="api-render-job-first"),
    path("render-jobs/<uuid:job_id>/cancel", api.RenderJobCancelApi.as_view(), name="api-render-job-cancel"),
    path("render-jobs/<uuid:job_id>/retry", api.RenderJobRetryApi.as_view(), name="api-render-job-retry"),
    path("render-jobs/<uuid:job_id>/check", api.RenderJobCheckApi.as_view(), name="api-render-job-check"),
    path("creatives", creatives_api.CreativeListApi.as_view(), name="api-creative-list"),
    path("creatives/verify", creatives_api.CreativeVerifyApi.as_view(), name="api-creative-verify"),
    path("creatives/<uuid:creative_id>", creatives_api.CreativeApi.as_view(), name="api-creative"),
    path(
        "creatives/<uuid:creative_id>/approve",
        creatives_api.CreativeApproveApi.as_view(),
        name="api-creative-approve",
    ),
    path(
        "creatives/<uuid:creative_id>/reject",
        creatives_api.CreativeRejectApi.as_view(),
        name="api-creative-reject",
    ),
    path(
        "creatives/<uuid:creative_id>/withdraw",
        creatives_api.CreativeWithdrawApi.as_view(),
        name="api-creative-withdraw",
    ),
    path(
        "creatives/<uuid:creative_id>/records",
        creatives_api.CreativeRecordListApi.as_view(),
        name="api-creative-records",
    ),
    path(
        "creatives/<uuid:creative_id>/comments",
        creatives_api.CreativeCommentApi.as_view(),
        name="api-creative-comment",
    ),
    path(
        "render-jobs/<uuid:job_id>/copy", creatives_api.RenderJobCopyApi.as_view(), name="api-render-job-copy"
    ),
    path("render-batches", batches_api.RenderBatchListApi.as_view(), name="api-render-batches"),
    path("render-batches/<uuid:batch_id>", batches_api.RenderBatchApi.as_view(), name="api-render-batch"),
    path(
        "render-batches/<uuid:batch_id>/pause",
        batches_api.RenderBatchPauseApi.as_view(),
        name="api-render-batch-pause",
    ),
    path(
        "render-batches/<uuid:batch_id>/resume",
        batches_api.RenderBatchResumeApi.as_view(),
        name="api-render-batch-resume",
    ),
    path(
        "render-batches/<uuid:batch_id>/cancel",
        batches_api.RenderBatchCancelApi.as_view(),
        name="api-render-batch-cancel",
    ),
    path(
        "render-batches/<uuid:batch_id>/priority",
        batches_api.RenderBatchPriorityApi.as_view(),
        name="api-render-batch-priority",
    ),
    path(
        "render-batches/<uuid:batch_id>/retry",
        batches_api.RenderBatchRetryApi.as_view(),
        name="api-render-batch-retry",
    ),
]
