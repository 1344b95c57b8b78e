"""Request bodies of the API: JSON, of bounded size and depth, that can never answer 500."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from adplatform.lib.errors import DomainError

BODY_LIMIT = 2 * 1024 * 1024  # 500 behaviours with every field at its limit in Chinese


class StrictJSONParser(BaseParser):
    """JSON without NaN, too much of it, or a nesting that exhausts the stack; the default parser.

    DRF's own answers 500 to 100,000 open brackets.
    """

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise DomainError("body_too_large", f"A body has at most {BODY_LIMIT} bytes.", status=413)
        try:
            return json.loads(body.decode("utf-8"), parse_constant=_refuse)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:  # malformed, not UTF-8, or a number of thousands of digits
            raise ParseError(f"This is not JSON: {error}"[:200]) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")
