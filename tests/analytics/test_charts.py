from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

from analytics import charts
from analytics.matrix import Matrix

BUNDLE = settings.BASE_DIR / "static" / "vendor" / "plotly"


def test_the_browsers_plotly_is_the_one_that_python_writes_for():
    from plotly.offline import get_plotlyjs_version

    head = (BUNDLE / "plotly-cartesian.min.js").read_text()[:200]
    assert f"v{get_plotlyjs_version()}" in head
    assert "MIT" in (BUNDLE / "LICENSE").read_text()


def test_figures_carry_no_template_and_no_colour_of_their_own():
    figure = json.loads(charts.matrix_figure(Matrix()).to_json())
    text = json.dumps(figure)
    assert not figure["layout"].get("template")  # the default one is 7 kB
    assert "var(--chart-1)" in text
    assert "#" not in text


def test_importing_the_project_loads_neither_plotly_nor_pandas():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup();"
        "import adplatform.urls; sys.exit(any(m in sys.modules for m in ('plotly', 'pandas', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
