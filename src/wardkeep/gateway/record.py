"""Stages 6 and 8: what is written down of a call, and when (45 CFR 164.312(b), DESIGN section 4).

Order is the point: the request record is durable before the upstream connection is opened, each piece of the answer
before it is released, and the closing record before the last piece. A refusal takes the same recorder. Headers hold
no PHI; prompts, answers and the surrogate map are sealed beside them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec
import orjson

from wardkeep.audit.entry import SEALED_FIELD, SEALED_TABLE, SEALED_VERSION, Draft, Kind
from wardkeep.audit.errors import LedgerTimeout, LedgerUnavailable
from wardkeep.crypto.compression import pack, size_class
from wardkeep.crypto.envelope import EpochKeys, seal
from wardkeep.crypto.keys import DataKeys
from wardkeep.crypto.mac import sha256
from wardkeep.crypto.randomness import Randomness
from wardkeep.gateway.subjects import RememberedKey, SubjectCache, UnderSubject
from wardkeep.model.access import DataClass
from wardkeep.model.attestation import Check, Proof
from wardkeep.model.instant import Instant, uuid7
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.stages import Call, Identified, Opened, Permitted, Routed
from wardkeep.policy.decide import VERSION as POLICY_VERSION

_LARGE_BYTES: Final = 16 * 1024
"""About a millisecond of packing."""


class Admission(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The limits that a request must fit when it is sequenced; one owner counts them for all workers.

    On whose behalf it is, if anybody's, and what for: reviews of access ask when somebody last used what they may.
    `is_emergency`: its person broke the glass, so no budget holds it up.
    """

    key: str
    calls_per_minute: int
    calls_at_once: int
    person: str = ""
    purpose: str = ""
    workspace: str = ""
    is_emergency: bool = False


