"""Settings of the processes that a drill kills: the product's, with the worker's own transport kept.

What a drill changes comes in by the environment, as in a deployment; only the sweep's period and the
failpoints have no setting in the product.
"""

import os

from adplatform.settings import *  # noqa: F403

TESTING = True
GENERATION_MODELS = {"tiny": "/nowhere/tiny"}  # tests.drills.worker puts a renderer in its place
SWEEP_SECONDS = float(os.environ.get("DRILL_SWEEP_SECONDS", "5"))
