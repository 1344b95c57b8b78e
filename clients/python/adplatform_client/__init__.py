"""A small client of the ad platform for a shop's own server: standard library only, typed, no retries hidden.

    from adplatform_client import Client

    ads = Client("https://ads.example", "sk_…")
    for decision in ads.decide(["home-hero"], shopper="customer-4711"):
        print(decision.image_url or decision.reason)

Every method raises ``ApiError`` with the server's stable ``code`` when it says no, and ``ApiUnavailable``
when it does not answer in time; a page should then show nothing and go on. Threads may share a ``Client``.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

__all__ = [
    "ApiError",
    "ApiUnavailable",
    "Client",
    "Decision",
    "EventsAnswer",
    "Rejection",
    "click_event",
    "conversion_event",
    "impression_event",
]
__version__ = "0.1.0"

Device = Literal["desktop", "mobile", "tablet", "other"]
EVENTS_MAX = 500  # in one request
ID_LIMIT = 64  # characters of an event or order id
MAX_ANSWER_BYTES = 8 * 1024 * 1024


class ApiError(Exception):
    """The server refused; ``code`` is stable, ``detail`` is for people, ``errors`` is by field."""

    def __init__(self, status: int, code: str, detail: str, errors: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors


class ApiUnavailable(Exception):
    """No answer in time, or one that is none; asking again is harmless."""


@dataclass(frozen=True)
class Disclosure:
    """What article 26 of the Digital Services Act asks to be said of an advertisement."""

    is_advertisement: bool
    on_behalf_of: str
    paid_by: str
    parameters: tuple[str, ...]  # "interest:<taxonomy id>" of what entered this decision, or "none"
    change_url: str  # a page on which the shopper takes an interest away, or all
    is_ai_generated: bool


@dataclass(frozen=True)
class Decision:
    """What one placement shows. Without ``is_filled`` only ``reason`` is there."""

    placement: str
    decision_id: str
    is_filled: bool
    reason: str = ""
    creative_id: str = ""
    image_url: str = ""
    width: int = 0
    height: int = 0
    alt: str = ""
    headline: str = ""
    click_url: str = ""
    impression_token: str = ""
    label: str = ""
    why_url: str = ""
    disclosure: Disclosure | None = None
    match: str = ""  # segment, generic or house
    propensity: float = 0.0


@dataclass(frozen=True)
class Rejection:
    """An event that was not taken: its position in the list that was sent, and why."""

    index: int
    code: str


@dataclass(frozen=True)
class EventsAnswer:
    """What became of events: what was accepted is on disk, what was a duplicate already was."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...]


