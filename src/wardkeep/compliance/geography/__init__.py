"""Places of regions and state laws on where health records may be, as dated data (see the TOML files beside this).

A law's profile is a reading of it for the officer, with its citation and its doubts; counsel decides which ones hold
for the organisation, and a rule (`compliance.residency`) makes one hold for calls.
"""

import tomllib
from importlib.resources import files
from typing import Final, TypeVar

import msgspec

from wardkeep.compliance.errors import RecordUnreadable
from wardkeep.model.residency import Geography

_PACKAGE: Final = __package__
_T = TypeVar("_T")


class Law(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One state law: what it is, since when, where it lets data be, and what is doubtful about this reading."""

    title: str
    citation: str
    effective: str
    as_of: str
    certainty: str
    places: frozenset[str]
    doubts: tuple[str, ...]


class _Laws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    laws: dict[str, Law]


class _Places(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: str
    places: dict[str, tuple[str, ...]]


def load_laws() -> dict[str, Law]:
    """Return the laws by id. Raises RecordUnreadable: the installation is damaged."""
    return _read("laws.toml", _Laws).laws


def load_geography() -> Geography:
    """Return the places of regions and what laws allow.

    Raises:
        RecordUnreadable: the installation is damaged, or a region has two places.
    """
    place_of: dict[str, str] = {}
    for place, names in _read("places.toml", _Places).places.items():
        for name in names:
            if place_of.setdefault(name, place) != place:
                raise RecordUnreadable("a region of this installation's list has two places")
    return Geography(place_of=place_of, allowed_by={name: law.places for name, law in load_laws().items()})


def _read(name: str, form: type[_T]) -> _T:
    try:
        return msgspec.convert(tomllib.loads(files(_PACKAGE).joinpath(name).read_text("utf-8")), form)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError) as error:
        raise RecordUnreadable(f"the file {name} of this installation cannot be read") from error
