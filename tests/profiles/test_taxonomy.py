"""The shipped interests and word lists."""

from __future__ import annotations

import pytest

from profiles.lexicon import lexicon_get, normalise, words_key
from profiles.taxonomy import CHILDREN, GROUPS, INTERESTS, family_of, rows_read
from profiles.text_mapping import LexiconMapper


def test_there_are_about_sixty_interests_in_fourteen_groups():
    assert len(GROUPS) == 14
    assert 55 <= len(INTERESTS) - len(GROUPS) <= 70


def test_every_child_belongs_to_a_group_and_carries_its_name():
    for interest in INTERESTS.values():
        if interest.parent:
            assert interest.parent in GROUPS
            assert interest.id.startswith(interest.parent + "_")


def test_iab_ids_are_numbers_used_once():
    used = [i.iab_id for i in INTERESTS.values() if i.iab_id]
    assert len(used) == len(set(used)) > 35
    assert all(iab_id.isdigit() for iab_id in used)


def test_a_group_stands_for_its_children():
    assert family_of("outdoor") == ("outdoor", *CHILDREN["outdoor"])
    assert family_of("outdoor_hiking") == ("outdoor_hiking",)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_interest_has_words_in_both_languages(language):
    words = {
        row["interest"]: row["words"].split("|")
        for row in rows_read("lexicon.tsv")
        if row["language"] == language
    }
    assert [i for i in INTERESTS if len(words.get(i, [])) < 8] == []


@pytest.mark.parametrize("interest", INTERESTS.values(), ids=lambda i: i.id)
def test_each_label_maps_to_its_own_interest(interest):
    mapper = LexiconMapper()
    for label in (interest.label_en, interest.label_zh):
        assert next(iter(mapper.map(label)), None) == interest.id


def test_no_word_is_both_an_interest_and_sensitive():
    lexicon = lexicon_get()
    words = {w for row in rows_read("lexicon.tsv") if row["interest"] != "-" for w in row["words"].split("|")}
    for word in words:
        entry = lexicon.english.get(words_key(word)) or lexicon.chinese.get(normalise(word))
        assert entry is not None
        assert not entry.sensitive, word


@pytest.mark.parametrize(
    "word",
    [
        "church",
        "diabetes",
        "gay",
        "wine",
        "casino",
        "election",
        "loan",
        "基督教",
        "糖尿病",
        "同性恋",
        "白酒",
        "彩票",
        "贷款",
    ],
)
def test_sensitive_words_are_no_interest_of_the_taxonomy(word):
    assert LexiconMapper().explain(word).sensitive
