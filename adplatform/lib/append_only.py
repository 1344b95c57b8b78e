"""Rows that are written once: the ORM refuses to change or delete them, before the database does."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class AppendOnlyError(RuntimeError):
    """Somebody tried to change or delete a row that stands as a proof."""


def _refuse() -> NoReturn:
    raise AppendOnlyError("Rows of this table are written once; nothing changes or deletes them.")


class AppendOnlyQuerySet(models.QuerySet[Row]):
    """A query set that reads and inserts."""

    def update(self, **kwargs: Any) -> NoReturn:
        _refuse()

    def delete(self) -> NoReturn:
        _refuse()


class AppendOnlyModel(models.Model):
    """Base of a table whose rows are written once; its manager is made of an ``AppendOnlyQuerySet``."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            _refuse()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse()
