"""A decision in the terms of OpenRTB Native 1.2, for sites and apps that already speak it; pure.

Who calls the addresses in ``eventtrackers`` needs no token and no POST; they count the tag's own events.
"""

from __future__ import annotations

import msgspec

from campaigns.serving.reasons import NUMBERS, Reason
from campaigns.serving.wire import SlotAnswer

VERSION = "1.2"
# Native 1.2, lists "Image Asset Types" and "Data Asset Types".
MAIN_IMAGE = 3
SPONSORED = 1
IMAGE_ID, TITLE_ID, SPONSORED_ID = 1, 2, 3
# Lists "Event Types" (MRC: half of the pixels for one continuous second) and "Event Tracking Methods".
IMPRESSION, VIEWABLE_MRC50 = 1, 2
BY_IMAGE = 1


class Image(msgspec.Struct, frozen=True):
    type: int
    url: str
    w: int
    h: int


class Title(msgspec.Struct, frozen=True):
    text: str


class Data(msgspec.Struct, frozen=True):
    type: int
    value: str


class Asset(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of the creative: exactly one of ``img``, ``title`` and ``data`` is there."""

    id: int
    img: Image | None = None
    title: Title | None = None
    data: Data | None = None


class Link(msgspec.Struct, frozen=True):
    url: str


class EventTracker(msgspec.Struct, frozen=True):
    """An address to load once as a picture when the event happened."""

    event: int
    method: int
    url: str


class NativeExt(msgspec.Struct, frozen=True):
    """What Native has no field for."""

    alt: str
    label: str
    impression_token: str
    events_url: str  # for batches: POST tokens there instead of loading trackers


class Native(msgspec.Struct, frozen=True):
    """The native response object."""

    ver: str
    assets: list[Asset]
    link: Link
    eventtrackers: list[EventTracker]
    privacy: str  # why this ad
    ext: NativeExt


class NativeSlot(msgspec.Struct, frozen=True, omit_defaults=True):
    """One placement: a native object, or the no-bid reason ``nbr`` with our own code of it."""

    placement: str
    decision_id: str
    native: Native | None = None
    nbr: int | None = None
    reason: str | None = None


class NativeAnswer(msgspec.Struct, frozen=True):
    """One answer a placement, in the order of the request."""

    decisions: list[NativeSlot]


def native_slot(answer: SlotAnswer, host: str) -> NativeSlot:
    """The same answer in Native's terms; ``host`` is this server's origin."""
    creative = answer.creative
    if creative is None:
        reason = Reason(answer.reason or Reason.NO_CANDIDATES)
        return NativeSlot(answer.placement, str(answer.decision_id), nbr=NUMBERS[reason], reason=reason)
    label = answer.label or ""
    pixel = f"{host}/i/{answer.impression_token}"
    image = Image(MAIN_IMAGE, creative.image_url, creative.width, creative.height)
    return NativeSlot(
        answer.placement,
        str(answer.decision_id),
        native=Native(
            ver=VERSION,
            assets=[
                Asset(IMAGE_ID, img=image),
                Asset(TITLE_ID, title=Title(creative.headline)),
                Asset(SPONSORED_ID, data=Data(SPONSORED, label)),
            ],
            link=Link(answer.click_url or ""),
            eventtrackers=[
                EventTracker(IMPRESSION, BY_IMAGE, f"{pixel}?k=impression"),
                EventTracker(VIEWABLE_MRC50, BY_IMAGE, f"{pixel}?k=viewable"),
            ],
            privacy=answer.why_url or "",
            ext=NativeExt(creative.alt, label, answer.impression_token or "", f"{host}/api/v1/events"),
        ),
    )
