"""``manage.py train_match_encoder``: train or resume the encoder that scores picture against text."""

from __future__ import annotations

from generation.management.training_command import TrainingCommand


class Command(TrainingCommand):
    help = "Train the match encoder on composed pictures (dataset_build --compose); resumes by itself."
    module = "generation.training.match_encoder"
