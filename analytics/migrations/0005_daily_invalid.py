"""What was left out, by day as well: pages read days, and hours are many."""

from datetime import UTC
import adplatform.lib.ids
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Sum
from django.db.models.functions import TruncDate

KEY = ("advertiser_id", "campaign_id", "placement_id", "segment_id", "device", "is_simulated", "kind", "reason")


def fill(apps, schema_editor):
    HourlyInvalid = apps.get_model("analytics", "HourlyInvalid")
    DailyInvalid = apps.get_model("analytics", "DailyInvalid")
    hours = HourlyInvalid.objects.annotate(day=TruncDate("hour", tzinfo=UTC)).order_by().values("day", *KEY)
    DailyInvalid.objects.bulk_create(
        (DailyInvalid(**row) for row in hours.annotate(events=Sum("events")).iterator()), batch_size=1000
    )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_advertiser_time_zone'),
        ('analytics', '0004_campaign_baseline'),
    ]

    operations = [
        migrations.CreateModel(
            name='DailyInvalid',
            fields=[
                ('id', models.UUIDField(default=adplatform.lib.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('campaign_id', models.UUIDField(null=True)),
                ('placement_id', models.UUIDField(null=True)),
                ('segment_id', models.UUIDField(null=True)),
                ('device', models.CharField(blank=True, max_length=10)),
                ('is_simulated', models.BooleanField(default=False)),
                ('kind', models.CharField(choices=[('impression', 'Impression'), ('viewable', 'Viewable impression'), ('click', 'Click'), ('conversion', 'Conversion'), ('refund', 'Refund')], max_length=10)),
                ('reason', models.CharField(max_length=40)),
                ('events', models.PositiveIntegerField(default=0)),
                ('day', models.DateField()),
                ('advertiser', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.advertiser')),
            ],
            options={
                'indexes': [models.Index(fields=['advertiser', 'day'], name='daily_invalid_by_day')],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
