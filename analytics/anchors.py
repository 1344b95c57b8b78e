"""Where a report that never ends begins to count.

An always-valid interval promises 5 % over all looks at one growing sample. A window that moves on with the
days is another sample every day, and the promise is gone. So such a report counts from a moment that stands
still, and begins anew once a year: within a year 5 % of the reports without an effect ever show one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

YEAR = timedelta(days=365)


def year_start(began: datetime, now: datetime) -> datetime:
    """The last anniversary of ``began``, itself within the first year."""
    return began + YEAR * max(0, (now - began) // YEAR)
