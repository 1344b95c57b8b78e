"""A web process and the Celery parent never pay for the image models' libraries."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "diffusers", "transformers", "pandas", "plotly")


@pytest.mark.parametrize(
    "modules", ["adplatform.urls", "generation.tasks, generation.execution", "adplatform.celery"]
)
def test_importing_the_product_imports_no_model_library(modules):
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup()\n"
        f"import {modules}\n"
        "from adplatform import celery_app; celery_app.loader.import_default_modules()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)  # noqa: S603
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
