from __future__ import annotations

import pytest

from analytics.models import DailyRollup, Event, HourlyInvalid
from tests import factories
from tests.analytics.test_reports import World


@pytest.mark.parametrize("model", [Event, DailyRollup, HourlyInvalid])
def test_raw_records_are_looked_at_and_never_changed(client, shop, model):
    World(shop)
    name, ids = model._meta.model_name, list(model.objects.values_list("pk", flat=True))
    client.force_login(factories.make_user("root", is_staff=True, is_superuser=True))
    assert client.get(f"/admin/analytics/{name}/").status_code == 200
    assert client.get(f"/admin/analytics/{name}/add/").status_code == 403
    delete = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    client.post(f"/admin/analytics/{name}/", delete)
    assert client.post(f"/admin/analytics/{name}/{ids[0]}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/analytics/{name}/{ids[0]}/change/", {}).status_code == 403
    assert model.objects.count() == len(ids) > 0


def test_the_beat_finds_the_task():
    from adplatform.celery import app

    app.loader.import_default_modules()
    assert app.conf.beat_schedule["rollups_refresh"]["task"] in app.tasks
