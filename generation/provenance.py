"""The AI label, visible in the picture and readable in the file.

GB 45438-2025 (China): a text with an AI element and a generation element at an edge or corner, at least
5 % of the short side tall, and one ``AIGC`` property of seven keys in the file. EU AI Act, article 50:
machine-readable marking; here IPTC's DigitalSourceType. Neither holds anything about a shopper. Pillow
drops the packet on every save, so each derivative must be labelled again by ``encode``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from django.utils.crypto import salted_hmac
from PIL import Image, PngImagePlugin

LABEL_SHARE = 0.052  # of the short side; the rule says 0.05
LABEL_MIN_PIXELS = 9  # nobody reads less, however small the placement
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
AIGC_KEYS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
_PNG_KEYWORD = "XML:com.adobe.xmp"


@dataclass(frozen=True)
class Marking:
    """What a file says of itself."""

    source_type: str
    aigc: dict[str, str]


def label_text(language: str, market: str) -> str:
    """The visible label's words: Chinese in China and on Chinese creatives."""
    return "AI生成" if market == "cn" or language.startswith("zh") else "AI-generated"


def label_height(size: tuple[int, int]) -> int:
    """The least height of the label's glyph box in pixels."""
    return max(LABEL_MIN_PIXELS, -int(-LABEL_SHARE * min(size) // 1))


def pixels_sha256(picture: Image.Image) -> str:
    """SHA-256 over size and RGB pixels: the same for the same picture in any file."""
    head = f"{picture.width}x{picture.height}:".encode()
    return hashlib.sha256(head + picture.convert("RGB").tobytes()).hexdigest()


def content_seal(content_id: str, pixels: str) -> str:
    """Our own integrity code: only this installation can make it, so it shows what is ours."""
    digest = salted_hmac("generation.provenance.v1", f"{content_id}|{pixels}", algorithm="sha256").digest()
    return base64.b64encode(digest).decode()


def packet_make(picture: Image.Image, *, content_id: str, producer: str) -> bytes:
    """The XMP packet for the picture as it will be decoded."""
    aigc = dict.fromkeys(AIGC_KEYS, "")
    aigc |= {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": content_id,
        "ReservedCode1": content_seal(content_id, pixels_sha256(picture)),
    }
    text = escape(json.dumps(aigc, ensure_ascii=False, separators=(",", ":")))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">'
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        f"<TC260:AIGC>{text}</TC260:AIGC>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def packet_save_options(packet: bytes, extension: str) -> dict[str, Any]:
    """The arguments with which Pillow's ``save`` writes the packet into a WebP, PNG or JPEG."""
    if extension != "png":
        return {"xmp": packet}
    info = PngImagePlugin.PngInfo()
    info.add_itxt(_PNG_KEYWORD, packet.decode())
    return {"pnginfo": info}


def marking_read(picture: Image.Image) -> Marking | None:
    """The marking of an opened file; None when it has none, or not exactly one."""
    packet = picture.info.get("xmp") or picture.info.get(_PNG_KEYWORD) or b""
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet
    sources = re.findall(r"<Iptc4xmpExt:DigitalSourceType>([^<]*)<", text)
    properties = re.findall(r"<TC260:AIGC>([^<]*)<", text)
    if len(properties) != 1 or len(sources) != 1:
        return None
    try:
        aigc = json.loads(unescape(properties[0]))
    except ValueError:
        return None
    return Marking(sources[0], aigc) if isinstance(aigc, dict) else None


def is_ours_untouched(picture: Image.Image) -> bool:
    """True when the file carries our seal and every pixel is as we wrote it."""
    marking = marking_read(picture)
    if marking is None:
        return False
    content_id = marking.aigc.get("ProduceID", "")
    return marking.aigc.get("ReservedCode1") == content_seal(content_id, pixels_sha256(picture))
