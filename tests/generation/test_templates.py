"""Templates as data, and what the solver makes of them in every size."""

import copy
import json

import pytest

from adplatform.lib.errors import DomainError
from generation.composition.labels import label_measure, legal_measure
from generation.composition.layouts import Layout, layout_solve
from generation.composition.price import PriceText
from generation.composition.sizes import SIZES, STANDARD_SIZES
from generation.composition.stacks import Texts, stack_solve
from generation.composition.templates import (
    FOLDER,
    template_choose,
    template_get,
    template_parse,
    templates_read,
)
from generation.renderers.base import RenderError
from tests.generation.composing import layout_of

KEYS = list(templates_read())
LEGAL = "Enjoy responsibly. Only for adults."


def boxes_meet(one, other) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def solved(key: str, size: tuple[int, int], legal: str = "") -> Layout:
    template, placement = template_get(key), SIZES[size]
    label = label_measure("AI-generated", placement, "en")
    block = legal_measure(legal, template, placement, label, "en")
    return layout_solve(template, placement, label=label.size, legal_height=block.height if block else 0)


def test_there_are_eight_looks_that_differ_in_more_than_their_name():
    looks = {
        (t.ground, t.walls, t.regions["action"].shape, t.badge, t.decor) for t in templates_read().values()
    }
    assert len(looks) == len(KEYS) >= 8
    assert {"bold_offer", "editorial", "singles_day"} <= set(KEYS)
    assert template_get("singles_day").sign["zh"] == "双11"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("legal", ["", LEGAL])
def test_no_two_parts_meet_in_any_size(key, legal):
    for size in SIZES:
        layout = solved(key, size, legal)
        taken = [layout.product, layout.label_box, *(stack.box for stack in layout.stacks)]
        if layout.legal_box:
            taken.append(layout.legal_box)
        for index, one in enumerate(taken):
            assert one[0] >= 0
            assert one[1] >= 0
            assert one[0] + one[2] <= size[0]
            assert one[1] + one[3] <= size[1]
            for other in taken[index + 1 :]:
                assert not boxes_meet(one, other), (key, size, one, other)
        assert layout.product[2] * layout.product[3] >= 0.08 * size[0] * size[1], (key, size)


@pytest.mark.parametrize("key", KEYS)
def test_every_size_says_what_it_sells_and_how_to_get_it(key):
    for size in SIZES:
        names = {name for stack in layout_of(size, key).stacks for item in stack.items for name in item.names}
        assert {"headline", "action"} <= names, (key, size)
        if SIZES[size].width / SIZES[size].scale != 320 or SIZES[size].height / SIZES[size].scale > 50:
            assert "price" in names, (key, size)


def test_a_sharp_size_is_the_same_layout_twice_as_large():
    one, two = layout_of((300, 250), "split"), layout_of((600, 500), "split")
    for small, large in zip(one.stacks, two.stacks, strict=True):
        assert all(abs(2 * a - b) <= 6 for a, b in zip(small.box, large.box, strict=True))


def texts(headline: str, **changes) -> Texts:
    words = {
        "wordmark": "SHOP",
        "headline": headline,
        "subline": "A trail running shoe",
        "action": "Shop now",
    }
    return Texts({**words, **changes}, PriceText("€89.90", "€119.00", "−24%"), None, "en")


def test_a_long_headline_makes_the_whole_stack_smaller_and_keeps_its_order():
    layout = layout_of((300, 250))
    short = {s.name: s for s in stack_solve(layout, layout.stacks[0], texts("Go"))}
    long = {
        s.name: s for s in stack_solve(layout, layout.stacks[0], texts("Everything for a long day out " * 2))
    }
    assert long["headline"].block.size < short["headline"].block.size
    assert long["price"].block.size <= short["price"].block.size
    assert long["headline"].block.size >= long["subline"].block.size if "subline" in long else True


@pytest.mark.parametrize("size", STANDARD_SIZES)
def test_what_has_no_room_is_left_out_but_never_the_headline_or_the_button(size):
    layout = layout_of(size, "editorial")
    found = [s for stack in layout.stacks for s in stack_solve(layout, stack, texts("word " * 40))]
    assert {"headline", "action"} <= {setting.name for setting in found}
    for stack in layout.stacks:
        left, top, width, height = stack.box
        for setting in stack_solve(layout, stack, texts("word " * 40)):
            assert setting.box[1] + setting.box[3] <= top + height + 1, (size, setting)
            assert setting.box[0] + setting.box[2] <= left + width + 1


def test_automatic_follows_the_style_and_a_real_saving():
    assert template_choose("editorial", 0.0).key == "editorial"
    assert template_choose("editorial", 0.3).key == "bold_offer"
    assert template_choose("no such style", 0.0).key == "lifestyle"


def test_a_brief_of_an_older_version_gets_todays_and_an_unknown_template_is_refused():
    for reference in ("noir", "noir@1", template_get("noir").reference):
        assert template_get(reference).key == "noir"
    for wrong in ("cubist", "cubist@1", ""):
        with pytest.raises(DomainError) as refusal:
            template_get(wrong)
        assert refusal.value.code == "template_unknown"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("ground",), "lava"),
        (("version",), 0),
        (("arrangements", "strip"), {"row": []}),
        (("arrangements", "wide"), {"stack": ["headline", "slogan"]}),
        (("regions",), {"headline": {"size": -3}}),
        (("colour",), "#ff0000"),
    ],
)
def test_a_faulty_template_is_refused_with_its_place(path, value):
    data = copy.deepcopy(json.loads((FOLDER / "noir.json").read_text()))
    target = data
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(DomainError) as refusal:
        template_parse(data)
    assert refusal.value.code == "template_invalid"


def test_a_legal_line_is_never_cut():
    template, placement = template_get("split"), SIZES[320, 50]
    label = label_measure("AI-generated", placement, "en")
    assert not legal_measure(LEGAL, template, placement, label, "en").is_truncated
    with pytest.raises(RenderError) as refusal:
        legal_measure(LEGAL * 8, template, placement, label, "en")
    assert refusal.value.code == "legal_line_too_long"