class Client:
    """One advertiser's API at ``host`` (scheme and host, no path), with a publishable or a secret key."""

    def __init__(self, host: str, key: str, *, timeout: float = 2.0) -> None:
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("host is a scheme and a host, such as https://ads.example")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._netloc = parts.netloc
        self._host = f"{parts.scheme}://{parts.netloc}"
        self._key = key
        self._timeout = timeout

    def decide(
        self,
        placements: Sequence[str],
        *,
        shopper: str = "",
        device: Device | None = None,
        page_url: str = "",
        shown: Iterable[str] = (),
        products: Iterable[str] = (),
        opted_out: bool = False,
    ) -> list[Decision]:
        """A creative for each placement of one page, in this order, no product twice.

        ``shown``: ids of creatives on the page already; ``products``: feed ids the page is about. Pass the
        visitor's ``Sec-GPC`` header on as ``opted_out``.
        """
        context = {"device": device, "page_url": page_url or None}
        body: dict[str, Any] = {
            "placements": list(placements),
            "context": {
                **{name: value for name, value in context.items() if value},
                "shown": list(shown),
                "products": list(products),
            },
        }
        if shopper:
            body["shopper"] = shopper
        answer = self._post("decisions", body, {"Sec-GPC": "1"} if opted_out else {})
        return [_decision(line) for line in answer["decisions"]]

    def decide_native(
        self, placements: Sequence[str], *, shopper: str = "", device: Device | None = None
    ) -> list[Mapping[str, Any]]:
        """The same in the terms of OpenRTB Native 1.2, as the server says it.

        Each has a ``native`` object or the no-bid reason ``nbr``. Whoever shows it loads the ``url`` of each
        of ``native["eventtrackers"]`` when its event happens: that is what counts.
        """
        body: dict[str, Any] = {
            "placements": list(placements),
            "context": {"device": device} if device else {},
        }
        if shopper:
            body["shopper"] = shopper
        answer: list[Mapping[str, Any]] = self._post("decisions?format=openrtb-native", body)["decisions"]
        return answer

    def pixel_url(self, decision: Decision, kind: Literal["impression", "viewable"] = "impression") -> str:
        """What an ``<img>`` loads to count a filled decision where no script runs, such as in an e-mail.

        It is the same event as ``impression_event``: both together count once.
        """
        return f"{self._host}/i/{decision.impression_token}?k={kind}"

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> EventsAnswer:
        """Report what happened; in several requests above 500 events. Sending the same again is harmless."""
        accepted = duplicates = 0
        rejected: list[Rejection] = []
        for first in range(0, len(events), EVENTS_MAX):
            batch = [dict(event) for event in events[first : first + EVENTS_MAX]]
            answer = self._post("events", {"events": batch, "sent_at": _now()})
            accepted += answer["accepted"]
            duplicates += answer["duplicates"]
            rejected += [Rejection(first + line["index"], line["code"]) for line in answer["rejected"]]
        return EventsAnswer(accepted, duplicates, tuple(rejected))

    def record_consent(
        self, shopper: str, *, personalisation: bool, text_version: str, source: str
    ) -> Mapping[str, Any]:
        """Note down what the shopper said to which text, and where."""
        return self._post(
            "consents",
            {
                "shopper": shopper,
                "personalisation": personalisation,
                "text_version": text_version,
                "source": source,
            },
        )

    def record_behaviours(self, behaviours: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """What shoppers did, such as ``{"shopper": …, "kind": "search", "text": "…"}``."""
        lines = [{"event_id": str(uuid.uuid4()), **behaviour} for behaviour in behaviours]
        return self._post("behaviours", {"behaviours": lines})

    def _post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        connection = self._connect(self._netloc, timeout=self._timeout)
        try:
            connection.request(
                "POST",
                f"/api/v1/{path}",
                json.dumps(body).encode(),
                {
                    "Authorization": f"Bearer {self._key}",
                    "Content-Type": "application/json",
                    "User-Agent": f"adplatform-client-python/{__version__}",
                    **(headers or {}),
                },
            )
            response = connection.getresponse()
            content = response.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise ApiUnavailable(repr(error)) from error
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ApiUnavailable(f"{response.status} and no JSON") from error
        if response.status >= 400:
            if response.status >= 500:
                raise ApiUnavailable(f"{response.status} {answer.get('code', '')}")
            raise ApiError(
                response.status, answer.get("code", ""), answer.get("detail", ""), answer.get("errors", {})
            )
        return answer


def impression_event(decision: Decision) -> dict[str, Any]:
    """The creative is on the screen. Its id makes a second report of the same harmless."""
    return _event(decision, "impression")


def click_event(*, decision_id: str, token: str) -> dict[str, Any]:
    """A click that did not go through ``click_url``; ``token`` is that address's last part."""
    return {"event_id": f"{decision_id}:click", "kind": "click", "token": token, "occurred_at": _now()}


def conversion_event(
    *, shopper: str, order_id: str, value_cents: int, currency: str, event_id: str = ""
) -> dict[str, Any]:
    """An order; needs a secret key. An order id, of at most 64 characters, counts once."""
    own_id = f"order:{order_id}"
    if len(own_id) > ID_LIMIT:
        own_id = order_id
    return {
        "event_id": event_id or own_id,
        "kind": "conversion",
        "shopper": shopper,
        "order_id": order_id,
        "value_cents": value_cents,
        "currency": currency,
        "occurred_at": _now(),
    }


def _event(decision: Decision, kind: str) -> dict[str, Any]:
    return {
        "event_id": f"{decision.decision_id}:{kind}",
        "kind": kind,
        "token": decision.impression_token,
        "occurred_at": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _disclosure(line: Mapping[str, Any]) -> Disclosure:
    return Disclosure(
        is_advertisement=line["is_advertisement"],
        on_behalf_of=line["on_behalf_of"],
        paid_by=line["paid_by"],
        parameters=tuple(line["parameters"]),
        change_url=line["change_url"],
        is_ai_generated=line["is_ai_generated"],
    )


def _decision(line: Mapping[str, Any]) -> Decision:
    creative, disclosure = line.get("creative") or {}, line.get("disclosure")
    return Decision(
        placement=line["placement"],
        decision_id=line["decision_id"],
        is_filled=line["filled"],
        reason=line.get("reason", ""),
        creative_id=creative.get("id", ""),
        image_url=creative.get("image_url", ""),
        width=creative.get("width", 0),
        height=creative.get("height", 0),
        alt=creative.get("alt", ""),
        headline=creative.get("headline", ""),
        click_url=line.get("click_url", ""),
        impression_token=line.get("impression_token", ""),
        label=line.get("label", ""),
        why_url=line.get("why_url", ""),
        disclosure=_disclosure(disclosure) if disclosure else None,
        match=line.get("match", ""),
        propensity=line.get("propensity", 0.0),
    )
