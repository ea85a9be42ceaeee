"""On what a request of an individual may be denied, and the letter that says so.

45 CFR 164.522(a)-(b), 164.524(a)(2)-(3) and (d), 164.526(a)(2) and (d). Pure. Whether the facts bear a ground is for
people to judge; that the rule knows it for this kind of request is checked here. An accounting has no ground of denial
but that who asks is not known (164.514(h)); what is left out of one is `disclosures`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.custody import refusal
from wardkeep.compliance.terms import clean_text, invalid
from wardkeep.model.individuals import Ground, RecordSet, RequestKind
from wardkeep.model.reasons import Reason
from wardkeep.model.registers import Outcome, RightsRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a ground rests on, and what the individual is told. Only some denials are reviewed on demand."""

    citation: str
    words: str
    is_reviewable: bool = False


_UNKNOWN: Final = Basis(
    citation="45 CFR 164.514(h)", words="We could not establish that the request came from you or for you."
)
_NOT_IN_SET: Final = "What you asked for is not part of the records by which decisions about you are made."

GROUNDS: Final[Mapping[RequestKind, Mapping[Ground, Basis]]] = MappingProxyType(
    {
        RequestKind.ACCESS: MappingProxyType(
            {
                Ground.NOT_IN_SET: Basis(citation="45 CFR 164.524(a)(1), 164.501", words=_NOT_IN_SET),
                Ground.PSYCHOTHERAPY_NOTES: Basis(
                    citation="45 CFR 164.524(a)(1)(i)", words="Psychotherapy notes are not opened on request."
                ),
                Ground.LEGAL_PROCEEDING: Basis(
                    citation="45 CFR 164.524(a)(1)(ii)",
                    words="What you asked for was put together for a legal proceeding.",
                ),
                Ground.CORRECTIONAL: Basis(
                    citation="45 CFR 164.524(a)(2)(ii)",
                    words="A copy would put the safety of people in the correctional institution at risk.",
                ),
                Ground.RESEARCH_IN_PROGRESS: Basis(
                    citation="45 CFR 164.524(a)(2)(iii)",
                    words="You agreed to wait for these records until the research has ended.",
                ),
                Ground.PRIVACY_ACT: Basis(
                    citation="45 CFR 164.524(a)(2)(iv)", words="The Privacy Act (5 U.S.C. 552a) lets us deny it."
                ),
                Ground.CONFIDENTIAL_SOURCE: Basis(
                    citation="45 CFR 164.524(a)(2)(v)",
                    words="Somebody else told us this under a promise of confidence, and access would show who.",
                ),
                Ground.ENDANGERS_LIFE: Basis(
                    citation="45 CFR 164.524(a)(3)(i)",
                    words="A licensed professional judged that access is likely to endanger a life or a person.",
                    is_reviewable=True,
                ),
                Ground.HARMS_ANOTHER: Basis(
                    citation="45 CFR 164.524(a)(3)(ii)",
                    words="The records speak of another person, who is likely to be harmed substantially.",
                    is_reviewable=True,
                ),
                Ground.HARM_BY_REPRESENTATIVE: Basis(
                    citation="45 CFR 164.524(a)(3)(iii)",
                    words="Access by the representative is likely to harm you or another person substantially.",
                    is_reviewable=True,
                ),
                Ground.MINOR_CONSENTED: Basis(
                    citation="45 CFR 164.502(g)(3)(i)", words="Some of this care is the minor's own to decide about."
                ),
                Ground.IDENTITY_NOT_VERIFIED: _UNKNOWN,
            }
        ),
        RequestKind.AMENDMENT: MappingProxyType(
            {
                Ground.NOT_IN_SET: Basis(citation="45 CFR 164.526(a)(2)(ii)", words=_NOT_IN_SET),
                Ground.NOT_CREATED_HERE: Basis(
                    citation="45 CFR 164.526(a)(2)(i)", words="The record was made by somebody else, who can amend it."
                ),
                Ground.NOT_OPEN_TO_ACCESS: Basis(
                    citation="45 CFR 164.526(a)(2)(iii)", words="The record would not be open to your access."
                ),
                Ground.ACCURATE_AND_COMPLETE: Basis(
                    citation="45 CFR 164.526(a)(2)(iv)", words="The record is accurate and complete."
                ),
                Ground.IDENTITY_NOT_VERIFIED: _UNKNOWN,
            }
        ),
        RequestKind.ACCOUNTING: MappingProxyType({Ground.IDENTITY_NOT_VERIFIED: _UNKNOWN}),
        RequestKind.RESTRICTION: MappingProxyType(
            {
                Ground.NOT_AGREED: Basis(
                    citation="45 CFR 164.522(a)(1)(ii)", words="We do not agree to this restriction."
                ),
                Ground.IDENTITY_NOT_VERIFIED: _UNKNOWN,
            }
        ),
        RequestKind.CONFIDENTIAL_COMMUNICATION: MappingProxyType(
            {
                Ground.NOT_REASONABLE: Basis(
                    citation="45 CFR 164.522(b)(1)", words="What you asked for cannot reasonably be done."
                ),
                Ground.IDENTITY_NOT_VERIFIED: _UNKNOWN,
            }
        ),
        RequestKind.COMPLAINT: MappingProxyType({}),
    }
)
# Where the rule asks first whether the records are in the set.
OF_RECORD_SET: Final = frozenset({RequestKind.ACCESS, RequestKind.AMENDMENT})


