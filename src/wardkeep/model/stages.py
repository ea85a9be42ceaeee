"""The proof types: what each stage of the road hands to the next (DESIGN section 2).

Each type is made in one place only, so holding one proves that its stage ran: `identity.identify` makes `Identified`,
`compliance.facts.now` makes `Facts`, `policy.decide` makes `Permitted`, `gateway.safe` makes `Safe`, `routing.choose`
makes `Routed`, `gateway.record` makes `Opened`. `tests/unit/test_architecture.py` holds the code to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from wardkeep.model.access import Application, DataClass
from wardkeep.model.attestation import Proof
from wardkeep.model.document import Document, Edit
from wardkeep.model.guard import GuardTerms
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Agreement, ApiKey, Deployment, Person, Purpose, Registry, Route, Scope, Surface
from wardkeep.model.residency import Geography
from wardkeep.model.sensitive import Secret
from wardkeep.model.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A person in front of the console, proven by their live session, and the key whose scope they act in.

    Made by the console's assistant only, from the session it found: made elsewhere, it would stand for a credential.
    """

    key: str
    person: str
    factor_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it arrived, framed and parsed but not believed.

    `purpose`, `subject`, `conversation`, `person` and `data_classes` are the caller's statements from the Wardkeep-*
    headers. `betas` are the vendor beta names the request turns on. `original` is the body as it came, where files in
    it gave way to their text. `peer_key` is the key whose possession the connection proved (SHA-256 of its
    SubjectPublicKeyInfo, hex), None where it showed no certificate.
    """

    id: bytes
    surface: Surface
    document: Document
    credential: Secret[str] | None
    received: Instant
    purpose: str | None = None
    subject: str | None = None
    conversation: str | None = None
    betas: tuple[str, ...] = ()
    anthropic_version: str = "2023-06-01"
    person: str | None = None
    person_token: Secret[str] | None = None
    data_classes: tuple[str, ...] = ()
    signed_in: SignedIn | None = None
    original: bytes | None = field(default=None, repr=False)
    peer_key: str | None = None

    @property
    def model(self) -> str | None:
        """The model name the client asked for, if it is a string at all."""
        name = self.document.value.get("model")
        return name if isinstance(name, str) else None

    @property
    def wants_stream(self) -> bool:
        """Whether the client asked for an event stream."""
        return self.document.value.get("stream") is True and self.surface is not Surface.ANTHROPIC_COUNT_TOKENS


class Assurance(StrEnum):
    """How sure it is on whose behalf a call is. The values stand in the ledger and are never renamed."""

    NOBODY = "nobody"
    ASSERTED = "asserted"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Stage 1: the credential is genuine and belongs to this key and owner.

    `person` is on whose behalf the call is, when such a person exists; `assurance` says whether the application says so
    or a verified token. `subject_tag` is the blind index under which the subject's care team is kept, `individual_tag`
    the one for what holds in every workspace.
    """

    call: Call
    key: ApiKey
    owner: Person
    application: Application | None = None
    person: Person | None = None
    assurance: Assurance = Assurance.NOBODY
    second_factor_at: datetime | None = None
    subject_tag: str | None = None
    individual_tag: str | None = None

    @property
    def actor(self) -> str:
        """The ledger's name for who asks: an opaque id."""
        return f"key:{self.key.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Stage 2: one frozen snapshot of what is true now.

    None is a fact that nobody has: it denies where the workspace's record requires it. `terms` are the platforms'
    terms by platform; a platform that is not in it is closed.
    """

    registry: Registry
    today: date
    now: Instant
    policy_version: str
    training_overdue: frozenset[str] | None = None
    policies_unsigned: frozenset[str] | None = None
    terms: Mapping[str, Terms] = field(default_factory=dict)
    geography: Geography = field(default_factory=Geography)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """Stage 3: this caller may ask this, for this purpose, about this subject.

    `subject` is the caller's opaque handle, or None when unresolved. `keeps` names the identifier classes that pass
    unchanged by purpose (dates and ages for treatment) or task profile. Without `reveals` the answer keeps surrogates.
    `break_glass` is the emergency that widened it, if one did.
    """

    identified: Identified
    facts: Facts
    route: Route
    purpose: Purpose
    subject: str | None
    keeps: frozenset[str]
    data_classes: frozenset[DataClass] = frozenset({DataClass.ORDINARY})
    reveals: bool = False
    break_glass: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedDates:
    """How a call's dates were moved: by how many days, what was shown for what, and how numeric dates are read."""

    days: int = field(repr=False)
    shown: dict[str, str] = field(repr=False)
    order: str
    pivot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Safe:
    """Stage 4: every field was read, identifiers are replaced. `body` is what a vendor may see; still PHI.

    `geography` is the processing region that the request itself names, which is held against the scope. `features` are
    held against the scope and the platform's terms, `traits` (what single fields turn on) against the terms alone.
    `restore` maps surrogate to original and lives in this call alone; `dates` is None where none were moved. `body`
    carries the client's model name until the route is chosen. `signals` are codes of prompt security, `guard` what is
    done on the answer's, `canary` the mark planted in the system prompt, `system` that prompt as the vendor sees it.
    `dropped` names what a client says of itself and no vendor is sent.
    """

    permitted: Permitted
    body: "SafeBody"
    features: frozenset[str]
    restore: dict[str, str] = field(repr=False)
    counts: dict[str, int]
    conversation_key: Secret[bytes]
    geography: str | None = None
    traits: frozenset[str] = frozenset()
    dates: ShiftedDates | None = None
    signals: tuple[str, ...] = ()
    guard: GuardTerms = field(default_factory=GuardTerms)
    canary: str | None = None
    system: tuple[str, ...] = field(default=(), repr=False)
    dropped: tuple[str, ...] = ()

    @property
    def betas(self) -> tuple[str, ...]:
        """The vendor beta names that are sent on."""
        left = {name.removeprefix("beta.") for name in self.dropped}
        return tuple(beta for beta in self.permitted.identified.call.betas if beta not in left)

    @property
    def hidden(self) -> str:
        """How many identifiers of which kind were replaced, as the ledger and the caller are told."""
        return ",".join([f"{kind}={count}" for kind, count in sorted(self.counts.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeBody:
    """The document with its replacements, spliced once the upstream model name is known."""

    document: Document
    changes: dict[int, str] = field(repr=False)
    model_ordinal: int
    insert: bytes = b""
    without: frozenset[str] = frozenset()

    def edits(
        self,
        upstream_model: str,
        *,
        insert: bytes = b"",
        without: frozenset[str] = frozenset(),
        is_stateless: bool = False,
    ) -> list[Edit]:
        """Return the edits that turn what was asked into what is sent, with what the vendor's protocol wants.

        `is_stateless` is a protocol without `store`: nothing is switched off that does not exist there.
        """
        changes = self.changes
        if upstream_model != self.document.value["model"]:
            changes = {**changes, self.model_ordinal: upstream_model}
        members = b",".join([each for each in (b"" if is_stateless else self.insert, insert) if each])
        return self.document.edits(changes, insert=members, without=self.without | without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Stage 5: an active agreement whose scope covers this exact call, and the deployment to send it to."""

    safe: Safe
    deployment: Deployment
    agreement: Agreement
    scope: Scope
    edits: list[Edit] = field(repr=False)
    upstream_body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Stage 6: the request record is durable in the ledger at `index`, under `id`.

    The first attempt's record bears the call's own id; each further attempt has a record, and an id, of its own.
    `proof` is what the deployment was proven to be, where it must be; the record says it.
    """

    routed: Routed
    index: int
    id: bytes
    proof: Proof | None = None

    @property
    def peer_key(self) -> bytes | None:
        """The only TLS key that the call may go to, where it was attested."""
        return None if self.proof is None else self.proof.peer_key
