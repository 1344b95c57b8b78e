"""Group commit: requests that arrive while a transaction runs share the next one.

A commit waits for the disk, whatever it holds, so ten requests in one transaction cost little more than one.
There is no thread of its own and no delay: the first request that finds nobody writing writes for all that
wait, and every request is answered after the commit that holds its events.
"""

from __future__ import annotations

import fcntl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GROUP_LIMIT = 64  # requests in one transaction


class _Waiting(Generic[Item, Result]):
    """One request's part of a group."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = threading.Event()
        self.result: Result | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Result]):
    """``write`` takes the items of a group and returns a result for each, after its commit."""

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result]], *, lock_file: Path | None
    ) -> None:
        self._write = write
        self._lock_file = lock_file
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._writing = threading.Lock()

    def submit(self, item: Item) -> Result:
        """Returns once the item's transaction is committed. Raises what ``write`` raised for it alone."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        self._queue.append(mine)
        with self._writing:
            # Whoever held the lock before may have written ours; else ours is among the first in the queue.
            while not mine.done.is_set():
                self._write_group()
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[return-value]

    def _write_group(self) -> None:
        group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_LIMIT))]
        try:
            with self._among_processes():
                results = self._write([waiting.item for waiting in group])
            for waiting, result in zip(group, results, strict=True):
                waiting.result = result
        except Exception as error:
            self._write_apart(group, error)
        except BaseException as error:  # the process is ending: nobody may take that for a commit
            for waiting in group:
                waiting.error = error
            raise
        finally:
            for waiting in group:
                waiting.done.set()

    def _write_apart(self, group: list[_Waiting[Item, Result]], error: Exception) -> None:
        """One item that cannot be written must not fail its neighbours."""
        if len(group) == 1:
            group[0].error = error
            return
        for waiting in group:
            try:
                with self._among_processes():
                    (waiting.result,) = self._write([waiting.item])
            except Exception as own:
                waiting.error = own

    @contextmanager
    def _among_processes(self) -> Iterator[None]:
        """Writers of several processes queue in the kernel, where the first to come is the first to go.

        SQLite alone lets them sleep and try again: measured, the slowest hundredth then waits ten times as
        long. Without a file (PostgreSQL, where writers do not wait for each other) nothing is done.
        """
        if self._lock_file is None:
            yield
            return
        with self._lock_file.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
