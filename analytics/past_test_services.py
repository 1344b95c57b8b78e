"""Writes of old tests: a file comes in, its columns are named, its tests are judged and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Advertiser, User
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import DomainError, NotFound
from analytics.models import PastTest, PastTestImport
from analytics.past_test_columns import (
    UnreadableFile,
    columns_read,
    mapping_guess,
    mapping_problems,
    text_decode,
)
from analytics.past_test_reading import ReadTest, read_tests
from analytics.windows import today

Shape = PastTestImport.Shape


def past_import_get(*, advertiser_id: UUID, past_import_id: UUID) -> PastTestImport:
    """One file. Raises NotFound."""
    row = PastTestImport.objects.filter(advertiser_id=advertiser_id, pk=past_import_id).first()
    if row is None:
        raise NotFound("import")
    return row


def past_test_get(*, advertiser_id: UUID, past_test_id: UUID) -> PastTest:
    """One test. Raises NotFound."""
    row = PastTest.objects.select_related("test_import").filter(advertiser_id=advertiser_id, pk=past_test_id)
    found = row.first()
    if found is None:
        raise NotFound("past test")
    return found


def past_test_list(*, advertiser_id: UUID, search: str = "", verdict: str = "") -> QuerySet[PastTest]:
    """All, without their figures."""
    found = PastTest.objects.filter(advertiser_id=advertiser_id).defer("content", "sums")
    if search:
        found = found.filter(name__icontains=search)
    return found.filter(verdict=verdict) if verdict else found


def past_import_create(
    *,
    advertiser: Advertiser,
    source_name: str,
    content: bytes,
    shape: str = Shape.SUMS,
    user: User | None = None,
) -> PastTestImport:
    """Keep a file and guess its columns. Raises DomainError ``file_unreadable``, ``invalid``."""
    if shape not in Shape.values:
        raise DomainError("invalid", "The shape is sums or events.", errors={"shape": ["sums or events."]})
    try:
        text = text_decode(content)
        columns = columns_read(text)
    except UnreadableFile as error:
        raise DomainError("file_unreadable", str(error), errors={"file": [str(error)]}) from None
    return PastTestImport.objects.create(
        advertiser=advertiser,
        source_name=source_name.replace("\x00", "")[:255] or "file.csv",
        shape=shape,
        text=text,
        columns=columns,
        mapping=mapping_guess(columns, shape),
        created_by=user,
    )


@transaction.atomic
def past_import_run(
    *, advertiser: Advertiser, past_import_id: UUID, mapping: Mapping[str, str]
) -> PastTestImport:
    """Have a worker read the file by this mapping, once. Raises DomainError ``mapping_invalid``."""
    from analytics.tasks import past_import_read as task

    past_import_get(advertiser_id=advertiser.pk, past_import_id=past_import_id)
    row = PastTestImport.objects.select_for_update().get(pk=past_import_id)
    if row.status != PastTestImport.Status.MAPPING:
        raise DomainError("already_read", "This file was read already; import it again.", status=409)
    named = {name: column for name, column in mapping.items() if column}
    problems = mapping_problems(named, row.columns, row.shape)
    if problems:
        raise DomainError("mapping_invalid", "Some columns are missing.", errors=problems)
    row.mapping, row.status = named, PastTestImport.Status.WAITING
    row.save(update_fields=["mapping", "status"])
    queue_on_commit(task, str(row.pk))
    return row


def past_imports_read() -> int:
    """The sweep behind lost messages; the number of files read."""
    waiting = PastTestImport.objects.filter(status=PastTestImport.Status.WAITING)
    return sum(past_import_read(past_import_id=pk) for pk in list(waiting.values_list("pk", flat=True)))


def past_import_read(*, past_import_id: UUID) -> bool:
    """Judge every test of a file; worker only. False when somebody else has just done so."""
    waiting = PastTestImport.objects.filter(pk=past_import_id, status=PastTestImport.Status.WAITING)
    row = waiting.first()
    if row is None:
        return False
    reading = read_tests(row.text, row.mapping, row.shape)
    tests = [_judged(row, test) for test in reading.tests]
    with transaction.atomic():
        won = waiting.update(
            status=PastTestImport.Status.DONE,
            text="",
            test_count=len(tests),
            problem_count=reading.problem_count,
            problems=[asdict(problem) for problem in reading.problems],
        )
        if won:
            PastTest.objects.bulk_create(tests, batch_size=100)
    return bool(won)


@transaction.atomic
def past_import_delete(*, advertiser: Advertiser, past_import_id: UUID) -> None:
    """Remove a file with all its tests."""
    past_import_get(advertiser_id=advertiser.pk, past_import_id=past_import_id).delete()


def _judged(row: PastTestImport, test: ReadTest) -> PastTest:
    from analytics.past_test_reports import past_test_compute, past_test_stored

    content: dict[str, Any] = past_test_compute(test, today=today())
    lifts = [r["lift"] for r in content["metrics"][0]["rows"][1:] if r["lift"] is not None]
    return PastTest(
        advertiser_id=row.advertiser_id,
        test_import=row,
        name=test.name,
        started_on=test.started_on,
        ended_on=test.ended_on,
        metric=test.metric,
        shoppers=sum(arm.sums.n for arm in test.arms),
        lift=max(lifts, default=None),
        verdict=content["verdict"]["code"],
        sums=past_test_stored(test).to_dict(),
        content=content,
    )
