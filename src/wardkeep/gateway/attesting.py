"""What stands between stage 5 and stage 6 for deployments that must be attested: evidence on the live connection.

    1. connect, or take the connection that the next request would take; its TLS key is what must be proven
    2. a proof of this key that is still good, under a rule that still holds, is enough
    3. else ask for evidence over that connection, with a nonce of our own, made for this one question
    4. verify it against each rule that holds; the first that it passes makes the proof

The proof names the key. The pool sends the call to that key or not at all, so no second connection slips in between.
Proofs live in this process, an hour at the most (`crypto.attestation.evidence.LONGEST`). Evidence carries nothing of a
call, and asking for it neither. Whatever fails refuses.
"""

import asyncio
import base64
import binascii
from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never
from urllib.parse import urlsplit

import msgspec

from wardkeep.crypto.attestation.evidence import NONCE_BYTES, verify
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.crypto.randomness import Randomness
from wardkeep.model.attestation import AttestationKind, AttestationRule, Challenge, Check, Evidence, Proof
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Deployment, Registry
from wardkeep.providers.contract import origin_of
from wardkeep.routing.choose import rules_of
from wardkeep.transport.errors import PeerKeyUnexpected, TransportError
from wardkeep.transport.pool import Pool, Timeouts, UpstreamRequest

_LARGEST: Final = 512 * 1024
_PATIENCE: Final = Timeouts(connect_seconds=5.0, read_seconds=10.0, total_seconds=15.0)


class _Nitro(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nitro"):
    document: str


class _Snp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="snp"):
    report: str
    vcek: str
    ask: str


class _Tdx(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="tdx"):
    quote: str
    collateral: str


@dataclass(slots=True, kw_only=True)
class Attestor:
    """The proofs of one process. `clock` is read when evidence is verified and when a proof is used."""

    pool: Pool
    clock: Callable[[], Instant]
    randomness: Randomness = field(default_factory=Randomness)
    _proofs: dict[tuple[str, bytes], Proof] = field(default_factory=dict)
    _running: dict[str, "Future[Proof | Refused]"] = field(default_factory=dict)

    def held(self, deployment: Deployment, registry: Registry) -> Proof | None:
        """Return the proof of the connection that the next request would take, if there is one that is still good."""
        key = self.pool.met(origin_of(deployment))
        return None if key is None else self._good(deployment, registry, key)

    async def prove(self, deployment: Deployment, registry: Registry) -> Proof | Refused:
        """Return a proof of a live connection, or why there is none. Calls that wait share one question."""
        running = self._running.get(deployment.id)
        if running is None:
            running = asyncio.ensure_future(self._prove(deployment, registry))
            self._running[deployment.id] = running
            running.add_done_callback(lambda _: self._running.pop(deployment.id, None))
        # A client that leaves must not take the answer from the others that wait for it.
        return await asyncio.shield(running)

    async def _prove(self, deployment: Deployment, registry: Registry) -> Proof | Refused:
        try:
            key = await self.pool.meet(origin_of(deployment))  # 1
            known = self._good(deployment, registry, key)  # 2
            if known is not None:
                return known
            nonce = self.randomness(NONCE_BYTES)
            answer = await self._ask(deployment, nonce, key)  # 3
        except PeerKeyUnexpected:
            return Refused(reason=Reason.PEER_KEY_UNEXPECTED)
        except TransportError:
            return Refused(reason=Reason.ATTESTATION_UNAVAILABLE)
        if answer is None:
            return Refused(reason=Reason.ATTESTATION_UNAVAILABLE)
        challenge = Challenge(nonce=nonce, peer_key=key, now=self.clock().wall)
        rules = rules_of(registry.attestations.values(), deployment)
        # In a thread: revocation lists and collateral take milliseconds, and every other call of this process waits.
        proof = await asyncio.to_thread(_verified, answer, rules, challenge)  # 4
        if isinstance(proof, Proof):
            self._forget_old()
            self._proofs[deployment.id, key] = proof
        return proof

    def _good(self, deployment: Deployment, registry: Registry, key: bytes) -> Proof | None:
        proof = self._proofs.get((deployment.id, key))
        if proof is None or not proof.at <= self.clock().wall < proof.ends_at:
            return None
        return proof if is_still_allowed(proof, deployment, registry) else None

    def _forget_old(self) -> None:
        now = self.clock().wall
        for place in [place for place, proof in self._proofs.items() if proof.ends_at <= now]:
            del self._proofs[place]

    async def _ask(self, deployment: Deployment, nonce: bytes, key: bytes) -> bytes | None:
        """Return the evidence as it came, or None when there is none."""
        parts = urlsplit(deployment.base_url)
        request = UpstreamRequest(
            method="GET",
            url=f"{parts.scheme}://{parts.netloc.lower()}{deployment.evidence_path}?nonce={nonce.hex()}",
            headers=(("accept", "application/json"),),
            origin=origin_of(deployment),
            peer_key=key,
            timeouts=_PATIENCE,
            is_counted=False,
        )
        answer = await self.pool.open(request)
        try:
            body = bytearray()
            while piece := await answer.read():
                body += piece
                if len(body) > _LARGEST:
                    return None
        finally:
            await answer.close()
        return bytes(body) if answer.status == 200 else None


def is_still_allowed(proof: Proof, deployment: Deployment, registry: Registry) -> bool:
    """Whether the rule that a proof was made by still holds for the deployment, unchanged."""
    return proof.rule in rules_of(registry.attestations.values(), deployment)


def _verified(answer: bytes, rules: tuple[AttestationRule, ...], challenge: Challenge) -> Proof | Refused:
    """Return the proof by the first rule that the evidence passes, or the check nearest to one."""
    check = Check.RULE
    for rule in rules:
        try:
            return verify(read_evidence(answer), rule, challenge)
        except EvidenceRefused as error:
            check = error.check
    return Refused(reason=Reason.ATTESTATION_FAILED, field=check.value)


def read_evidence(answer: bytes) -> Evidence:
    """Return the evidence in an endpoint's answer; a field that is not expected refuses. Raises EvidenceRefused."""
    try:
        given = msgspec.json.decode(answer, type=_Nitro | _Snp | _Tdx)
        match given:
            case _Nitro():
                return Evidence(kind=AttestationKind.NITRO, document=_plain(given.document))
            case _Snp():
                return Evidence(
                    kind=AttestationKind.SNP,
                    document=_plain(given.report),
                    endorsement=_plain(given.vcek),
                    intermediates=(_plain(given.ask),),
                )
            case _Tdx():
                quote, collateral = _plain(given.quote), given.collateral.encode()
                return Evidence(kind=AttestationKind.TDX, document=quote, endorsement=collateral)
            case _:
                assert_never(given)
    except (msgspec.DecodeError, UnicodeError, binascii.Error, ValueError):
        raise EvidenceRefused(Check.FORMAT) from None


def _plain(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
