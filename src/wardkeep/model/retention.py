"""How long records are kept: months as numbers, rules as data, and the last day on which a record is kept.

Pure. A subject's keys are drawn by month, so the month of the newest one bounds how new its newest record is.
Clocks are apart: documentation runs six years from its creation or from when it was last in effect (45 CFR
164.316(b)(2)(i), 164.530(j)(2)), accounting headers six years before the request (164.528(a)(1)), and what was said in
calls by the organisation's own rules, which a State's law may lengthen and a minor's majority may prolong.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

LEAST_YEARS: Final = 6  # 45 CFR 164.316(b)(2)(i), 164.528(a)(1)
MAJORITY_AGE: Final = 18


class RecordClass(StrEnum):
    """What is kept by a clock of its own. Values are shown and never renamed."""

    DOCUMENTATION = "documentation"
    ACCOUNTING_HEADERS = "accounting_headers"
    AI_CONTENT = "ai_content"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """One clock: records of a class are kept so many years, those of a minor also so many years after majority.

    `state` None holds everywhere; a State's rule holds beside it, and the longest counts. `years_after_majority` None
    has no rule for minors. `citation` says which law or policy asks for it.
    """

    id: str
    record_class: RecordClass
    years: int
    citation: str
    state: str | None = None
    years_after_majority: int | None = None
    majority_age: int = MAJORITY_AGE
    set_by: str = ""


DEFAULT_RULES: Final = (
    RetentionRule(
        id="default-documentation",
        record_class=RecordClass.DOCUMENTATION,
        years=LEAST_YEARS,
        citation="45 CFR 164.316(b)(2)(i), 164.530(j)(2)",
    ),
    RetentionRule(
        id="default-accounting",
        record_class=RecordClass.ACCOUNTING_HEADERS,
        years=LEAST_YEARS,
        citation="45 CFR 164.528(a)(1)",
    ),
    RetentionRule(
        id="default-content",
        record_class=RecordClass.AI_CONTENT,
        years=LEAST_YEARS,
        citation="this product's default, until a rule is set",
    ),
)


def rules_in_force(rules: Iterable[RetentionRule]) -> tuple[RetentionRule, ...]:
    """Return the rules that count: those on record, and the default of each class that has no rule for everywhere."""
    held = sorted(rules, key=lambda rule: rule.id)
    everywhere = {rule.record_class for rule in held if rule.state is None}
    return (*held, *(rule for rule in DEFAULT_RULES if rule.record_class not in everywhere))


def period_of(day: date) -> int:
    """Return the month of a day, counted from year 0."""
    return day.year * 12 + day.month - 1


def last_day_of(period: int) -> date:
    """Return the last day of a month."""
    year, month = divmod(period + 1, 12)
    return date(year, month + 1, 1) - timedelta(days=1)


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; where there is no 29 February, the day after, so never too early."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def kept_until(
    rules: Iterable[RetentionRule], record_class: RecordClass, *, newest: date, state: str | None, born_on: date | None
) -> date:
    """Return the last day on which records of a class must be kept: the longest of the rules that may apply.

    Args:
        rules: those on record.
        record_class: whose clock is asked.
        newest: the day of the newest record.
        state: whose law applies; None is not known, so that every State's rule counts.
        born_on: the subject's day of birth; None states that they were of age in every record.
    """
    ends = []
    for rule in rules_in_force(rules):
        if rule.record_class is not record_class or not (rule.state is None or state in {None, rule.state}):
            continue
        ends.append(years_after(newest, rule.years))
        if born_on is not None and rule.years_after_majority is not None:
            ends.append(years_after(years_after(born_on, rule.majority_age), rule.years_after_majority))
    return max(ends)