def check_ground(request: RightsRequest, outcome: Outcome, ground: Ground | None) -> None:
    """Return when the outcome and its ground are ones that the rule knows for this request. Raises NotAllowed."""
    kind = RequestKind(request.right)
    if (kind is RequestKind.COMPLAINT) != (outcome is Outcome.SETTLED):
        raise invalid("outcome", "settled for a complaint, and for nothing else")
    has_ground = outcome in {Outcome.DENIED, Outcome.PARTLY}
    if has_ground != (ground is not None) or (ground is not None and ground not in GROUNDS[kind]):
        raise refusal(Reason.RIGHT_GROUND_NOT_ALLOWED)
    if kind not in OF_RECORD_SET or ground is Ground.IDENTITY_NOT_VERIFIED:
        return
    if request.record_set is None:
        raise refusal(Reason.RIGHT_RECORD_SET_OPEN)
    is_in = request.record_set is RecordSet.IN_SET
    is_out = request.record_set is RecordSet.NOT_IN_SET
    if (ground is Ground.NOT_IN_SET and is_in) or (ground is not Ground.NOT_IN_SET and is_out):
        raise refusal(Reason.RIGHT_RECORD_SET_OPEN)
    if request.record_set is RecordSet.PARTLY and outcome is Outcome.GRANTED:
        raise refusal(Reason.RIGHT_RECORD_SET_OPEN)


def basis_of(request: RightsRequest) -> Basis | None:
    """Return what the denial of a request rests on, or None when nothing was denied."""
    return None if request.ground is None else GROUNDS[RequestKind(request.right)][request.ground]


def grounds_view() -> list[dict[str, object]]:
    """Return every ground by kind of request."""
    return [
        {
            "kind": kind.value,
            "ground": ground.value,
            "citation": basis.citation,
            "words": basis.words,
            "is_reviewable": basis.is_reviewable,
        }
        for kind, known in GROUNDS.items()
        for ground, basis in known.items()
    ]


def denial_letter(request: RightsRequest, *, organisation: str, contact: str, secretary: str) -> str:
    """Return the letter of a denial as Markdown (45 CFR 164.524(d)(2), 164.526(d)(1)).

    `contact` is who takes complaints and statements of disagreement here, `secretary` how to complain to HHS.
    Raises NotAllowed: nothing was denied.
    """
    basis = basis_of(request)
    if basis is None or request.answered_on is None:
        raise invalid("request", "one that was denied, in whole or in part")
    kind, to_us = RequestKind(request.right), clean_text(contact, "contact for complaints", longest=500)
    said = "in part" if request.outcome is Outcome.PARTLY else "in whole"
    parts = [
        f"# Answer from {organisation} to your request",
        f"You asked for {_ASKED[kind]} on {request.received_on}. On {request.answered_on} we denied it {said}.",
        "## Why",
        f"{basis.words} ({basis.citation}).",
        *_rights(kind, contact=to_us, is_reviewable=basis.is_reviewable),
        "## How to complain",
        f"To us: {to_us}",
        f"To the Secretary of Health and Human Services: {clean_text(secretary, 'way to the Secretary', longest=500)}",
    ]
    return "\n\n".join(parts) + "\n"


_ASKED: Final = MappingProxyType(
    {
        RequestKind.ACCESS: "access to your health information",
        RequestKind.AMENDMENT: "an amendment of your health information",
        RequestKind.ACCOUNTING: "an accounting of disclosures",
        RequestKind.RESTRICTION: "a restriction of how your health information is used",
        RequestKind.CONFIDENTIAL_COMMUNICATION: "another way to be reached",
        RequestKind.COMPLAINT: "an answer to a complaint",
    }
)


def _rights(kind: RequestKind, *, contact: str, is_reviewable: bool) -> tuple[str, ...]:
    if kind is RequestKind.ACCESS and is_reviewable:
        return (
            "## What you can do",
            "You may have the denial reviewed by a licensed health care professional who had no part in it.",
            "Tell us so, in writing or otherwise; we follow what the reviewer decides.",
        )
    if kind is RequestKind.AMENDMENT:
        return (
            "## What you can do",
            # 45 CFR 164.526(d)(1)(ii): the right to a statement, and how to file it.
            "You may give us a written statement of disagreement: say what you disagree with and why.",
            f"Send it to: {contact}",
            "If you do not, you may ask that your request and this denial go with future disclosures of the record.",
        )
    return ()
