"""Pages of generation."""

from django.urls import URLPattern, URLResolver, path

from generation import (
    batch_views,
    brand_views,
    creative_views,
    draft_views,
    job_views,
    passport_views,
    review_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("brand/", brand_views.brand_kit, name="brand-kit"),
    path("brand/preview", brand_views.brand_preview, name="brand-preview"),
    path("brand/preview.webp", brand_views.brand_preview_picture, name="brand-preview-picture"),
    path("templates/", brand_views.template_list, name="template-list"),
    path("render-jobs/", job_views.job_list, name="render-job-list"),
    path("render-jobs/live", job_views.job_list_live, name="render-job-list-live"),
    path("render-jobs/retry", job_views.failures_retry, name="render-failures-retry"),
    path("render-batches/", batch_views.batch_list, name="render-batch-list"),
    path("render-batches/<uuid:batch_id>/", batch_views.batch_detail, name="render-batch-detail"),
    path("render-batches/<uuid:batch_id>/live", batch_views.batch_live, name="render-batch-live"),
    path("render-batches/<uuid:batch_id>/<slug:verb>", batch_views.batch_move, name="render-batch-move"),
    path("render-jobs/<uuid:job_id>/", job_views.job_detail, name="render-job-detail"),
    path("render-jobs/<uuid:job_id>/live", job_views.job_detail_live, name="render-job-live"),
    path("render-jobs/<uuid:job_id>/first", job_views.job_first, name="render-job-first"),
    path("render-jobs/<uuid:job_id>/cancel", job_views.job_cancel, name="render-job-cancel"),
    path("render-jobs/<uuid:job_id>/retry", job_views.job_retry, name="render-job-retry"),
    path("drafts/<uuid:draft_id>/live", draft_views.draft_live, name="draft-live"),
    path("creatives/", creative_views.creative_list, name="creative-list"),
    path("creatives/decide", review_views.creatives_decide, name="creatives-decide"),
    path("creatives/review", review_views.creative_review, name="creative-review"),
    path("creatives/review/grid", review_views.creative_review_grid, name="creative-review-grid"),
    path("creatives/review/<uuid:job_id>", review_views.creative_review, name="creative-review-job"),
    path(
        "creatives/review/<uuid:job_id>/decide",
        review_views.creative_review_decide,
        name="creative-review-decide",
    ),
    path(
        "creatives/review/<uuid:job_id>/edit", review_views.creative_review_edit, name="creative-review-edit"
    ),
    path("creatives/<uuid:creative_id>/passport", passport_views.passport, name="creative-passport"),
    path("creatives/<uuid:creative_id>/check", passport_views.passport_check, name="creative-check"),
    path(
        "creatives/<uuid:creative_id>/check-result",
        passport_views.passport_check_live,
        name="creative-check-live",
    ),
    path("creatives/<uuid:creative_id>/comment", review_views.creative_comment, name="creative-comment"),
    path("creatives/<uuid:creative_id>", creative_views.creative_detail, name="creative-detail"),
    path("creatives/<uuid:creative_id>/<slug:verb>", creative_views.creative_move, name="creative-move"),
]
