#!/usr/bin/env python3
"""Writes docs/licences.md: the licence of everything that requirements.txt and requirements-extra.txt bring.

    .venv/bin/python scripts/licences.py

Read from the metadata of what is installed, the dependencies of dependencies included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-extra.txt")
PERMISSIVE = re.compile(
    r"MIT( License|-CMU|-0)?|(0|3-Clause )?BSD.*|Apache.*|ISC.*|PSF.*|Python Software Foundation.*|Zlib"
    r"|CC0-1\.0|BSL-1\.0|CNRI-Python|Unlicense|HPND"
)
# Copyleft that reaches no further than the package's own files, which are used as they are published.
WEAK_COPYLEFT = {
    "certifi": "MPL-2.0: a list of certificates, unchanged",
    "psycopg": "LGPL-3.0: imported as a library, unchanged and replaceable",
    "psycopg-binary": "LGPL-3.0: imported as a library, unchanged and replaceable",
    "psycopg-pool": "LGPL-3.0: imported as a library, unchanged and replaceable",
    "tqdm": "MPL-2.0 in part: imported as a library, unchanged",
}
HEAD = """# Licences

The product itself is under the licence in [LICENSE](../LICENSE). What it installs, with the dependencies of
dependencies, as their own metadata says; `scripts/licences.py` writes this page, and a test fails when a
package is missing here or comes under a licence that is not permissive. The exceptions stand at the end.

Shipped in the tree: Plotly (`static/vendor/plotly`, MIT), the fonts (`static/fonts`, SIL Open Font License
1.1, each with its text), the demo's product pictures and the built-in models (their folders hold LICENSE,
NOTICE or README).

"""


def name_of(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def requirements() -> Iterator[Requirement]:
    for file in REQUIREMENTS:
        for line in (ROOT / file).read_text().splitlines():
            text = line.split("#")[0].strip()
            if text and not text.startswith("-"):
                yield Requirement(text)


def closure() -> dict[str, metadata.Distribution]:
    """Name -> distribution of everything that an installation brings."""
    found: dict[str, metadata.Distribution] = {}
    waiting, seen = list(requirements()), set()
    while waiting:
        wanted = waiting.pop()
        key = (name_of(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = metadata.distribution(wanted.name)
        found[key[0]] = distribution
        for line in distribution.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in (wanted.extras or {""})
            ):
                waiting.append(needed)
    return dict(sorted(found.items()))


def licence_of(distribution: metadata.Distribution) -> str:
    """The SPDX expression where there is one, else the classifiers, else the first line of the free text."""
    fields = distribution.metadata
    if expression := fields.get_all("License-Expression"):
        return str(expression[0])
    classifiers = [line for line in fields.get_all("Classifier") or () if line.startswith("License ::")]
    names = [line.split("::")[-1].strip() for line in classifiers if line.count("::") > 1]
    return " OR ".join(names) or (fields.get_all("License") or [""])[0].split("\n")[0][:60]


def is_permissive(licence: str) -> bool:
    """Whether every part of an AND, and one of an OR, is."""
    parts = [part.strip(" ()") for part in licence.split(" AND ")]
    return all(any(PERMISSIVE.fullmatch(one.strip(" ()")) for one in part.split(" OR ")) for part in parts)


def page() -> str:
    rows = [f"| {name} | {licence_of(found)} |" for name, found in closure().items()]
    exceptions = [f"| {name} | {reason} |" for name, reason in WEAK_COPYLEFT.items()]
    table = "\n".join(["| package | licence |", "| --- | --- |", *rows])
    weak = "\n".join(["| package | why it may come along |", "| --- | --- |", *exceptions])
    return f"{HEAD}{table}\n\n## Weak copyleft\n\n{weak}\n"


if __name__ == "__main__":
    (ROOT / "docs" / "licences.md").write_text(page())
