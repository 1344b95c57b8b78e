from django.db import migrations, models


def mark_demo_shop(apps, schema_editor):
    """The demo shop of ``manage.py demo``, made before there was a mark."""
    apps.get_model("accounts", "Advertiser").objects.filter(slug="pinelight").update(counts_simulated=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_invitation")]

    operations = [
        migrations.AddField(
            model_name="advertiser",
            name="counts_simulated",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunPython(mark_demo_shop, migrations.RunPython.noop),
    ]
