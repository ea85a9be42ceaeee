"""Terms profiles: what each platform's terms are known to reach, as versioned data (DESIGN section 6).

One TOML file a version, `<platform>.<version>.toml`; a published version is never edited, only followed by another.
Each says when it was written, what it was read from, and what is doubtful about it. A profile opens nothing: calls need
a scope of a signed agreement, and the contract always wins. An organisation starts on the first version and moves to
another by two people's adoption; until then the newest version can only close more (`model.terms.narrowed`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from wardkeep.compliance.errors import RecordUnreadable
from wardkeep.model.registry import Registry
from wardkeep.model.residency import PlatformRegions, Told
from wardkeep.model.terms import ModelRetention, Terms, narrowed

FIRST_VERSION: Final = 1


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a statement was read, and when. `certainty` is `read` or `memory`: the latter is checked before use."""

    what: str
    as_of: str
    certainty: str


class Outside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something the platform offers that its terms do not reach, for the people who read the profile."""

    name: str
    why: str


class Retaining(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Models, by prefix of their names, that are served with retention only."""

    match: str
    days: int
    why: str


class Regions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the platform tells where it processes a call (`model.residency.PlatformRegions`)."""

    told: Told
    hosts: dict[str, str] = {}
    profiles: dict[str, str] = {}
    types: dict[str, tuple[str, ...]] = {}


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of a platform's terms."""

    platform: str
    version: int
    title: str
    written: date
    contract: str
    dialects: frozenset[str]
    endpoints: frozenset[str]
    features: frozenset[str]
    sources: tuple[Source, ...]
    doubts: tuple[str, ...]
    regions: Regions
    fields_denied: frozenset[str] = frozenset()
    outside: tuple[Outside, ...] = ()
    retaining: tuple[Retaining, ...] = ()

    @property
    def terms(self) -> Terms:
        """What the road reads of it."""
        return Terms(
            platform=self.platform,
            version=self.version,
            dialects=self.dialects,
            endpoints=self.endpoints,
            features=self.features,
            fields_denied=self.fields_denied,
            retaining=tuple(ModelRetention(match=each.match, days=each.days) for each in self.retaining),
            regions=PlatformRegions(
                told=self.regions.told,
                hosts=self.regions.hosts,
                profiles=self.regions.profiles,
                types=self.regions.types,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What moving from one version to another would do."""

    opens: tuple[str, ...]
    closes: tuple[str, ...]


Profiles = Mapping[str, Mapping[int, Profile]]


@cache
def load_profiles() -> Profiles:
    """Return every version of every profile in the package, by platform.

    Raises:
        RecordUnreadable: a profile does not parse, or its name and content disagree: the installation is damaged.
    """
    found: dict[str, dict[int, Profile]] = {}
    for file in files(__package__).iterdir():
        if not file.name.endswith(".toml"):
            continue
        try:
            profile = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Profile)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise RecordUnreadable(f"the terms profile {file.name} of this installation cannot be read") from error
        if file.name != f"{profile.platform}.{profile.version}.toml":
            raise RecordUnreadable(f"the terms profile {file.name} says that it is another one")
        found.setdefault(profile.platform, {})[profile.version] = profile
    return MappingProxyType({name: MappingProxyType(versions) for name, versions in found.items()})


def adopted_version(registry: Registry, platform: str) -> int:
    """Return the version that the organisation holds itself to."""
    adoption = registry.adoptions.get(platform)
    return FIRST_VERSION if adoption is None else adoption.version


def terms_in_force(profiles: Profiles, registry: Registry) -> dict[str, Terms]:
    """Return each platform's terms as the road reads them: the adopted version, closed further by the newest.

    A platform whose adopted version this installation does not have is left out, which closes it.
    """
    found: dict[str, Terms] = {}
    for platform, versions in profiles.items():
        adopted = versions.get(adopted_version(registry, platform))
        if adopted is not None:
            found[platform] = narrowed(adopted.terms, versions[max(versions)].terms)
    return found


def difference(before: Profile, after: Profile) -> Difference:
    """Return what an adoption would open and close, in words that name each thing."""
    opens: list[str] = []
    closes: list[str] = []
    for noun, old, new in (
        ("protocol", before.dialects, after.dialects),
        ("endpoint", before.endpoints, after.endpoints),
        ("feature", before.features, after.features),
    ):
        opens += (f"{noun} {name}" for name in sorted(new - old))
        closes += (f"{noun} {name}" for name in sorted(old - new))
    opens += (f"field {name}" for name in sorted(before.fields_denied - after.fields_denied))
    closes += (f"field {name}" for name in sorted(after.fields_denied - before.fields_denied))
    old_days = {each.match: each.days for each in before.retaining}
    new_days = {each.match: each.days for each in after.retaining}
    for match in sorted(old_days.keys() | new_days.keys()):
        old_kept, new_kept = old_days.get(match, 0), new_days.get(match, 0)
        if old_kept != new_kept:
            words = f"models {match}* kept {new_kept} days instead of {old_kept}"
            (opens if new_kept < old_kept else closes).append(words)
    return Difference(opens=tuple(opens), closes=tuple(closes))
