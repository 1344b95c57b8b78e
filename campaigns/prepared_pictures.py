"""Pictures of products as stored, and notes of what each became, so that none is worked on twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from adplatform.lib.files import content_read, content_store
from campaigns.catalog_pictures import PreparedPicture

PICTURE_FIELDS = (
    "image",
    "image_sha256",
    "image_fingerprint",
    "cutout",
    "cutout_sha256",
    "cutout_kind",
    "palette",
)


@dataclass(frozen=True)
class StoredPicture:
    """The columns of a product that one picture fills; all empty when it cannot be used."""

    image: str = ""
    image_sha256: str = ""
    cutout: str = ""
    cutout_sha256: str = ""
    cutout_kind: str = ""
    palette: tuple[str, ...] = ()
    problem_code: str = ""
    problem: str = ""


def _name(advertiser_id: UUID, key: str) -> str:
    """Where the result of a picture is kept; raise the picture code's VERSION when StoredPicture changes."""
    return f"products/prepared/{advertiser_id}/{key[:2]}/{key}.json"


def picture_note(advertiser_id: UUID, key: str, stored: StoredPicture) -> None:
    """Remember what the picture with fingerprint ``key`` became."""
    default_storage.save(_name(advertiser_id, key), ContentFile(json.dumps(asdict(stored)).encode()))


def picture_noted(advertiser_id: UUID, key: str) -> StoredPicture | None:
    """What it became when it was last worked on; None for one that never was."""
    try:
        return StoredPicture(**json.loads(content_read(_name(advertiser_id, key))))
    except FileNotFoundError:
        return None


def picture_store(picture: PreparedPicture) -> StoredPicture:
    """Write the files."""
    image, image_sha256 = content_store(picture.image, folder="products", extension="webp")
    cutout, cutout_sha256 = content_store(picture.cutout, folder="products", extension="png")
    return StoredPicture(image, image_sha256, cutout, cutout_sha256, picture.cutout_kind, picture.palette)
