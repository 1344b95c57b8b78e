"""Raw records of accounts for the installation's own staff."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.forms import AuthenticationForm

from accounts.models import Advertiser, ApiKey, Membership, User
from accounts.two_step import app_of


class AdminPasswordForm(AuthenticationForm):
    """The admin's own sign-in knows no second step, so who has one comes through the product's."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super().confirm_login_allowed(user)
        if isinstance(user, User) and app_of(user) is not None:
            raise ValidationError("This person signs in with two steps: use /login/ first.", code="two_step")


admin.site.login_form = AdminPasswordForm
# They would show the staff everybody's secrets.
admin.site.unregister([TOTPDevice, StaticDevice])


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    pass


@admin.register(Advertiser)
class AdvertiserAdmin(ModelAdmin):
    list_display = ["name", "slug", "market", "currency", "created_at"]
    search_fields = ["name", "slug"]


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    list_display = ["user", "advertiser", "role"]
    list_filter = ["advertiser", "role"]


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ["name", "advertiser", "kind", "prefix", "last_used_at", "revoked_at"]
    list_filter = ["advertiser", "kind"]
    readonly_fields = ["digest", "prefix", "last_used_at", "created_by"]
