"""Data sets that leave the organisation: determinations, data use agreements, releases and their sign-off.

45 CFR 164.514(b)-(e). A release is prepared by one person and signed by another, who states that they know of nothing
in it that could identify anybody (164.514(b)(2)(ii)), or relies on an Expert Determination that holds that day. A
limited data set needs a data use agreement that holds. What was signed is a fact: it is withdrawn, never changed.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_opener
from wardkeep.model.registry import Person, Registry
from wardkeep.model.release import DataUseAgreement, Determination, Export, Release, ReleaseBasis
from wardkeep.policy.roles import Permission

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LIST: Final = "wardkeep release list"


def add_determination(registry: Registry, by: Person, *, determination: Determination) -> tuple[Change, ...]:
    """Record an Expert Determination and the days between which it holds. Raises NotAllowed."""
    require(by, Permission.RELEASE_SIGN)
    if clean_id(determination.id, "determination id") in registry.determinations:
        raise taken("determination", "Record a renewal under another id.")
    if determination.effective_on > determination.expires_on:
        raise invalid("last day", "not before the first")
    record = replace(
        determination,
        expert=clean_text(determination.expert, "expert"),
        document_sha256=_hash(determination.document_sha256, "document's hash"),
        added_by=by.id,
        ended_by=None,
    )
    return (Change(kind=Kind.DETERMINATIONS, id=record.id, record=record),)


def end_determination(registry: Registry, by: Person, *, determination: str) -> tuple[Change, ...]:
    """End a determination from now on; releases that were signed under it stay on record. Raises NotAllowed."""
    require(by, Permission.RELEASE_SIGN)
    found = registry.determinations.get(determination)
    if found is None or found.ended_by is not None:
        raise unknown("determination that is in force", _LIST)
    return (Change(kind=Kind.DETERMINATIONS, id=found.id, record=replace(found, ended_by=by.id)),)


def add_data_use(registry: Registry, by: Person, *, agreement: DataUseAgreement) -> tuple[Change, ...]:
    """Record a data use agreement. Raises NotAllowed."""
    require(by, Permission.RELEASE_SIGN)
    if clean_id(agreement.id, "agreement id") in registry.data_uses:
        raise taken("data use agreement", "Record a renewal under another id.")
    if agreement.expires_on is not None and agreement.effective_on > agreement.expires_on:
        raise invalid("last day", "not before the first")
    record = replace(
        agreement,
        recipient=clean_text(agreement.recipient, "recipient"),
        document_sha256=_hash(agreement.document_sha256, "document's hash"),
        added_by=by.id,
        ended_by=None,
    )
    return (Change(kind=Kind.DATA_USES, id=record.id, record=record),)


def end_data_use(registry: Registry, by: Person, *, agreement: str) -> tuple[Change, ...]:
    """End a data use agreement from now on. Raises NotAllowed."""
    require(by, Permission.RELEASE_SIGN)
    found = registry.data_uses.get(agreement)
    if found is None or found.ended_by is not None:
        raise unknown("data use agreement that is in force", _LIST)
    return (Change(kind=Kind.DATA_USES, id=found.id, record=replace(found, ended_by=by.id)),)


def prepare_release(registry: Registry, by: Person, *, release: Release) -> tuple[Change, ...]:
    """Record a data set that is to leave, with the hashes of its bytes and its detection report. Raises NotAllowed."""
    require(by, Permission.RELEASE_PREPARE)
    if clean_id(release.id, "release id") in registry.releases:
        raise taken("release", "Another data set is another release.")
    record = replace(
        release,
        policy=clean_text(release.policy, "policy", longest=64),
        recipient=clean_text(release.recipient, "recipient"),
        dataset_sha256=_hash(release.dataset_sha256, "data set's hash"),
        report_sha256=_hash(release.report_sha256, "report's hash"),
        permission_sha256=None
        if release.permission_sha256 is None
        else _hash(release.permission_sha256, "permission's hash"),
        prepared_by=by.id,
        signed_by=None,
        signed_on=None,
        no_actual_knowledge=False,
        withdrawn_by=None,
        statement=None,
        exports=(),
    )
    _check_basis(registry, record)
    return (Change(kind=Kind.RELEASES, id=record.id, record=record),)


def sign_release(
    registry: Registry, by: Person, *, release: str, no_actual_knowledge: bool, today: date
) -> tuple[Change, ...]:
    """Sign a release: from now on the data set may leave.

    Raises:
        NotAllowed: the signer prepared it or had a hand in the preparer's access, its basis does not hold today, or the
            statement that 164.514(b)(2)(ii) asks for is not made.
    """
    require(by, Permission.RELEASE_SIGN)
    found = registry.releases.get(release)
    if found is None:
        raise unknown("release", _LIST)
    if found.signed_by is not None or found.withdrawn_by is not None:
        raise NotAllowed(
            "wrong_status",
            what="This release was signed or withdrawn before.",
            why="What was signed is a fact and is not signed again.",
            fix="Prepare a release of its own for another data set.",
            status=409,
        )
    note = check_opener(registry, by, found.prepared_by, deed="prepared the release")
    _check_basis(registry, found, on=today)
    if found.basis is not ReleaseBasis.LIMITED_DATA_SET and not no_actual_knowledge:
        raise NotAllowed(
            "statement_missing",
            what="The signer did not state that they have no actual knowledge.",
            why="Data that the organisation knows could identify somebody is not de-identified, whatever was removed "
            "(45 CFR 164.514(b)(2)(ii)).",
            fix="Review the data set; then sign with --no-actual-knowledge, or do not sign.",
        )
    record = replace(
        found, signed_by=by.id, signed_on=today, no_actual_knowledge=no_actual_knowledge, statement=SEE_THIS_ENTRY
    )
    return (Change(kind=Kind.RELEASES, id=found.id, record=record, note=note),)


def export_release(
    registry: Registry, by: Person, *, release: str, dataset_sha256: str, certificate_sha256: str, today: date
) -> tuple[Change, ...]:
    """Record that a signed data set is taken out to train a model; what it rests on is asked again for this day.

    Raises:
        NotAllowed: it was not signed or was withdrawn, is a limited data set (that is PHI still), is not these bytes,
            or its determination does not hold today.
    """
    require(by, Permission.RELEASE_PREPARE)
    found = exportable(registry, release, today=today)
    if dataset_sha256 != found.dataset_sha256:
        raise NotAllowed(
            "dataset_differs",
            what="These are not the bytes that were examined and signed.",
            why="A release is bound to one data set (45 CFR 164.514(b)).",
            fix="Export the file that was prepared, or prepare this one as a release of its own.",
        )
    export = Export(on=today, by=by.id, certificate_sha256=certificate_sha256)
    return (Change(kind=Kind.RELEASES, id=found.id, record=replace(found, exports=(*found.exports, export))),)


def exportable(registry: Registry, release: str, *, today: date) -> Release:
    """Return a release whose data set may train a model today. Raises NotAllowed, as `export_release`."""
    found = registry.releases.get(release)
    if found is None:
        raise unknown("release", _LIST)
    if not found.is_released:
        raise NotAllowed(
            "wrong_status",
            what="This release was not signed, or was withdrawn.",
            why="Nothing leaves before another person signed it (45 CFR 164.514(b)(2)(ii)).",
            fix="Have it signed with `wardkeep release sign`.",
            status=409,
        )
    if found.basis is ReleaseBasis.LIMITED_DATA_SET:
        raise NotAllowed(
            "basis_missing",
            what="A limited data set is PHI and trains no model.",
            why="Only de-identified data is outside the rule (45 CFR 164.502(d), 164.514(a), (e)).",
            fix="Prepare the data set by Safe Harbor, or under an Expert Determination.",
        )
    _check_basis(registry, found, on=today)
    return found


def certificate(registry: Registry, release: Release, *, organisation: str, today: date) -> str:
    """Return the certificate that goes with an exported training set: what it rests on, by whom, and of which bytes."""
    determination = registry.determinations.get(release.determination or "")
    basis = "Safe Harbor, 45 CFR 164.514(b)(2)"
    if determination is not None:
        basis = (
            f"Expert Determination {determination.id} by {determination.expert}, 45 CFR 164.514(b)(1), in force from "
            f"{determination.effective_on} to {determination.expires_on}, document {determination.document_sha256}"
        )
    lines = [
        f"# De-identified training set {release.id}",
        f"Exported on {today} by {organisation or 'the organisation'} for {release.recipient}.",
        f"- data set, SHA-256: {release.dataset_sha256}",
        f"- detection report, SHA-256: {release.report_sha256}",
        f"- policy: {release.policy}",
        f"- basis: {basis}",
        f"- prepared by {release.prepared_by}, signed by {release.signed_by} on {release.signed_on}",
        f"- the words of the review: {release.statement}",
        f"- the signer knows of nothing in it that identifies: {'yes' if release.no_actual_knowledge else 'unsaid'}",
    ]
    if determination is not None:
        lines.append(f"Not to be used after {determination.expires_on} without another determination.")
    lines.append("Whoever learns that it identifies somebody tells us; it is withdrawn then and is used no more.")
    return "\n".join(lines) + "\n"


def withdraw_release(registry: Registry, by: Person, *, release: str) -> tuple[Change, ...]:
    """Withdraw a release: somebody learnt what speaks against it. One person can. Raises NotAllowed."""
    require(by, Permission.RELEASE_PREPARE)
    found = registry.releases.get(release)
    if found is None or found.withdrawn_by is not None:
        raise unknown("release that stands", _LIST)
    return (Change(kind=Kind.RELEASES, id=found.id, record=replace(found, withdrawn_by=by.id)),)


def _check_basis(registry: Registry, release: Release, *, on: date | None = None) -> None:
    """Return when the release has what its basis asks for, and on a day what holds that day. Raises NotAllowed."""
    if release.is_associate and release.permission_sha256 is None:
        raise _lacking(
            "the customer's permission",
            "A business associate de-identifies only where its contract permits it (45 CFR 164.504(e)(2)(i)).",
            "Give the hash of the contract's clause with --permission.",
        )
    determination = registry.determinations.get(release.determination or "")
    data_use = registry.data_uses.get(release.data_use or "")
    match release.basis:
        case ReleaseBasis.EXPERT_DETERMINATION if determination is None:
            raise _lacking(
                "an Expert Determination",
                "The expert's documented finding is what makes the release lawful (45 CFR 164.514(b)(1)).",
                "Record it with `wardkeep release determination`, and name it with --determination.",
            )
        case ReleaseBasis.LIMITED_DATA_SET if data_use is None:
            raise _lacking(
                "a data use agreement",
                "A limited data set goes only to who signed one (45 CFR 164.514(e)(4)).",
                "Record it with `wardkeep release data-use`, and name it with --data-use.",
            )
        case _:
            pass
    allows = determination is not None and determination.allows_shifted_dates
    if release.shifts_dates and not allows and release.basis is not ReleaseBasis.LIMITED_DATA_SET:
        raise _lacking(
            "an Expert Determination that covers shifted dates",
            "A shifted date still is a date, which Safe Harbor removes but for the year.",
            "Treat the data set again without shifting, or have an expert determine that it may be.",
        )
    if release.shifts_dates and release.basis is ReleaseBasis.SAFE_HARBOR:
        raise _lacking(
            "the basis that its shifted dates need",
            "Safe Harbor removes dates but for the year, whatever an expert says of other data.",
            "Prepare it on the basis of the determination.",
        )
    for held in (determination, data_use):
        if on is not None and held is not None and not held.holds(on):
            raise NotAllowed(
                "basis_expired",
                what="What this release rests on does not hold today.",
                why="A determination or data use agreement covers what leaves between its first and its last day.",
                fix="Record a renewal, and prepare the release under it.",
            )


def _lacking(what: str, why: str, fix: str) -> NotAllowed:
    return NotAllowed("basis_missing", what=f"The release lacks {what}.", why=why, fix=fix)


def _hash(value: str, noun: str) -> str:
    if _SHA256.fullmatch(value) is None:
        raise invalid(noun, "a SHA-256 as 64 hexadecimal digits")
    return value
