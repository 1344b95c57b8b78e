"""The AI label, visible in the picture and readable in the file.

GB 45438-2025 (China): a text with an AI element and a generation element at an edge or corner, at least
5 % of the short side tall, and one ``AIGC`` property of seven keys in the file. EU AI Act, article 50:
machine-readable marking; here IPTC's DigitalSourceType. Neither holds anything about a shopper. Pillow
drops the packet on every save, so each derivative must be labelled again by ``encode``.

The seal is over the pixels as a reader decodes them, which are known only once the file is written: the
packet goes in with a stand-in of the same length, and ``packet_seal`` puts the seal in its place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
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
UNSEALED = base64.b64encode(hashlib.sha256(b"generation.provenance.unsealed").digest()).decode()
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


def content_seal(content_id: str, pixels: str, *, key: str | None = None) -> str:
    """Our own integrity code: only this installation can make it, so it shows what is ours."""
    digest = salted_hmac(
        "generation.provenance.v1", f"{content_id}|{pixels}", secret=key, algorithm="sha256"
    ).digest()
    return base64.b64encode(digest).decode()


def packet_make(*, content_id: str, producer: str, seal: str = UNSEALED) -> bytes:
    """The XMP packet; ``seal`` from ``content_seal``, or left for ``packet_seal`` to fill in."""
    aigc = dict.fromkeys(AIGC_KEYS, "")
    aigc |= {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": content_id,
        "ReservedCode1": seal,
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
    """The arguments with which Pillow's ``save`` writes the packet into a WebP, PNG, JPEG or AVIF."""
    if extension != "png":
        return {"xmp": packet}
    info = PngImagePlugin.PngInfo()
    info.add_itxt(_PNG_KEYWORD, packet.decode())
    return {"pnginfo": info}


def packet_seal(content: bytes, extension: str, seal: str) -> bytes:
    """The file with the seal in the stand-in's place: same length, so that no other byte moves."""
    at = content.index(UNSEALED.encode())
    sealed = bytearray(content)
    sealed[at : at + len(seal)] = seal.encode()
    if extension == "png":  # the only format of ours whose chunks carry a checksum
        start = content.rindex(b"iTXt", 0, at)
        end = start + 4 + int.from_bytes(content[start - 4 : start])
        sealed[end : end + 4] = zlib.crc32(sealed[start:end]).to_bytes(4)
    return bytes(sealed)


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
    if not isinstance(aigc, dict) or not all(isinstance(value, str) for value in aigc.values()):
        return None
    return Marking(sources[0], aigc)


def seal_holds(marking: Marking, pixels: str) -> bool:
    """True when this installation sealed these very pixels, under its present key or a former one."""
    content_id, found = marking.aigc.get("ProduceID", ""), marking.aigc.get("ReservedCode1", "")
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(constant_time_compare(found, content_seal(content_id, pixels, key=key)) for key in keys)
