"""Recording disclosures made outside the gateway, and law-enforcement suspensions (45 CFR 164.528(a)(2), (b)(2)).

Pure but for sealing: a plan of changes, as `vendors`. What was recorded is withdrawn, never changed.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import msgspec

from wardkeep.compliance.clocks import ORAL_DELAY_DAYS
from wardkeep.compliance.errors import EntryUnopenable
from wardkeep.compliance.part2 import check_basis, is_of_part2
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.errors import CryptoError
from wardkeep.crypto.mac import sha256
from wardkeep.model.disclosure import MAY_SUSPEND, Disclosure, RecipientKind, Suspension
from wardkeep.model.part2 import is_for_proceeding
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

_TABLE: Final = "disclosures"
_FIELD: Final = "words"
_LIST: Final = "wardkeep disclosure list"


class DisclosureWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an accounting tells of a disclosure (164.528(b)(2)(ii)-(iv)); sealed where it is kept."""

    recipient: str
    address: str
    what: str
    purpose: str


class _Stored(msgspec.Struct, frozen=True):
    ciphertext: bytes
    key_id: str
    commitment: bytes


def record_disclosure(
    registry: Registry, by: Person, *, disclosure: str, subject: str, on: date, recipient: RecipientKind, words: bytes,
    today: date, is_part2: bool | None = None, basis: str | None = None, is_proceeding: bool | None = None,
) -> tuple[Change, ...]:  # fmt: skip
    """Record a disclosure; `subject` is the blind index, `words` as `seal_words` made it.

    Raises:
        NotAllowed: no permission, a day to come, or substance use disorder records for a proceeding without a basis, or
            a basis that did not count for that subject and day.
    """
    require(by, Permission.DISCLOSURE_RECORD)
    if clean_id(disclosure, "disclosure id") in registry.disclosures:
        raise taken("disclosure", "Choose another id.")
    if on > today:
        raise invalid("day", "today or earlier")
    of_part2 = is_of_part2(registry, subject, stated=is_part2, today=today)
    if of_part2:
        is_legal = is_for_proceeding(recipient, stated=is_proceeding)
        check_basis(registry, subject=subject, basis=basis, on=on, is_proceeding=is_legal)
    record = Disclosure(
        id=disclosure,
        subject=subject,
        on=on,
        recipient=recipient,
        recorded_by=by.id,
        words=words,
        is_part2=of_part2,
        basis=basis if of_part2 else None,
        is_proceeding=is_proceeding,
    )
    return (Change(kind=Kind.DISCLOSURES, id=record.id, record=record),)


def withdraw_disclosure(registry: Registry, by: Person, *, disclosure: str) -> tuple[Change, ...]:
    """Say that a record was wrong: it is shown no more, and stands in the ledger. Raises NotAllowed."""
    require(by, Permission.DISCLOSURE_RECORD)
    found = registry.disclosures.get(disclosure)
    if found is None or found.withdrawn_by is not None:
        raise unknown("disclosure that stands", _LIST)
    return (Change(kind=Kind.DISCLOSURES, id=found.id, record=replace(found, withdrawn_by=by.id)),)


def suspend_accounting(
    registry: Registry, by: Person, *, suspension: str, subject: str, agency: RecipientKind, stated_on: date,
    is_written: bool, until: date, today: date,
) -> tuple[Change, ...]:  # fmt: skip
    """Record an agency's statement; who said it is the reason, sealed.

    Raises:
        NotAllowed: not an agency that may, a statement of the future, or an oral one for more than 30 days.
    """
    require(by, Permission.DISCLOSURE_RECORD)
    if clean_id(suspension, "suspension id") in registry.suspensions:
        raise taken("suspension", "Choose another id.")
    if agency not in MAY_SUSPEND:
        raise invalid("agency", f"one of {', '.join(sorted(MAY_SUSPEND))} (45 CFR 164.528(a)(2)(i))")
    if stated_on > today or until < stated_on:
        raise invalid("suspension", "stated today or earlier, and ending on that day or later")
    if not is_written and until > stated_on + timedelta(days=ORAL_DELAY_DAYS):
        raise invalid(
            "last day", f"within {ORAL_DELAY_DAYS} days of an oral statement; a written one names its own time"
        )
    record = Suspension(
        id=suspension,
        subject=subject,
        agency=agency,
        stated_on=stated_on,
        is_written=is_written,
        until=until,
        recorded_by=by.id,
    )
    return (Change(kind=Kind.SUSPENSIONS, id=record.id, record=record),)


def lift_suspension(registry: Registry, by: Person, *, suspension: str) -> tuple[Change, ...]:
    """End a suspension from now on. Raises NotAllowed."""
    require(by, Permission.DISCLOSURE_RECORD)
    found = registry.suspensions.get(suspension)
    if found is None or found.lifted_by is not None:
        raise unknown("suspension that stands", _LIST)
    return (Change(kind=Kind.SUSPENSIONS, id=found.id, record=replace(found, lifted_by=by.id)),)


def seal_words(keys: EpochKeys, *, tenant: str, disclosure: str, words: DisclosureWords) -> bytes:
    """Return the sealed words of a disclosure. Raises NotAllowed: one of them is no line of text."""
    clean = DisclosureWords(
        recipient=clean_text(words.recipient, "recipient"),
        address=clean_text(words.address, "address"),
        what=clean_text(words.what, "description of what was disclosed", longest=500),
        purpose=clean_text(words.purpose, "purpose", longest=500),
    )
    sealed = seal(
        keys,
        plaintext=msgspec.json.encode(clean),
        tenant=tenant,
        table=_TABLE,
        record_id=sha256(disclosure.encode())[:16],
        field=_FIELD,
        version=1,
    )
    return msgspec.json.encode(
        _Stored(ciphertext=sealed.ciphertext, key_id=sealed.key_id, commitment=sealed.commitment)
    )


def open_words(keys: EpochKeys, *, tenant: str, disclosure: Disclosure) -> DisclosureWords:
    """Return the words of a disclosure. Raises EntryUnopenable."""
    try:
        stored = msgspec.json.decode(disclosure.words, type=_Stored)
        plain = open_(
            keys,
            sealed=Sealed(ciphertext=stored.ciphertext, key_id=stored.key_id, commitment=stored.commitment),
            tenant=tenant,
            table=_TABLE,
            record_id=sha256(disclosure.id.encode())[:16],
            field=_FIELD,
            version=1,
        )
        return msgspec.json.decode(plain, type=DisclosureWords)
    except (CryptoError, msgspec.DecodeError) as error:
        raise EntryUnopenable("the sealed words of a disclosure do not open") from error
