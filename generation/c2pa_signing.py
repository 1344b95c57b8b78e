"""C2PA: the signed statement in a file that a machine helped to make it, and what such a statement says.

Signing hashes the file's bytes, so it comes last; any save after it drops the manifest. Thumbnails are
off (3 kB instead of half a megabyte), and reading never fetches anything that a file names. The library is
imported on first use: a web process that verifies nothing does not pay for it.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from generation.c2pa_credential import Credential, credential_get
from generation.provenance import SOURCE_TYPE

if TYPE_CHECKING:
    import c2pa

MIME_TYPES = {"webp": "image/webp", "jpg": "image/jpeg", "png": "image/png", "avif": "image/avif"}
GENERATOR = "adplatform"


class ManifestState(StrEnum):
    """What a file's C2PA manifest is worth. Stable codes."""

    OURS = "ours"  # valid and signed with this installation's certificate
    FOREIGN = "foreign"  # valid, signed by somebody else
    INVALID = "invalid"  # there is one and it does not match the file
    ABSENT = "absent"


@dataclass(frozen=True)
class Manifest:
    """The manifest of a file, as far as it can be read."""

    state: ManifestState
    title: str = ""  # the content id, when we wrote it
    codes: tuple[str, ...] = ()  # C2PA's own validation codes, such as assertion.dataHash.mismatch


def signed(content: bytes, extension: str, *, content_id: str) -> bytes:
    """The file with a manifest: created by a model together with other material, by this software."""
    import c2pa

    manifest = {
        "claim_generator_info": [{"name": GENERATOR}],
        "title": content_id,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": SOURCE_TYPE,
                            "softwareAgent": {"name": GENERATOR},
                        }
                    ]
                },
            }
        ],
    }
    signer, context = _tools(credential_get())
    target = io.BytesIO()
    with c2pa.Builder(manifest, context=context) as builder:
        builder.sign(signer, MIME_TYPES[extension], io.BytesIO(content), target)
    return target.getvalue()


def manifest_read(content: bytes, extension: str) -> Manifest:
    """What the file's manifest says and whether it holds; never raises for what a file contains."""
    import c2pa

    credential = credential_get()
    _, context = _tools(credential)
    try:
        with c2pa.Reader(MIME_TYPES[extension], io.BytesIO(content), context=context) as reader:
            state = reader.get_validation_state()
            report: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Manifest(ManifestState.ABSENT)
    except c2pa.C2paError as error:
        return Manifest(ManifestState.INVALID, codes=(str(error).partition(":")[0][:60],))
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    codes = tuple(str(entry.get("code")) for entry in report.get("validation_status", []))
    title = str(active.get("title", ""))
    if state == "Invalid":
        return Manifest(ManifestState.INVALID, title, codes)
    serial = active.get("signature_info", {}).get("cert_serial_number")
    is_ours = state == "Trusted" and serial == credential.serial_number
    return Manifest(ManifestState.OURS if is_ours else ManifestState.FOREIGN, title, codes)


@lru_cache(maxsize=4)
def _tools(credential: Credential) -> tuple[c2pa.Signer, c2pa.Context]:
    """Signer and context of a credential; they are made once a process and used many times."""
    import c2pa

    # The texts must be bytes, and there is no time-stamp server: signing works without a network.
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", credential.chain, credential.key, None))
    settings = c2pa.Settings.from_dict(
        {
            "builder": {"thumbnail": {"enabled": False}},
            "trust": {"trust_anchors": credential.authority.decode()},
            "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
        }
    )
    return signer, c2pa.Context(settings)
