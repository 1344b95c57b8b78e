"""``celery -A tests.drills.worker``: the product's worker with a renderer of milliseconds.

Each of its four steps looks at ``VAR_DIR/drill.json``: how long it takes, and which seeds kill the process.
"""

from __future__ import annotations

import json
import os
import signal
import time

import django
from django.conf import settings

from adplatform.celery import app

django.setup()  # Celery does it after it has imported this module, which imports models

# ruff: noqa: E402
from generation import renderers
from generation.matching import scoring
from tests.generation.motif_renderer import MotifRenderer


def _step(step: int) -> None:
    control = json.loads((settings.VAR_DIR / "drill.json").read_text())
    time.sleep(control["step_seconds"])
    if step == 2 and _renderer.request.seed in control["poison"]:
        os.kill(os.getpid(), signal.SIGKILL)


_renderer = MotifRenderer(_step)
renderers._loaded[("tiny", settings.GENERATION_MODELS["tiny"])] = _renderer
# Nobody judges the pictures: the judge would bring torch, seconds for each child that is killed.
scoring.BUILT_IN_FOLDER = settings.VAR_DIR / "no-judge"
# The sweep alone, as often as the drill says.
app.conf.beat_schedule = {"render_sweep": dict(app.conf.beat_schedule["render_sweep"])}
app.conf.beat_schedule["render_sweep"]["schedule"] = settings.SWEEP_SECONDS
