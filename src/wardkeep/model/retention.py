"""How long records are kept: months as numbers.

Pure. A subject's keys are drawn by month, so the month of the newest one bounds how new its newest record is.
"""

from datetime import date


def period_of(day: date) -> int:
    """Return the month of a day, counted from year 0."""
    return day.year * 12 + day.month - 1