class Sequencer(Protocol):
    """The one place that orders and makes durable: the ledger here, or the keeper's over its socket.

    `append` returns the indices once every draft is durable, all of one call in one transaction; idempotent by id.
    Raises the errors of `audit.errors` (stale facts, unavailable, timeout) and `RefusalError` when not admitted.
    """

    async def append(
        self, drafts: Sequence[Draft], admission: Admission | None = None, under: UnderSubject | None = None
    ) -> Sequence[int]:
        """Make the drafts durable, in order, and before them the key they are sealed under where it is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Seals and appends what one process does. `owner` names the process, so that its open entries can be closed.

    Every entry that was opened is closed once: the first closing counts, later ones are silent. A closing that the
    ledger could not take is owed, and paid by `settle` when the ledger is back.
    """

    sequencer: Sequencer
    keys: DataKeys
    subjects: SubjectCache
    owner: str
    clock: Callable[[], Instant]
    randomness: Randomness = field(default_factory=Randomness)
    packer: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="wardkeep-packer"))
    _open: dict[bytes, RememberedKey] = field(default_factory=dict)
    _owed: dict[bytes, Draft] = field(default_factory=dict)

    async def open(self, routed: Routed, *, attempt: int = 1, proof: Proof | None = None) -> Opened:
        """Stage 6: make the request record durable, under the facts that were decided on.

        Every attempt to reach a vendor has a record of its own; those after the first name the first. Raises
        RefusalError where the deployment must be attested and `proof` is not of it.
        """
        _check_proof(routed, proof)
        permitted = routed.safe.permitted
        call, key = permitted.identified.call, permitted.identified.key
        entry_id = call.id if attempt == 1 else self.new_id()
        sealed: dict[str, object] = {
            "asked": call.document.raw,
            "edits": routed.edits,
            "hidden": routed.safe.restore,
            "subject": permitted.subject,
        }
        if call.original is not None:
            sealed["original"] = call.original
        if routed.safe.dropped:
            # Here and in the closing header: this one has no room.
            sealed["dropped"] = routed.safe.dropped
        if proof is not None:
            # Whole here and in the closing header: this one has no room, its ids may be long (ADR 8).
            sealed["attested"] = proof.told
        if routed.safe.dates is not None:
            sealed["dates"] = routed.safe.dates
        payload = msgspec.msgpack.encode(sealed)
        packed = await self._packed(payload)
        key_of = self.subjects.of_routed(routed, self.clock())
        header = {
            **_who(permitted),
            "subject": _blind(permitted.subject, key_of),
            **_where(routed),
            "decision": "permitted",
            "sent_sha256": sha256(routed.upstream_body).hex(),
            "detail": {
                "owner": permitted.identified.owner.id,
                **_behalf(permitted.identified),
                **({"reveals": True} if permitted.reveals else {}),
                **({"p2": True} if DataClass.PART2 in permitted.data_classes else {}),
                **({} if permitted.break_glass is None else {"break_glass": permitted.break_glass}),
                "hidden": routed.safe.hidden,
                "features": ",".join(sorted(routed.safe.features)),
                **_attempt(call, attempt),
                **_signalled(routed.safe.signals),
                **({} if proof is None else {"attested": proof.rule.kind.value}),
            },
        }
        epoch = permitted.facts.registry.epoch
        draft = self._draft("request", entry_id, header, payload, key_of.key, facts_epoch=epoch, packed=packed)
        person = permitted.identified.person
        admission = Admission(
            key=key.id,
            calls_per_minute=key.calls_per_minute,
            calls_at_once=key.calls_at_once,
            person="" if person is None else person.id,
            purpose=permitted.purpose,
            workspace=key.workspace,
            is_emergency=permitted.break_glass is not None,
        )
        self._open[entry_id] = key_of
        is_open = False
        try:
            indices = await self.sequencer.append([draft], admission, key_of.under)
            key_of.settle()
            is_open = True
        except asyncio.CancelledError:
            # The request may be durable or become so: it must not stay open for ever.
            await asyncio.shield(self._close_abandoned(entry_id))
            raise
        finally:
            if not is_open:
                self._open.pop(entry_id, None)
        return Opened(routed=routed, index=indices[0], id=entry_id, proof=proof)

    async def segment(self, opened: Opened, released: bytes, sequence: int) -> None:
        """Make one piece of a streamed answer durable before it is released."""
        packed = await self._packed(released)
        key_of = self._open[opened.id]
        header = {"parent": opened.id.hex(), "seq": sequence}
        draft = self._draft("segment", self.new_id(), header, released, key_of.key, packed=packed)
        await self.sequencer.append([draft], None, key_of.under)

    async def close(self, opened: Opened, outcome: "Outcome") -> None:
        """Make the closing record durable: the answer, or how it ended without one."""
        await self._close(opened.id, outcome, opened.proof, opened.routed.safe.dropped)

    async def settle(self) -> None:
        """Append the closings that are owed. Raises as `Sequencer.append`; what is left stays owed."""
        for call_id, draft in list(self._owed.items()):
            await self.sequencer.append([draft])
            self._owed.pop(call_id, None)

    async def _close_abandoned(self, call_id: bytes) -> None:
        with contextlib.suppress(LedgerUnavailable):
            await self._close(call_id, Outcome(decision="client_disconnected", is_aborted=True, released_bytes=0))

    async def _close(
        self, call_id: bytes, outcome: "Outcome", proof: Proof | None = None, dropped: tuple[str, ...] = ()
    ) -> None:
        key_of = self._open.pop(call_id, None)
        if key_of is None:
            return
        packed, cut_off = None, None
        try:
            packed = await self._packed(outcome.body)
        except asyncio.CancelledError as error:
            cut_off = error  # closed all the same, unpacked: nobody else could close it any more
        header = _ending(call_id, outcome, proof, dropped)
        kind: Kind = "aborted" if outcome.is_aborted else "response"
        try:
            draft = self._draft(kind, self.new_id(), header, outcome.body, key_of.key, closes=call_id, packed=packed)
            await self.sequencer.append([draft], None, key_of.under)
        except LedgerUnavailable as error:
            header |= {"decision": ledger_reason(error).value}
            self._owed[call_id] = self._draft("aborted", self.new_id(), header, b"", self.keys, closes=call_id)
            raise
        if cut_off is not None:
            raise cut_off

    async def refuse(
        self,
        call: Call,
        refused: Refused,
        identified: Identified | None,
        permitted: Permitted | None,
        *,
        attempt: int = 1,
    ) -> int:
        """Record a refusal with what was asked, sealed; return its index.

        A further attempt's has an id of its own and names the first, as in `open`.
        """
        came = {} if call.original is None else {"original": call.original}
        payload = msgspec.msgpack.encode({"asked": call.document.raw, **came})
        packed = await self._packed(payload)
        header: dict[str, object] = {
            "surface": call.surface,
            "decision": refused.reason.value,
            "policy": POLICY_VERSION,
        }
        key_of = self.subjects.of_refused(call, identified, permitted, self.clock())
        if permitted is not None:
            header |= _who(permitted) | {"subject": _blind(permitted.subject, key_of)}
        elif identified is not None:
            header |= {"actor": identified.actor, "workspace": identified.key.workspace}
        detail = _attempt(call, attempt) | _signalled(refused.signals)
        if refused.reason is Reason.ATTESTATION_FAILED and refused.field is not None:
            detail["check"] = refused.field
        if refused.signals and refused.tag is not None:
            detail["tag"] = refused.tag
        if detail:
            header["detail"] = detail
        entry_id = call.id if attempt == 1 else self.new_id()
        draft = self._draft("refusal", entry_id, header, payload, key_of.key, packed=packed)
        index = (await self.sequencer.append([draft], None, key_of.under))[0]
        key_of.settle()
        return index

    def new_id(self) -> bytes:
        """Return a fresh id for a call or entry: UUIDv7, ordered by time."""
        return self.id_at(self.clock())

    def id_at(self, now: Instant) -> bytes:
        """Return a fresh id for what happens now."""
        return uuid7(now.wall_us, self.randomness(10))

    async def _packed(self, payload: bytes) -> bytes | None:
        """Pack a large payload in a thread, or all calls of this process would wait for it. No key goes there."""
        if len(payload) < _LARGE_BYTES:
            return None
        return await asyncio.get_running_loop().run_in_executor(self.packer, pack, payload)

    def _draft(
        self,
        kind: Kind,
        entry_id: bytes,
        header: Mapping[str, object],
        payload: bytes,
        keys: EpochKeys,
        *,
        closes: bytes | None = None,
        facts_epoch: int | None = None,
        packed: bytes | None = None,
    ) -> Draft:
        now = self.clock()
        sealed = seal(
            keys,
            plaintext=payload,
            tenant=self.keys.tenant,
            table=SEALED_TABLE,
            record_id=entry_id,
            field=SEALED_FIELD,
            version=SEALED_VERSION,
            randomness=self.randomness,
            is_packed=len(payload) < _LARGE_BYTES,
            packed=packed,
        )
        body: dict[str, object] = {
            "type": kind,
            "id": entry_id.hex(),
            "at": now.text,
            "mono": now.mono_ns,
            "boot": now.boot,
        }
        body |= header
        if facts_epoch is not None:
            body["epoch"] = facts_epoch
        body["ct_sha256"] = sha256(sealed.ciphertext).hex()
        body["ct_len"] = len(sealed.ciphertext)
        body["key"] = sealed.key_id
        body["commit"] = sealed.commitment.hex()
        # What was packed does not tell how much was said; budgets must know. In classes, as the payload is padded.
        body["len"] = size_class(len(payload))
        return Draft(
            id=entry_id,
            kind=kind,
            body=orjson.dumps(body),
            payload=sealed.ciphertext,
            owner=self.owner,
            closes=closes,
            facts_epoch=facts_epoch,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call ended. `body` is what the closing record seals: the whole answer, or the last piece of a stream."""

    decision: str
    body: bytes = b""
    sequence: int = 0
    is_aborted: bool = False
    status: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    model: str | None = None
    released_bytes: int | None = None
    region_reported: str | None = None
    region_agrees: bool = True
    signals: tuple[str, ...] = ()


def _ending(call_id: bytes, outcome: Outcome, proof: Proof | None, dropped: tuple[str, ...]) -> dict[str, object]:
    """Return what the closing record says of a call."""
    header: dict[str, object] = {"parent": call_id.hex(), "seq": outcome.sequence, "decision": outcome.decision}
    if outcome.status is not None:
        header["status"] = outcome.status
    if outcome.tokens_in is not None:
        header["tokens_in"] = outcome.tokens_in
    if outcome.tokens_out is not None:
        header["tokens_out"] = outcome.tokens_out
    if outcome.model is not None:
        header["model"] = outcome.model
    if outcome.released_bytes is not None:
        header["detail"] = {"released_bytes": outcome.released_bytes, "released_segments": outcome.sequence}
    if outcome.region_reported is not None:
        # The vendor's word, labelled as such; nothing here can prove where a call was processed.
        told = {"region_reported": outcome.region_reported, "region_agrees": outcome.region_agrees}
        header["detail"] = {**told, **detail} if isinstance(detail := header.get("detail"), dict) else told
    if outcome.signals:
        detail = header.get("detail")
        header["detail"] = {**(detail if isinstance(detail, dict) else {}), **_signalled(outcome.signals)}
    if dropped:
        detail = header.get("detail")
        header["detail"] = {**(detail if isinstance(detail, dict) else {}), "dropped": ",".join(dropped)}
    if proof is not None:
        detail = header.get("detail")
        header["detail"] = {**(detail if isinstance(detail, dict) else {}), **proof.told}
    return header


def ledger_reason(error: LedgerUnavailable) -> Reason:
    """Return the reason with which a call is refused when its record could not be made durable."""
    return Reason.LEDGER_TIMEOUT if isinstance(error, LedgerTimeout) else Reason.LEDGER_UNAVAILABLE


def _check_proof(routed: Routed, proof: Proof | None) -> None:
    if routed.deployment.attestation is not None and (proof is None or proof.rule.deployment != routed.deployment.id):
        raise RefusalError(Refused(reason=Reason.ATTESTATION_FAILED, field=Check.RULE.value))


def _who(permitted: Permitted) -> dict[str, object]:
    identified = permitted.identified
    return {
        "actor": identified.actor,
        "workspace": identified.key.workspace,
        "purpose": permitted.purpose,
        "surface": identified.call.surface,
        "policy": permitted.facts.policy_version,
        "route": permitted.route.model,
    }


def _blind(subject: str | None, key_of: RememberedKey) -> str:
    """Return the blind index of a subject handle: equal handles are found, no handle is read."""
    return "unresolved" if subject is None else key_of.tag.hex()


def _behalf(identified: Identified) -> dict[str, str]:
    """Return on whose behalf the call is, and whether that is verified or the application's word (DESIGN section 5)."""
    if identified.person is None:
        return {}
    return {"person": identified.person.id, "assurance": identified.assurance.value}


def _attempt(call: Call, attempt: int) -> dict[str, object]:
    """Return which attempt this is and the entry of the first; nothing for the first itself."""
    return {} if attempt == 1 else {"attempt": attempt, "first_attempt": call.id.hex()}


def _signalled(signals: tuple[str, ...]) -> dict[str, str]:
    """Return the codes of prompt security: what kind of text was found, never the text."""
    return {"signals": ",".join(signals)} if signals else {}


def _where(routed: Routed) -> dict[str, object]:
    deployment = routed.deployment
    return {
        "deployment": deployment.id,
        "vendor": deployment.vendor,
        "baa": routed.agreement.id,
        "model": deployment.model,
        "region": deployment.region,
    }
