"""Days were counted without their hours until now: every hour with an event is to be counted once."""

from datetime import UTC

from django.db import migrations
from django.db.models.functions import TruncHour


def mark(apps, schema_editor):
    Event = apps.get_model("analytics", "Event")
    DirtyHour = apps.get_model("analytics", "DirtyHour")
    hours = (
        Event.objects.annotate(hour=TruncHour("occurred_at", tzinfo=UTC))
        .order_by()
        .values_list("advertiser_id", "hour")
        .distinct()
    )
    DirtyHour.objects.bulk_create(DirtyHour(advertiser_id=pk, hour=hour) for pk, hour in hours)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0002_hourly_rollups")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
