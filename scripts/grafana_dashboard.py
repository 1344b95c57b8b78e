#!/usr/bin/env python3
"""Writes deploy/grafana/adplatform.json, the dashboard that Grafana imports.

    .venv/bin/python scripts/grafana_dashboard.py

Panels are listed here, a line each, because the JSON that Grafana wants is nobody's to read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "adplatform.json"
# (row, [(title, unit, [(expression, legend), ...]), ...])
ROWS: list[tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]] = [
    (
        "Rendering",
        [
            ("Jobs by state", "short", [("adplatform_render_jobs", "{{status}}")]),
            ("Due now", "short", [("adplatform_render_jobs_due", "due")]),
            ("Wait of the first in line", "s", [("adplatform_render_oldest_due_seconds", "wait")]),
            ("Leases nobody took back", "short", [("adplatform_render_leases_expired", "leases")]),
            (
                "Tries a minute",
                "short",
                [
                    (
                        "sum by (outcome, code) (rate(adplatform_render_attempts_total[5m])) * 60",
                        "{{outcome}} {{code}}",
                    )
                ],
            ),
            ("Claim to commit", "s", [("adplatform_render_seconds", "{{quantile}}")]),
            ("Median step of the sampler", "s", [("adplatform_render_step_seconds", "{{model}}")]),
        ],
    ),
    (
        "Counting",
        [
            ("Lag of the figures", "s", [("adplatform_rollup_lag_seconds", "lag")]),
            (
                "Hours not in the figures",
                "short",
                [
                    ("adplatform_rollup_pending_hours", "hours"),
                    ("adplatform_rollup_failing_hours", "failing"),
                ],
            ),
            (
                "Counted events a minute",
                "short",
                [("deriv(adplatform_events_today[5m]) * 60 >= 0", "{{kind}}")],
            ),
            (
                "Kept and not counted today",
                "short",
                [("adplatform_events_not_counted_today", "{{kind}} {{reason}}")],
            ),
        ],
    ),
    (
        "Serving",
        [
            (
                "Decisions a minute",
                "short",
                [("deriv(adplatform_decisions_today[5m]) * 60 >= 0", "{{outcome}} {{reason}}")],
            ),
            (
                "Placements that stayed empty",
                "percentunit",
                [
                    (
                        'sum(adplatform_decisions_today{outcome="none"}) / sum(adplatform_decisions_today)',
                        "share of today's decisions",
                    )
                ],
            ),
            (
                "Refused a minute",
                "short",
                [("rate(adplatform_refused_total[5m]) * 60", "{{route}} {{code}}")],
            ),
        ],
    ),
    (
        "Beside",
        [
            ("Batches in the buffer", "short", [("adplatform_events_buffer_batches", "{{state}}")]),
            ("Erasures under way", "short", [("adplatform_erasures_unsettled", "erasures")]),
            ("Oldest erasure under way", "s", [("adplatform_erasure_oldest_unsettled_seconds", "age")]),
            ("Webhook deliveries", "short", [("adplatform_webhook_deliveries", "{{status}}")]),
            ("Oldest webhook due", "s", [("adplatform_webhook_oldest_due_seconds", "wait")]),
            ("Pictures from the web", "short", [("adplatform_remote_pictures", "{{status}}")]),
            ("Oldest such picture due", "s", [("adplatform_remote_picture_oldest_due_seconds", "wait")]),
            ("Report e-mails of a day", "short", [("adplatform_report_mails_day", "{{status}}")]),
            ("Age of the last backup", "s", [("adplatform_backup_age_seconds", "age")]),
        ],
    ),
]


def panel(number: int, title: str, unit: str, lines: list[tuple[str, str]], x: int, y: int) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": 8, "h": 7},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + i), "datasource": source, "expr": expression, "legendFormat": legend}
            for i, (expression, legend) in enumerate(lines)
        ],
    }


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y, number = 0, 1
    for title, row in ROWS:
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})  # fmt: skip
        number, y = number + 1, y + 1
        for place, (name, unit, lines) in enumerate(row):
            panels.append(panel(number, name, unit, lines, x=place % 3 * 8, y=y + place // 3 * 7))
            number += 1
        y += (len(row) + 2) // 3 * 7
    return {
        "title": "Ad platform",
        "uid": "adplatform",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}]
        },
        "panels": panels,
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n")
