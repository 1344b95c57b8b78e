"""What comes along with the product: licences, secrets, code that executes what it is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from django.conf import settings

from scripts import licences

ROOT = Path(settings.BASE_DIR)
SECRETS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}"),
    "an API key of ours": re.compile(rb"\b[sp]k_[A-Za-z0-9_-]{43}\b"),
    "a webhook's secret": re.compile(rb"\bwhsec_[A-Za-z0-9_+/=-]{24,}"),
    "an AWS key": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "a token of GitHub or Hugging Face": re.compile(rb"\b(?:ghp|hf)_[A-Za-z0-9]{30,}\b"),
    "a key of Django": re.compile(rb"django-insecure-\S{20,}"),
    "a setting's secret": re.compile(
        rb"(?m)^(?:SECRET_KEY|PROFILES_PSEUDONYM_KEY|METRICS_TOKEN)=[^\s#<$\xe2]{16,}"
    ),
}

PUBLISHED_VECTOR = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the Standard Webhooks specification


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607
    return [ROOT / name.decode() for name in names.split(b"\0") if name]


def test_no_secret_is_in_the_tree() -> None:
    found = []
    for path in tracked():
        if not path.is_file() or path.suffix in {".safetensors", ".webp", ".woff", ".mo"}:
            continue
        content = path.read_bytes().replace(PUBLISHED_VECTOR, b"")
        found += [
            (str(path.relative_to(ROOT)), name) for name, mark in SECRETS.items() if mark.search(content)
        ]
    assert not found


def test_the_search_finds_what_it_looks_for() -> None:
    examples = (
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 30,
        b'"sk_' + b"a" * 43 + b'"',
        b"SECRET_KEY=" + b"x" * 50,
    )
    for example in examples:
        assert any(mark.search(example) for mark in SECRETS.values()), example


def test_every_dependency_is_listed_and_its_licence_is_permissive_or_named() -> None:
    listed = (ROOT / "docs" / "licences.md").read_text()
    problems = []
    for name, distribution in licences.closure().items():
        licence = licences.licence_of(distribution)
        if f"| {name} |" not in listed:
            problems.append(f"{name} is not in docs/licences.md: run scripts/licences.py")
        if not licences.is_permissive(licence) and name not in licences.WEAK_COPYLEFT:
            problems.append(f"{name}: {licence or 'no licence named'}")
    assert not problems


def test_a_strong_copyleft_would_be_seen() -> None:
    assert licences.is_permissive("Apache-2.0 AND BSD-2-Clause")
    assert licences.is_permissive("GPL-3.0-only OR MIT")
    for licence in ("GPL-3.0-only", "MIT AND AGPL-3.0-or-later", "", "Proprietary"):
        assert not licences.is_permissive(licence)
