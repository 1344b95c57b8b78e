"""Free text to interests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.product_mapping import product_interests
from profiles.taxonomy import INTERESTS
from profiles.text_mapping import LexiconMapper, mapper_get

mapper = LexiconMapper()


def first(text: str) -> str:
    return next(iter(mapper.map(text)), "")


@pytest.mark.parametrize(
    ("text", "interest"),
    [
        ("running shoes", "fashion_shoes"),
        ("marathon training plan, new running belt", "sport_running"),
        ("Hiking Boots", "outdoor_hiking"),
        ("café latte", "food_coffee"),
        ("Ｃｏｆｆｅｅ", "food_coffee"),
        ("bicycles", "sport_cycling"),
        ("knives and cutting boards", "home_kitchen"),
        ("跑步鞋 马拉松", "sport_running"),
        ("想买帐篷，周末去露营", "outdoor_camping"),
        ("汉服马面裙", "fashion_hanfu"),
        ("螺蛳粉 双11 包邮", "food_noodles"),
        ("一件T恤", "fashion_everyday"),
        ("盲盒手办", "hobby_collecting"),
        ("espresso咖啡机", "food_coffee"),
        ("机械键盘 键帽", "tech_computers"),
        ("天猫旗舰店 猫粮", "pets_cats"),
        ("给女朋友买生日礼物", "celebration"),
        ("咖啡色连衣裙", "fashion_dresses"),
    ],
)
def test_product_words_lead_to_their_interest(text, interest):
    assert interest in mapper.map(text)
    assert first(text) == interest or mapper.map(text)[interest] == mapper.map(text)[first(text)]


@pytest.mark.parametrize(
    ("text", "interest"),
    [
        ("sneekers", "fashion_shoes"),
        ("headfones", "tech_audio"),
        ("baskeball", "sport_basketball"),
        ("trailrunning", "sport_running"),
        ("expresso", "food_coffee"),
        ("螺狮肉粉 螺师粉", "food_noodles"),
        ("羽绒外衣", "fashion_outerwear"),
    ],
)
def test_unknown_words_are_taken_for_what_they_look_like_and_said_to_be(text, interest):
    mapping = mapper.explain(text)
    assert interest in mapping.interests
    assert all(not match.certain for match in mapping.matches)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "!!!",
        "12345 67",
        "How do I configure the database connection for production?",
        "今天的会议几点开始？请把文件发给我",
        "他在公司里负责人事工作，经常加班",
        "双11 包邮 优惠券 新款",
    ],
)
def test_text_without_products_maps_to_nothing(text):
    assert mapper.map(text) == {}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("snacks for diabetes", "health"),
        ("孕妇瑜伽裤", "health"),
        ("ＧＡＹ bar", "orientation"),
        ("ga\u200by bar", "orientation"),
        ("homosexuality", "orientation"),
        ("Churches", "religion"),
        ("红酒", "alcohol"),
        ("彩票", "gambling"),
    ],
)
def test_a_sensitive_word_silences_the_whole_text(text, category):
    mapping = mapper.explain(text)
    assert mapping.sensitive == (category,)
    assert mapping.interests == {}
    assert mapping.matches == ()


@pytest.mark.parametrize(
    ("text", "interest"),
    [
        ("wine glass", "home_kitchen"),
        ("massage gun", "sport_fitness"),
        ("bullet journal", "culture_stationery"),
        ("红酒杯", "home_kitchen"),
        ("山药", "food_fresh"),
        ("Food, Beverages & Tobacco > Fruit", "food_fresh"),
    ],
)
def test_a_longer_harmless_phrase_wins_over_a_sensitive_word_in_it(text, interest):
    assert first(text) == interest


@pytest.mark.parametrize(
    "text", ["God Morgon Orange Juice", "matcha whisk", "Christina dress", "Koreana cream"]
)
def test_a_name_that_looks_like_a_sensitive_word_is_not_accused(text):
    assert mapper.explain(text).sensitive == ()
    assert mapper.map(text)


def test_the_colour_of_a_thing_is_not_the_thing():
    assert mapper.explain("香槟色礼服").interests == {"fashion_dresses": 1.0}


def test_the_words_that_led_there_are_told():
    matches = mapper.explain("Trail running shoes 跑步鞋").matches
    assert [(m.word, m.interests) for m in matches] == [
        ("trail running shoes", ("sport_running",)),
        ("跑步鞋", ("sport_running", "fashion_shoes")),
    ]


def test_a_category_path_is_about_its_last_part():
    mapping = product_interests(mapper, title="Dress no. 2", product_type="Apparel & Accessories > dress")
    assert next(iter(mapping)) == "fashion_dresses"
    assert mapping["fashion_dresses"] > 0.6


def test_a_product_without_words_has_no_interest():
    assert product_interests(mapper, title="", product_type="") == {}
    assert product_interests(mapper, title="No. 17") == {}


@given(st.text(max_size=80))
def test_any_text_gives_shares_of_known_interests_that_sum_to_one(text):
    shares = mapper.map(text)
    assert set(shares) <= set(INTERESTS)
    if shares:
        assert sum(shares.values()) == pytest.approx(1, abs=0.001)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)


@given(
    st.lists(
        st.sampled_from(["coffee", "帐篷", "dog", "跑步", " ", "の", "\x00", "\ud800", "x"]), max_size=12
    )
)
def test_words_in_any_order_map_alike(words):
    assert mapper.map(" ".join(words)) == pytest.approx(mapper.map(" ".join(reversed(words))))


def test_the_settings_choose_the_mapper(settings):
    assert isinstance(mapper_get(), LexiconMapper)
