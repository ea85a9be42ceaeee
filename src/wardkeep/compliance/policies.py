"""Written policies: versions, approval by a second person, acknowledgements (45 CFR 164.316, 164.530(i)).

Pure, as `addressable`. A version is proposed by one person and approved by another; until then the one before stays in
force. People acknowledge exactly the text that they were shown, by its hash; a new version is signed anew.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.effective import Drift, drift_of
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.policy_texts import EVERYBODY, PolicyText, Texts, filled, hash_of, rendered, text_of
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.instant import Instant
from wardkeep.model.programme import PolicyRecord, PolicyVersion, Signature, Signatures
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST_REVIEW: Final = timedelta(days=366)
_LIST: Final = "wardkeep policies list"
_HASH_LENGTH: Final = 64


def propose_policy(
    registry: Registry, by: Person, *, policy: str, variables: dict[str, int], review_on: date,
    own_sha256: str | None, today: date, texts: Texts,
) -> tuple[Change, ...]:  # fmt: skip
    """Propose a version: the package's newest text with these variables, or a document of one's own by its hash.

    Raises:
        NotAllowed: no permission, no such policy, a variable outside its bounds, or a review too far away.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    text = text_of(texts, policy)
    values = filled(text, variables)
    if not today < review_on <= today + LONGEST_REVIEW:
        raise invalid("day of review", "later than today, a year away at the most")
    if own_sha256 is not None and not _is_hash(own_sha256):
        raise invalid("hash of the document", "64 hexadecimal digits (sha256)")
    held = registry.policies.get(policy, PolicyRecord(id=policy))
    version = PolicyVersion(
        number=1 if held.in_force is None else held.in_force.number + 1,
        text_version=text.version,
        sha256=hash_of(rendered(text, values)) if own_sha256 is None else own_sha256,
        variables=values,
        proposed_by=by.id,
        proposed_under=by.access_by,
        proposed_on=today,
        review_on=review_on,
        is_own=own_sha256 is not None,
    )
    return (Change(kind=Kind.POLICIES, id=policy, record=replace(held, proposed=version)),)


def approve_policy(registry: Registry, by: Person, *, policy: str, sha256: str, today: date) -> tuple[Change, ...]:
    """Approve the proposed version by naming its text's hash; it is in force from now on.

    Raises:
        NotAllowed: no permission, nothing or another text to approve, or the two do not count as two.
    """
    require(by, Permission.CONTROL_DECIDE)
    held = registry.policies.get(policy)
    if held is None or held.proposed is None:
        raise unknown("proposed version", _LIST)
    if held.proposed.sha256 != sha256:
        raise _other_text("approve")
    note = second_person(
        registry, by, held.proposed.proposed_by, under=held.proposed.proposed_under, deed="proposed the version"
    )
    version = replace(held.proposed, approved_by=by.id, approved_on=today)
    record = replace(held, in_force=version, proposed=None)
    return (Change(kind=Kind.POLICIES, id=policy, record=record, note=note),)


def sign_policy(registry: Registry, by: Person, *, policy: str, sha256: str, today: date) -> tuple[Change, ...]:
    """Acknowledge the text in force, for oneself.

    Raises:
        NotAllowed: nothing is in force, or the hash is of another text.
    """
    require(by, Permission.OWN_ACCOUNT)
    version = in_force(registry, policy)
    if version is None:
        raise unknown("policy in force", _LIST)
    if version.sha256 != sha256:
        raise _other_text("sign")
    held = registry.signatures.get(by.id, Signatures(id=by.id))
    signed = {**held.signed, policy: Signature(number=version.number, sha256=sha256, on=today)}
    return (Change(kind=Kind.SIGNATURES, id=by.id, record=replace(held, signed=signed)),)


def in_force(registry: Registry, policy: str) -> PolicyVersion | None:
    """Return the version in force."""
    held = registry.policies.get(policy)
    return None if held is None else held.in_force


def must_sign(person: Person, text: PolicyText) -> bool:
    """Whether a person is of those whom the policy binds; who has no role has no access either."""
    if not person.is_active or not person.roles:
        return False
    return EVERYBODY in text.audience or any(role.value in text.audience for role in person.roles)


