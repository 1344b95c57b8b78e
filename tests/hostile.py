"""Texts as an attacker would type them, from a seed; and what they may not do. For tests and benchmarks."""

from __future__ import annotations

import csv
import io
import random
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Advertiser
from adplatform.lib.ids import uuid7
from analytics.exports import Table, csv_bytes, xlsx_bytes
from profiles.models import Behaviour
from profiles.taxonomy import INTERESTS

FLAG = "__ran"
BATCH = 500
MARKUP = (
    "<script>{run}</script>", "<ScRiPt>{run}</sCrIpT>", "<img data-hostile src=x onerror={run}>",
    '"><svg data-hostile onload={run}>', "'><b data-hostile onmouseover={run}>",
    "</title><script>{run}</script>",
    "</script><script>{run}</script>", "<body data-hostile onload={run}>", "--><script>{run}</script>",
    "<a data-hostile href=javascript:{run}>x</a>", "javascript:{run}", "JaVaScRiPt:{run}//",
    "</textarea><script>{run}</script>", "<!--<script>{run}</script>", "\\u003cscript\\u003e{run}",
)  # fmt: skip
TEMPLATE = (
    "{{{{7*7}}}}", "{{% load x %}}", "${{{run}}}", "#{{{run}}}",
    "{{{{constructor.constructor('{run}')()}}}}", "{{{{settings.SECRET_KEY}}}}", "{{0.__class__}}", "%(x)s%n",
)  # fmt: skip
FORMULAS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "=cmd|' /C calc'!A0", "\t=1", " =1",
    "＝1", "＋1", "－1", "＠SUM(1)", "\u200b=1", "\u202e=1", "\ufeff=1", "\u00ad=1", "\u2066+1",
    "\u00a0=1", "\u3000=1",
)  # fmt: skip
INVISIBLE = ("\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200f")
# Words that no shopper's interest may be kept by, and ways to hide a letter or the whole.
SENSITIVE = (
    "muslims", "diabetics", "lesbians", "refugees", "schoolgirls", "republicans", "unemployed", "christians",
    "癌症患者", "同性恋", "穆斯林", "孕妇", "Schwangere", "musulmans", "embarazadas",
)  # fmt: skip
LEET = {"a": "4@", "e": "3", "i": "1", "o": "0", "s": "5$"}
HARMLESS = ("tent", "hiking boots", "coffee", "登山鞋", "龙井茶", "running shoes", "headphones", "50 % off")


@dataclass(frozen=True)
class Hostile:
    """A text, of which kind it was made, and whether a sensitive word was hidden in it."""

    text: str
    kind: str
    is_sensitive: bool = False


def hostile_texts(count: int, seed: int = 1) -> Iterator[Hostile]:
    """``count`` texts of at most 60 characters, the kinds in turn."""
    rng = random.Random(seed)
    makers = (_markup, _template, _formula, _invisible, _sensitive, _nul, _long)
    for number in range(count):
        made = makers[number % len(makers)](rng, number)
        yield Hostile(made.text[:60], made.kind, made.is_sensitive)


def _run(number: int) -> str:
    return f"{FLAG}={number}"


def _markup(rng: random.Random, number: int) -> Hostile:
    before = rng.choice(("", rng.choice(HARMLESS) + " "))
    return Hostile(before + rng.choice(MARKUP).format(run=_run(number)), "markup")


def _template(rng: random.Random, number: int) -> Hostile:
    return Hostile(f"{rng.choice(HARMLESS)} {rng.choice(TEMPLATE).format(run=_run(number))}", "template")


def _formula(rng: random.Random, number: int) -> Hostile:
    return Hostile(f"{rng.choice(FORMULAS)}{rng.choice(('', ' ', '+'))}{number}", "formula")


def _invisible(rng: random.Random, number: int) -> Hostile:
    letters = [letter + rng.choice(("", rng.choice(INVISIBLE))) for letter in rng.choice(HARMLESS)]
    return Hostile(rng.choice(INVISIBLE) + "".join(letters) + str(number), "invisible")


