"""Sign in and out, people, API keys, and the choice between advertisers."""

from django.contrib.auth.views import LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy

from accounts import invitation_views, two_step_views, views, webhook_views

urlpatterns = [
    path("login/", two_step_views.PasswordView.as_view(), name="login"),
    path("login/code/", two_step_views.login_code, name="login-code"),
    path("two-step/", two_step_views.two_step_page, name="two-step"),
    path("two-step/remove/", two_step_views.two_step_remove, name="two-step-remove"),
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
    path("advertiser/two-step/", two_step_views.advertiser_two_step, name="advertiser-two-step"),
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
    path("people/invite/", invitation_views.invitation_create, name="invitation-create"),
    path(
        "people/invitations/<uuid:invitation_id>/withdraw/",
        invitation_views.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path("join/<str:token>/", invitation_views.invitation, name="invitation"),
    path("people/<uuid:membership_id>/role/", views.member_role, name="member-role"),
    path("people/<uuid:membership_id>/remove/", views.member_remove, name="member-remove"),
]
