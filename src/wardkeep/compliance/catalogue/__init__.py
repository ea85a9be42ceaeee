"""The control catalogue: what the rules ask, as dated data in our own words (`controls.toml` beside this).

45 CFR 164.306 to 164.316, 164.402 to 164.414, 164.502 to 164.530 as they bear on AI, 42 CFR Part 2, and overlays of
other laws. A row whose text was not read anywhere is unconfirmed and says so; nothing is computed from it. The profile
`nprm_strict` shows the proposal of 2025-01-06 beside the rule that is in force, and never calls it law.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from wardkeep.compliance.errors import RecordUnreadable

_PACKAGE: Final = __package__
_FILE: Final = "controls.toml"


class Profile(StrEnum):
    """Which text the catalogue is shown under: the one in force, or the proposal as if it were."""

    CURRENT = "current"
    NPRM_STRICT = "nprm_strict"


class Designation(StrEnum):
    """Whether a specification must be implemented, or decided upon (45 CFR 164.306(d)). Standards are required."""

    REQUIRED = "required"
    ADDRESSABLE = "addressable"


class Node(StrEnum):
    """What the rule calls the row; a `duty` or a `clause` of a contract is neither standard nor specification."""

    STANDARD = "standard"
    SPECIFICATION = "specification"
    DUTY = "duty"
    CLAUSE = "clause"


class Strength(StrEnum):
    """What a status can rest on at most: enforced or recorded facts, facts and judgement, or people's word."""

    STRONG = "strong"
    PARTIAL = "partial"
    ATTESTED = "attested"


class Source(StrEnum):
    """Where a row was read; `MEMORY` is nowhere."""

    ECFR = "ecfr"
    NIST = "nist"
    SECONDARY = "secondary"
    OLDER = "older"
    MEMORY = "memory"


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"applies_to": "for"}):
    """One row. `reviewed` is how often at the least: an ISO 8601 period or `continuous`.

    What is attested by nature happens between people or in buildings: no record of the program can show it.
    """

    id: str
    citation: str
    title: str
    asks: str
    designation: Designation
    kind: str
    node: Node
    applies_to: tuple[str, ...]
    strength: Strength
    reviewed: str
    source: Source
    doubt: str | None = None
    is_attested_by_nature: bool = False

    @property
    def is_unconfirmed(self) -> bool:
        """Whether nobody read the rule for this row."""
        return self.source is Source.MEMORY


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change that the proposal of 2025-01-06 (90 FR 898) would make."""

    id: str
    strengthens: tuple[str, ...]
    asks: str


class Overlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One law or framework beside HIPAA; always unconfirmed."""

    id: str
    citation: str
    title: str
    asks: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    as_of: str
    sources: dict[Source, str]
    controls: tuple[Control, ...]
    proposals: tuple[Proposal, ...]
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All of it; `controls` by id in the order of the rule."""

    as_of: str
    sources: Mapping[Source, str]
    controls: Mapping[str, Control]
    proposals: tuple[Proposal, ...]
    overlays: tuple[Overlay, ...]


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue. Raises RecordUnreadable: the installation is damaged."""
    try:
        text = files(_PACKAGE).joinpath(_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordUnreadable(f"the file {_FILE} of this installation cannot be read") from error
    return read_catalogue(text)


def read_catalogue(text: str) -> Catalogue:
    """Return the catalogue in a text.

    Raises:
        RecordUnreadable: it is not one, an id stands twice, or a proposal names no control.
    """
    try:
        found = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecordUnreadable(f"the file {_FILE} of this installation cannot be read") from error
    controls = {each.id: each for each in found.controls}
    named = {name for each in found.proposals for name in each.strengthens}
    if len(controls) != len(found.controls) or not named <= controls.keys() or set(found.sources) != set(Source):
        raise RecordUnreadable(f"the file {_FILE} of this installation contradicts itself")
    return Catalogue(
        as_of=found.as_of,
        sources=MappingProxyType(found.sources),
        controls=MappingProxyType(controls),
        proposals=found.proposals,
        overlays=found.overlays,
    )


def designation_under(control: Control, profile: Profile) -> Designation:
    """Return how a control counts: the proposal would end the addressable category."""
    return Designation.REQUIRED if profile is Profile.NPRM_STRICT else control.designation


def show(catalogue: Catalogue, profile: Profile) -> dict[str, object]:
    """Return the catalogue as it is shown: each row with its source, its doubts, and whether it is confirmed."""
    is_strict = profile is Profile.NPRM_STRICT
    proposed = {
        name: [each.asks for each in catalogue.proposals if name in each.strengthens] for name in catalogue.controls
    }
    rows = [
        {
            "id": each.id,
            "citation": each.citation,
            "title": each.title,
            "asks": each.asks,
            "designation": designation_under(each, profile).value,
            "kind": each.kind,
            "node": each.node.value,
            "applies_to": list(each.applies_to),
            "strength": each.strength.value,
            "reviewed": each.reviewed,
            "source": catalogue.sources[each.source],
            "is_unconfirmed": each.is_unconfirmed,
            "is_attested_by_nature": each.is_attested_by_nature,
            "doubt": each.doubt,
            "proposed": proposed[each.id] if is_strict else [],
        }
        for each in catalogue.controls.values()
    ]
    overlays = [
        {"id": each.id, "citation": each.citation, "title": each.title, "asks": each.asks, "is_unconfirmed": True}
        for each in catalogue.overlays
    ]
    note = "The rule in force, in our own words; not legal advice."
    if is_strict:
        note = "The proposal of 2025-01-06 (90 FR 898) shown as if it held. It is not law."
    return {
        "as_of": catalogue.as_of,
        "profile": profile.value,
        "note": note,
        "controls": rows,
        "overlays": overlays,
        "unconfirmed": sum(each.is_unconfirmed for each in catalogue.controls.values()) + len(overlays),
    }
