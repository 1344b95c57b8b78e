"""An event's id is unique among those of its decision, an order's among the orders; on PostgreSQL events move
into partitions by the day of their decision.

What is there becomes the partition before all days: it is renamed and not copied, only orders and refunds
move. Written by hand: PostgreSQL goes its own way, and Django knows the outcome alone. The release before runs
on it, because it names no index and no partition.
"""

from datetime import UTC, datetime, time, timedelta

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.exceptions import IrreversibleError
from django.utils import timezone

from adplatform.lib.ids import uuid7_first
from analytics.event_partitions import partitions_ensure  # its SQL; it knows no models

KEPT = {
    "event_kind_once_per_decision": "UNIQUE INDEX {name} ON {table} (decision_id, kind) "
    "WHERE decision_id IS NOT NULL AND validity = 'valid'",
    "event_by_time": "INDEX {name} ON {table} (advertiser_id, occurred_at)",
    "event_by_shopper": "INDEX {name} ON {table} (advertiser_id, shopper_pseudonym, occurred_at)",
    "event_by_experiment": "INDEX {name} ON {table} (experiment_id, occurred_at) WHERE experiment_id IS NOT NULL",
}
NEW = {
    "event_once_per_decision": "UNIQUE INDEX {name} ON {table} (decision_id, event_id) "
    "WHERE decision_id IS NOT NULL",
}
UNDATED = {
    "event_once_undated": "UNIQUE INDEX {name} ON {table} (advertiser_id, event_id) WHERE decision_id IS NULL",
    "conversion_once_per_order": "UNIQUE INDEX {name} ON {table} (advertiser_id, order_id) "
    "WHERE kind = 'conversion' AND validity = 'valid'",
    "event_by_order": "INDEX {name} ON {table} (advertiser_id, order_id) WHERE NOT order_id = ''",
}
TABLE = "analytics_event"


def partition(apps, schema_editor):
    """The whole move, in one transaction; nobody reads or writes events meanwhile."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'analytics_event'::regclass AND contype = 'f'"
        )
        ((key, definition),) = cursor.fetchall()
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass "
            "AND indnatts = 1 AND NOT indisprimary",  # the foreign key's: event_by_time begins with it
            [TABLE],
        )
        dropped = [*(name for (name,) in cursor), "conversion_once_per_order", "event_by_order"]
        today = timezone.now().date()
        cursor.execute("SELECT EXISTS (SELECT FROM analytics_event WHERE decision_id IS NOT NULL)")
        # The rest of today's events stay with those before.
        first = today + timedelta(days=1) if cursor.fetchone()[0] else today
        bound = uuid7_first(datetime.combine(first, time.min, UTC))
        statements = [
            *(f"DROP INDEX {name}" for name in dropped),
            f"ALTER TABLE {TABLE} DROP CONSTRAINT event_once",
            *(f"ALTER INDEX {name} RENAME TO {name}_before" for name in KEPT),
            f"ALTER INDEX {TABLE}_pkey RENAME TO {TABLE}_before_pkey",
            f"ALTER TABLE {TABLE} RENAME TO {TABLE}_before",
            f"CREATE TABLE {TABLE} (LIKE {TABLE}_before INCLUDING DEFAULTS) PARTITION BY RANGE (decision_id)",
            f"ALTER TABLE {TABLE} ADD CONSTRAINT {key} {definition}",
            *("CREATE " + sql.format(name=name, table=TABLE) for name, sql in (KEPT | NEW).items()),
            f"CREATE TABLE {TABLE}_undated PARTITION OF {TABLE} DEFAULT",
            f"ALTER TABLE {TABLE}_undated ADD PRIMARY KEY (id)",
            # So that a new day's partition is made without a look at every order.
            f"ALTER TABLE {TABLE}_undated ADD CONSTRAINT event_undated CHECK (decision_id IS NULL)",
            *("CREATE " + sql.format(name=name, table=f"{TABLE}_undated") for name, sql in UNDATED.items()),
            f"CREATE TABLE {TABLE}_after PARTITION OF {TABLE} FOR VALUES FROM ('{bound}') TO (MAXVALUE)",
            f"ALTER TABLE {TABLE}_after ADD PRIMARY KEY (id)",
            f"WITH moved AS (DELETE FROM {TABLE}_before WHERE decision_id IS NULL OR decision_id >= '{bound}' "  # noqa: S608 # nosec B608
            f"RETURNING *) INSERT INTO {TABLE} SELECT * FROM moved",
            "SET CONSTRAINTS ALL IMMEDIATE",
            f"ALTER TABLE {TABLE} ATTACH PARTITION {TABLE}_before FOR VALUES FROM (MINVALUE) TO ('{bound}')",
        ]
        for statement in statements:
            cursor.execute(statement)
    partitions_ensure(today=today)


class ElsewhereThanOnPostgresql(migrations.SeparateDatabaseAndState):
    """The operations as Django does them; on PostgreSQL only noted."""

    def __init__(self, operations):
        super().__init__(database_operations=operations, state_operations=operations)

    def deconstruct(self):
        return (self.__class__.__name__, [self.state_operations], {})

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            raise IrreversibleError("Events in partitions: restore the backup.")
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0008_operator_counts"),
        ("analytics", "0017_fill_daily_creative_rollup"),
    ]

    operations = [
        migrations.RunPython(partition, migrations.RunPython.noop),
        ElsewhereThanOnPostgresql(
            [
                migrations.RemoveConstraint(model_name="event", name="event_once"),
                migrations.AlterField(
                    model_name="event",
                    name="advertiser",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.advertiser",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="event",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("decision_id__isnull", False)),
                        fields=("decision_id", "event_id"),
                        name="event_once_per_decision",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="event",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("decision_id__isnull", True)),
                        fields=("advertiser", "event_id"),
                        name="event_once_undated",
                    ),
                ),
            ]
        ),
    ]
