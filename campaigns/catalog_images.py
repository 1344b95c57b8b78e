"""Where a feed's pictures come from: a folder beside it, or a zip uploaded with it.

Nothing is ever unpacked to disk, every read is bounded, and no path leads out of the folder.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Protocol

from campaigns.catalog_pictures import MAX_BYTES, PictureError
from campaigns.feeds.base import FeedError
from campaigns.feeds.rows import RowCode, safe_path

MAX_ZIP_BYTES = 256 * 1024 * 1024
MAX_ZIP_ENTRIES = 100_000
MAX_ZIP_TOTAL = 4 * 1024**3  # unpacked, as the directory declares it
MAX_RATIO = 200  # pictures are packed already; a file that shrinks more than this is a bomb


class ImageSource(Protocol):
    """Pictures by the path that the feed names."""

    def read(self, path: str) -> bytes:
        """The file's bytes. Raises PictureError."""
        ...


class FolderImages:
    """Pictures in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def read(self, path: str) -> bytes:
        inside = safe_path(path)
        if not inside:
            raise _unsafe()
        try:
            target = (self.folder / inside).resolve()
            if not target.is_relative_to(self.folder):  # a symbolic link that leads out
                raise _unsafe()
            if not target.is_file():
                raise _missing(path)
            with target.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError):
            raise _missing(path) from None
        if len(content) > MAX_BYTES:
            raise PictureError(RowCode.IMAGE_TOO_LARGE, "The picture has more than 10 MB.")
        return content


class ZipImages:
    """Pictures in a zip file. Raises FeedError for a file that is none, or breaks the limits."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        if len(content) > MAX_ZIP_BYTES:
            raise FeedError(
                "images_too_large", f"The zip with pictures is larger than {MAX_ZIP_BYTES // 2**20} MB."
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, OverflowError, EOFError):
            raise FeedError("images_unreadable", "The file with pictures is not a readable zip.") from None
        if len(entries) > MAX_ZIP_ENTRIES or sum(entry.file_size for entry in entries) > MAX_ZIP_TOTAL:
            raise FeedError("images_too_large", "The zip with pictures unpacks to too much.")
        self._entries = {path: entry for entry in entries if (path := safe_path(_entry_name(entry)))}
        tops = {path.split("/", 1)[0] for path in self._entries if not path.startswith("__MACOSX/")}
        # A folder zipped as a whole: its own name stands before every path of the feed.
        self._top = f"{tops.pop()}/" if len(tops) == 1 else ""

    def read(self, path: str) -> bytes:
        inside = safe_path(path)
        if not inside:
            raise _unsafe()
        entry = self._entries.get(inside) or self._entries.get(self._top + inside)
        if entry is None:
            raise _missing(path)
        if entry.file_size > MAX_BYTES or entry.file_size > MAX_RATIO * max(entry.compress_size, 1024):
            raise PictureError(RowCode.IMAGE_TOO_LARGE, "The picture has more than 10 MB.")
        try:
            with self._zip.open(entry) as file:
                content = file.read(MAX_BYTES + 1)  # the declared size may be a lie
        except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError, ValueError):
            raise PictureError(RowCode.IMAGE_BROKEN, "The picture cannot be unpacked from the zip.") from None
        if len(content) > MAX_BYTES:
            raise PictureError(RowCode.IMAGE_TOO_LARGE, "The picture has more than 10 MB.")
        return content


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """Names of zips made on Chinese Windows are GBK bytes that zipfile reads as cp437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename


def _missing(path: str) -> PictureError:
    return PictureError(RowCode.IMAGE_NOT_FOUND, f"There is no picture {path[:120]!r}.")


def _unsafe() -> PictureError:
    return PictureError(RowCode.IMAGE_UNSAFE_PATH, "The picture's path leads out of the feed's folder.")
