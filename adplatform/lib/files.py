"""Content-addressed files: a name made of the bytes' SHA-256, written so that no reader sees a half."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

from adplatform.lib.failpoints import failpoint


class AtomicFileSystemStorage(FileSystemStorage):
    """Writes beside the target, fsyncs, then renames over it: a kill leaves a ``.tmp``, never a half file."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # names carry the content's hash, so writing one again is harmless

    def _save(self, name: str, content: File[Any]) -> str:
        target = self.path(name)
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        temporary = os.path.join(folder, f".{uuid.uuid4().hex}.tmp")
        try:
            with open(temporary, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            failpoint("file_written")
            os.replace(temporary, target)
        except BaseException:  # a full disk must not be filled further by the halves of failed writes
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        # The name too must outlive a power cut: the row that is committed next refers to it.
        for path in (folder, os.path.dirname(folder)):
            _folder_sync(path)
        return name


def _folder_sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_hex(content: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of the bytes."""
    return hashlib.sha256(content).hexdigest()


def content_store(content: bytes, *, folder: str, extension: str) -> tuple[str, str]:
    """Store bytes under ``folder/ab/<sha256>.<extension>``; return (storage name, SHA-256).

    The row that refers to the file is inserted afterwards, so a crash in between leaves at most a
    file that nothing names.
    """
    digest = sha256_hex(content)
    name = f"{folder}/{digest[:2]}/{digest}.{extension}"
    default_storage.save(name, ContentFile(content))
    return name, digest


def content_read(name: str) -> bytes:
    """The bytes behind a storage name. Raises FileNotFoundError."""
    with default_storage.open(name, "rb") as file:
        return file.read()
