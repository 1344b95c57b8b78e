"""API keys: hashed, scoped, revocable."""

import pytest

from accounts.models import ApiKey
from accounts.services import api_key_create, api_key_revoke
from adplatform.lib.errors import NotFound
from tests import factories


def test_the_text_of_a_key_is_stored_nowhere(shop):
    key, text = api_key_create(advertiser=shop, name="site", kind=ApiKey.Kind.PUBLISHABLE)
    assert text.startswith("pk_")
    assert text not in str(ApiKey.objects.filter(pk=key.pk).values().get())


def test_a_revoked_key_is_refused_at_once(shop, api):
    key, _ = api_key_create(advertiser=shop, name="server", kind=ApiKey.Kind.SECRET)
    with pytest.raises(NotFound):
        api_key_revoke(advertiser=factories.make_advertiser(), key_id=str(key.pk))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None, "another advertiser cannot revoke it"
    api_key_revoke(advertiser=shop, key_id=str(key.pk))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
