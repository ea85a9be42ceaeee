"""Which version of a terms profile the organisation holds itself to: proposed by one person, adopted by another.

A newer profile in an update of this software can only close more by itself. Whatever it would open waits here, and both
people are shown what that is. Pure, as `vendors`; the profiles are an argument.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.profiles import Difference, Profile, Profiles, adopted_version, difference
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import require, unknown
from wardkeep.compliance.two_people import second_person
from wardkeep.model.registry import Person, Registry, TermsAdoption
from wardkeep.policy.roles import Permission

_LIST: Final = "wardkeep route terms list"


def propose_version(
    registry: Registry, by: Person, *, profiles: Profiles, platform: str, version: int
) -> tuple[Change, ...]:
    """Propose that a platform's terms be read by a version; nothing changes before another person adopts it.

    Raises:
        NotAllowed: no permission, no such version, or it is the one in force.
    """
    require(by, Permission.AGREEMENT_ADD)
    _version(profiles, platform, version)
    now = adopted_version(registry, platform)
    if version == now:
        raise NotAllowed(
            "wrong_status",
            what="That version is the one in force.",
            why="Only a change is proposed.",
            fix=f"`{_LIST}` shows the versions.",
            status=409,
        )
    held = registry.adoptions.get(platform) or TermsAdoption(platform=platform, version=now)
    record = replace(held, proposed=version, proposed_by=by.id, proposed_under=by.access_by)
    return (Change(kind=Kind.ADOPTIONS, id=platform, record=record),)


def adopt_version(
    registry: Registry, by: Person, *, profiles: Profiles, platform: str, version: int
) -> tuple[Change, ...]:
    """Adopt the proposed version, named again so that nobody adopts another than they read. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    _version(profiles, platform, version)
    held = registry.adoptions.get(platform)
    if held is None or held.proposed != version or held.proposed_by is None:
        raise NotAllowed(
            "wrong_status",
            what="That version is not proposed.",
            why="One person proposes, another adopts what was proposed.",
            fix="Propose it first with `wardkeep route terms propose`.",
            status=409,
        )
    note = second_person(registry, by, held.proposed_by, under=held.proposed_under, deed="proposed the version")
    record = TermsAdoption(platform=platform, version=version, adopted_by=by.id)
    return (Change(kind=Kind.ADOPTIONS, id=platform, record=record, note=note),)


def moved_by(registry: Registry, profiles: Profiles, platform: str, version: int) -> Difference:
    """Return what the version would open and close, as things stand. Raises NotAllowed."""
    held = profiles.get(platform, {}).get(adopted_version(registry, platform))
    after = _version(profiles, platform, version)
    return difference(held or after, after)


def list_terms(registry: Registry, profiles: Profiles) -> list[dict[str, object]]:
    """Return each platform with the version in force, the newest, and what each other version would open and close."""
    return [_shown(registry, platform, versions) for platform, versions in sorted(profiles.items())]


def _shown(registry: Registry, platform: str, versions: Mapping[int, Profile]) -> dict[str, object]:
    now = adopted_version(registry, platform)
    adoption = registry.adoptions.get(platform)
    held = versions.get(now)
    others = {}
    for number, profile in sorted(versions.items()):
        if held is not None and number != now:
            moved = difference(held, profile)
            others[str(number)] = {"opens": list(moved.opens), "closes": list(moved.closes)}
    newest = versions[max(versions)]
    return {
        "platform": platform,
        "title": newest.title,
        "version": now,
        "newest": newest.version,
        "written": newest.written.isoformat(),
        "proposed": None if adoption is None else adoption.proposed,
        "proposed_by": None if adoption is None else adoption.proposed_by,
        "versions": others,
    }


def show_terms(registry: Registry, profiles: Profiles, platform: str, version: int | None) -> Profile:
    """Return one version of a profile whole; the one in force unless another is named. Raises NotAllowed."""
    return _version(profiles, platform, adopted_version(registry, platform) if version is None else version)


def _version(profiles: Profiles, platform: str, version: int) -> Profile:
    found = profiles.get(platform, {}).get(version)
    if found is None:
        raise unknown("version of a terms profile", _LIST)
    return found
