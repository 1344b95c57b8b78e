"""compose.yaml as Docker Compose understands it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml
from django.conf import settings

ROOT = settings.BASE_DIR
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def filled(text: str, given: Mapping[str, str]) -> str:
    """``${NAME:?sentence}`` and ``${NAME:-default}`` as compose fills them in from .env, then ``$$``."""

    def value(found: re.Match[str]) -> str:
        name, kind, other = found.groups()
        assert kind == ":-" or name in given, f"compose would refuse to start: {other}"
        return given.get(name) or (other if kind == ":-" else "")

    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text).replace("$$", "$")


def environment_of(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a service's process sees with these lines in .env: ``environment`` wins over ``env_file``."""
    files = [file["path"] for file in COMPOSE[service].get("env_file", [])]
    own = {name: filled(str(value), given) for name, value in COMPOSE[service].get("environment", {}).items()}
    return {**(given if ".env" in files else {}), **own}
