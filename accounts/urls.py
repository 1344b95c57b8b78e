"""Sign in and out, people, API keys, and the choice between advertisers."""

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy

from accounts import views, webhook_views

urlpatterns = [
    path(
        "login/",
        LoginView.as_view(template_name="accounts/login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path(
        "password/",
        PasswordChangeView.as_view(
            template_name="accounts/password_change.html", success_url=reverse_lazy("overview")
        ),
        name="password-change",
    ),
    path("advertiser/", views.advertiser_switch, name="advertiser-switch"),
    path("advertiser/clock/", views.advertiser_clock, name="advertiser-clock"),
    path("keys/", views.api_key_list, name="api-key-list"),
    path("keys/<uuid:key_id>/rotate/", views.api_key_rotate, name="api-key-rotate"),
    path("keys/<uuid:key_id>/revoke/", views.api_key_revoke, name="api-key-revoke"),
    path("webhooks/", webhook_views.webhook_list, name="webhook-list"),
    path("webhooks/<uuid:endpoint_id>/", webhook_views.webhook_detail, name="webhook-detail"),
    path("webhooks/<uuid:endpoint_id>/change/", webhook_views.webhook_change, name="webhook-change"),
    path(
        "webhooks/deliveries/<uuid:delivery_id>/redeliver/",
        webhook_views.webhook_redeliver,
        name="webhook-redeliver",
    ),
    path("people/", views.member_list, name="member-list"),
    path("people/<uuid:membership_id>/remove/", views.member_remove, name="member-remove"),
]