def has_signed(registry: Registry, person: str, policy: str) -> bool:
    """Whether a person acknowledged the text in force."""
    version, held = in_force(registry, policy), registry.signatures.get(person)
    signature = None if held is None else held.signed.get(policy)
    return version is not None and signature is not None and signature.sha256 == version.sha256


def unsigned(registry: Registry, texts: Texts) -> dict[str, tuple[str, ...]]:
    """Return by policy in force who has not acknowledged it yet."""
    return {
        policy: unsigned_of(registry, texts, policy)
        for policy in sorted(registry.policies)
        if in_force(registry, policy) is not None
    }


def unsigned_of(registry: Registry, texts: Texts, policy: str) -> tuple[str, ...]:
    """Return who has not acknowledged the policy in force yet; nobody where none is."""
    version = in_force(registry, policy)
    if version is None:
        return ()
    text = text_of(texts, policy, version.text_version)
    return tuple(
        sorted(
            name
            for name, person in registry.people.items()
            if must_sign(person, text) and not has_signed(registry, name, policy)
        )
    )


def drifts(registry: Registry, texts: Texts, now: Instant, today: date) -> tuple[Drift, ...]:
    """Return every promise of the policies in force beside what is so."""
    found: list[Drift] = []
    for policy in sorted(registry.policies):
        version = in_force(registry, policy)
        if version is not None:
            text = text_of(texts, policy, version.text_version)
            found += drift_of(policy, text.enforced_by, version.variables, registry=registry, now=now, today=today)
    return tuple(found)


def policy_view(registry: Registry, text: PolicyText, person: Person, today: date) -> dict[str, object]:
    """Return where a policy stands, for one person."""
    version = in_force(registry, text.id)
    held = registry.policies.get(text.id)
    proposed = None if held is None else held.proposed
    return {
        "id": text.id,
        "title": text.title,
        "number": None if version is None else version.number,
        "sha256": None if version is None else version.sha256,
        "approved_by": None if version is None else version.approved_by,
        "review_on": None if version is None else version.review_on.isoformat(),
        "is_past_review": version is not None and version.review_on < today,
        "is_own": version is not None and version.is_own,
        "newer_text": version is not None and not version.is_own and version.text_version < text.version,
        "proposed": None if proposed is None else {"sha256": proposed.sha256, "by": proposed.proposed_by},
        "implements": list(text.implements),
        "binds_me": must_sign(person, text),
        "signed_by_me": has_signed(registry, person.id, text.id),
    }


def whole_view(registry: Registry, texts: Texts, policy: str, person: Person, today: date) -> dict[str, object]:
    """Return a policy with its text in force, the proposed one, or, where there is none, the package's."""
    newest = text_of(texts, policy)
    held = registry.policies.get(policy)
    version = None if held is None else held.in_force
    proposed = None if held is None else held.proposed
    return {
        **policy_view(registry, newest, person, today),
        "text": _words(texts, policy, version),
        "proposed_text": _words(texts, policy, proposed),
        "package_text": rendered(newest, filled(newest, {})),
        "variables": {
            name: {
                "value": each.value if version is None else version.variables.get(name),
                "least": each.least,
                "most": each.most,
                "means": each.means,
            }
            for name, each in newest.variables.items()
        },
    }


def _words(texts: Texts, policy: str, version: PolicyVersion | None) -> str | None:
    """Return the text of a version; one's own document is kept elsewhere and named by its hash."""
    if version is None:
        return None
    if version.is_own:
        return f"A document of your own with the sha256 {version.sha256}.\n"
    return rendered(text_of(texts, policy, version.text_version), version.variables)


def _is_hash(text: str) -> bool:
    return len(text) == _HASH_LENGTH and all(each in "0123456789abcdef" for each in text)


def _other_text(verb: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=f"This is not the text to {verb}.",
        why="What is signed is exactly what was read (45 CFR 164.316(b)(1)).",
        fix="Read it again with `wardkeep policies show`, and name the hash that stands there.",
        status=409,
    )
