"""API routes of campaigns."""

from django.urls import URLPattern, URLResolver, path

from campaigns import api, catalog_urls, challenger_api, serving_urls, takes_api

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns", api.CampaignListApi.as_view(), name="api-campaign-list"),
    path("campaigns/<uuid:campaign_id>", api.CampaignApi.as_view(), name="api-campaign"),
    path("campaigns/<uuid:campaign_id>/plan", api.CampaignPlanApi.as_view(), name="api-campaign-plan"),
    path(
        "campaigns/<uuid:campaign_id>/generate",
        api.CampaignGenerateApi.as_view(),
        name="api-campaign-generate",
    ),
    path("campaigns/<uuid:campaign_id>/launch", api.CampaignLaunchApi.as_view(), name="api-campaign-launch"),
    path("campaigns/<uuid:campaign_id>/pause", api.CampaignPauseApi.as_view(), name="api-campaign-pause"),
    path("campaigns/<uuid:campaign_id>/end", api.CampaignEndApi.as_view(), name="api-campaign-end"),
    path(
        "campaigns/<uuid:campaign_id>/weights", api.CampaignWeightsApi.as_view(), name="api-campaign-weights"
    ),
    path(
        "campaigns/<uuid:campaign_id>/challengers",
        challenger_api.ChallengerListApi.as_view(),
        name="api-challenger-list",
    ),
    path(
        "campaigns/<uuid:campaign_id>/challengers/<uuid:variant_id>",
        challenger_api.ChallengerApi.as_view(),
        name="api-challenger",
    ),
    path("render-jobs/<uuid:job_id>/takes", takes_api.PictureTakeApi.as_view(), name="api-picture-take"),
    path("placements", api.PlacementListApi.as_view(), name="api-placement-list"),
    path("placements/<uuid:placement_id>", api.PlacementApi.as_view(), name="api-placement"),
]
urlpatterns += serving_urls.api_urlpatterns
urlpatterns += catalog_urls.api_urlpatterns