def _sensitive(rng: random.Random, number: int) -> Hostile:
    word, how = rng.choice(SENSITIVE), rng.randrange(6)
    if how == 0:
        word = "".join(
            rng.choice(LEET.get(letter, letter)) if rng.random() < 0.7 else letter for letter in word
        )
    elif how == 1:
        word = rng.choice((".", "-", " ", "_", "·")).join(word)
    elif how == 2:
        word = rng.choice(INVISIBLE).join(word)
    elif how == 3:
        word = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
    elif how == 4:
        word = "".join(rng.choice((letter.upper(), letter)) for letter in word)
    frame = rng.choice(("{}", "gifts for {}", "<b>{}</b>", "{} 礼物", "=1+ {} shoes", "tent, {}"))
    return Hostile(frame.format(word), "sensitive", is_sensitive=True)


def _nul(rng: random.Random, number: int) -> Hostile:
    return Hostile(f"{rng.choice(HARMLESS)}\x00{number}", "NUL")


def _long(rng: random.Random, number: int) -> Hostile:
    return Hostile(
        "".join(chr(rng.choice((rng.randrange(1, 0xD800), rng.randrange(1, 128)))) for _ in range(60)),
        "noise",
    )


def headlines_send(client: APIClient, url: str, texts: Sequence[Hostile]) -> Counter[str]:
    """Each as a campaign's headline by the API: how many were stored, how many refused."""
    counts: Counter[str] = Counter()
    for hostile in texts:
        response = client.patch(url, {"headline": hostile.text}, format="json")
        assert response.status_code in (200, 400, 422), (hostile, response.status_code)
        counts["headlines stored" if response.status_code == 200 else "headlines refused"] += 1
        counts["NUL stored"] += response.status_code == 200 and "\x00" in response.json()["headline"]
    return counts


def interests_send(client: APIClient, shop: Advertiser, key: str, texts: Sequence[Hostile]) -> Counter[str]:
    """Each as a stated interest of a shopper who agreed; what is kept of those with hidden words."""
    counts: Counter[str] = Counter()
    hidden: dict[str, Hostile] = {}
    for start in range(0, len(texts), BATCH):
        items = []
        for hostile in texts[start : start + BATCH]:
            event_id = str(uuid7())
            if hostile.is_sensitive:
                hidden[event_id] = hostile
            items.append(
                {"event_id": event_id, "shopper": key, "kind": "interest", "text": hostile.text,
                 "occurred_at": timezone.now().isoformat()}
            )  # fmt: skip
        response = client.post("/api/v1/behaviours", {"behaviours": items}, format="json")
        assert response.status_code in (200, 202), response.content
        counts["interests stored"] += response.json()["accepted"]
        counts["interests refused"] += len(response.json()["rejected"])
    counts["hidden sensitive words"] = len(hidden)
    for row in Behaviour.objects.filter(advertiser=shop, event_id__in=hidden):
        kept = row.text or any(interest not in INTERESTS for interest in row.interests)
        counts["sensitive interests stored"] += bool(kept)
        if kept:
            counts[f"stored: {hidden[row.event_id].text!r}"] += 1
    texts_stored = Behaviour.objects.filter(advertiser=shop).values_list("text", flat=True)
    counts["NUL stored"] += sum("\x00" in text for text in texts_stored)
    return counts


def formulas_found(texts: Sequence[str]) -> list[str]:
    """What a spreadsheet could take for a formula in the CSV and XLSX of these texts."""
    table = Table("texts", ("text",), [(text,) for text in texts])
    rows = csv.reader(io.StringIO(csv_bytes(table).decode("utf-8-sig"), newline=""))
    cells = [row[0] for row in rows if row][1:]
    assert len(cells) == len(texts)
    found = [cell for cell in cells if _as_a_spreadsheet_trims(cell).startswith(("=", "+", "-", "@"))]
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(table))) as book:
        for name in book.namelist():
            if name.startswith("xl/worksheets/"):
                found += re.findall(r"<f[ >].*?</f>", book.read(name).decode())
    return found


def _as_a_spreadsheet_trims(cell: str) -> str:
    """The strictest reader: everything invisible in front is dropped, wide letters are folded."""
    folded = unicodedata.normalize("NFKC", cell)
    start = next((n for n, c in enumerate(folded) if unicodedata.category(c)[0] not in "CZ"), len(folded))
    return folded[start:]


def client_make(secret_key: str) -> APIClient:
    """A shop's server."""
    client: Any = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret_key}")
    return client  # type: ignore[no-any-return]
