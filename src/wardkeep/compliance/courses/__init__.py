"""Three built-in courses with their questions, as versioned data (45 CFR 164.308(a)(5)(i), 164.530(b)).

One TOML file a version; a published version is never edited, because certificates name its hash. The answers stay in
the package: who reads the installation can read them, as in any course on paper.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

import msgspec

from wardkeep.compliance.errors import RecordUnreadable
from wardkeep.compliance.terms import invalid, unknown


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One part of the text."""

    title: str
    text: str


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question; `right` is the place of the right option, `why` is told after answering."""

    asks: str
    options: tuple[str, ...]
    right: int
    why: str


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of a course."""

    id: str
    version: int
    title: str
    written: date
    minutes: int
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]

    @property
    def sha256(self) -> str:
        """The hash of all that is taught and asked."""
        return sha256(msgspec.json.encode(self)).hexdigest()


Courses = Mapping[str, Course]


@cache
def load_courses() -> Courses:
    """Return the newest version of each course in the package, which does not change while it runs.

    Raises:
        RecordUnreadable: one does not parse or contradicts itself: the installation is damaged.
    """
    found: dict[str, Course] = {}
    for file in files(__package__).iterdir():
        if not file.name.endswith(".toml"):
            continue
        try:
            course = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Course)
        except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise RecordUnreadable(f"the course {file.name} of this installation cannot be read") from error
        is_sound = all(0 <= each.right < len(each.options) for each in course.questions) and course.questions
        if file.name != f"{course.id}.{course.version}.toml" or not is_sound:
            raise RecordUnreadable(f"the course {file.name} of this installation contradicts itself")
        if course.id not in found or found[course.id].version < course.version:
            found[course.id] = course
    return MappingProxyType(found)


def course_of(courses: Courses, name: str) -> Course:
    """Return a course. Raises NotAllowed: there is none."""
    found = courses.get(name)
    if found is None:
        raise unknown("course", "wardkeep training list")
    return found


def scored(course: Course, answers: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Return the percent of right answers, rounded down, and the places of the wrong ones.

    Raises:
        NotAllowed: not one answer for each question, or an answer that is no option.
    """
    if len(answers) != len(course.questions):
        raise invalid("list of answers", f"{len(course.questions)} numbers, one for each question")
    if not all(0 <= given < len(each.options) for given, each in zip(answers, course.questions, strict=True)):
        raise invalid("answer", "the number of an option, counted from 0")
    wrong = tuple(
        place for place, (given, each) in enumerate(zip(answers, course.questions, strict=True)) if given != each.right
    )
    return (len(answers) - len(wrong)) * 100 // len(answers), wrong
