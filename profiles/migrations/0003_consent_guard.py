"""The database itself refuses to change the consent ledger, whoever asks.

What is let through: an UPDATE that takes the shopper off a line and leaves a tombstone (erasure), and a DELETE of
such a reduced line (the end of its retention). SQLite rebuilds a table when a column is altered and drops its
triggers: a migration that alters this table has to end with ``guard_make``.
"""

from django.db import migrations
from django.db.models import F

KEPT = (
    "id", "advertiser_id", "created_at", "purposes", "personalisation", "objection", "is_minor",
    "was_opted_out", "text_version", "source",
)  # fmt: skip
MESSAGE = "the consent ledger is append-only"
TABLE = "profiles_consentrecord"

# A JSON column has no equality on PostgreSQL; as text it has.
SQLITE = [
    f"""CREATE TRIGGER consent_ledger_no_update BEFORE UPDATE ON {TABLE}
    WHEN NOT (OLD.shopper_id IS NOT NULL AND NEW.shopper_id IS NULL
      AND {" AND ".join(f"NEW.{name} IS OLD.{name}" for name in KEPT)})
    BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END""",
    f"""CREATE TRIGGER consent_ledger_no_delete BEFORE DELETE ON {TABLE} WHEN OLD.shopper_id IS NOT NULL
    BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END""",
]
POSTGRESQL = [
    f"""CREATE FUNCTION consent_ledger_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        IF OLD.shopper_id IS NULL THEN RETURN OLD; END IF;
      ELSIF OLD.shopper_id IS NOT NULL AND NEW.shopper_id IS NULL
        AND {" AND ".join(f"NEW.{name}::text IS NOT DISTINCT FROM OLD.{name}::text" for name in KEPT)} THEN
        RETURN NEW;
      END IF;
      RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    f"""CREATE TRIGGER consent_ledger_guard BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION consent_ledger_guard()""",
]
UNDO = {
    "sqlite": ["DROP TRIGGER consent_ledger_no_update", "DROP TRIGGER consent_ledger_no_delete"],
    "postgresql": [f"DROP TRIGGER consent_ledger_guard ON {TABLE}", "DROP FUNCTION consent_ledger_guard()"],
}


def purposes_fill(apps, schema_editor):
    """Consent meant all purposes until now: the pseudonym went into events as well."""
    apps.get_model("profiles", "ConsentRecord").objects.filter(personalisation=True).update(
        purposes=["ads_profile", "ads_selection", "measurement", "storage"]
    )
    apps.get_model("profiles", "Shopper").objects.update(measurement_allowed=F("personalisation_allowed"))


def guard_make(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement, params=None)


def guard_drop(apps, schema_editor):
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("profiles", "0002_consent_ledger")]
    operations = [
        migrations.RunPython(purposes_fill, migrations.RunPython.noop),
        migrations.RunPython(guard_make, guard_drop),
    ]
