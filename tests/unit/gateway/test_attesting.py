"""The proofs of one process: asked for once, good for an hour of our clock, under a rule that holds, for one key."""

import asyncio
import base64
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from tests.simulators.evidence import PCRS, NitroSigner, der
from tests.unit.compliance.organisation import deployment
from tests.unit.transport.vendor import vendor, write_certificate

from wardkeep.crypto.certificate import peer_key_of
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.gateway.attesting import Attestor, is_still_allowed, read_evidence
from wardkeep.model.attestation import AttestationKind, AttestationRule, Proof
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Registry
from wardkeep.providers.contract import origin_of
from wardkeep.transport.pool import Pool
from wardkeep.transport.tls import TlsFiles, server_context

HOUR_US = 3_600_000_000
NONCE = re.compile(rb"GET /\.well-known/attestation\?nonce=([0-9a-f]{64}) HTTP/1\.1\r\n")


@dataclass
class Before:
    """An attestor before an enclave, at a time that the test chooses."""

    attestor: Attestor
    place: object
    registry: Registry
    now: list[int]
    asked: list[bytes]
    say: dict[str, str | None]

    async def proven(self, registry: Registry | None = None) -> Proof | Refused:
        return await self.attestor.prove(self.place, registry or self.registry)

    def held(self, registry: Registry | None = None) -> Proof | None:
        return self.attestor.held(self.place, registry or self.registry)

    def with_rule(self, **changes) -> Registry:
        rule = replace(self.registry.attestations["r"], **changes)
        return replace(self.registry, attestations={"r": rule})


@asynccontextmanager
async def before(tmp_path):
    certificate, key = write_certificate(tmp_path)
    signer = NitroSigner()
    start = int(signer.now.timestamp() * 1_000_000)
    now, asked, say = [start], [], {"status": "200 OK", "body": None}
    own = peer_key_of(_der(certificate))

    async def act(reader, writer):
        nonce = bytes.fromhex(NONCE.match(here.requests[-1])[1].decode())
        asked.append(nonce)
        signer.now = datetime.fromtimestamp(now[0] / 1_000_000, UTC)
        body = say["body"]
        if body is None:
            document = base64.b64encode(signer.document(nonce, own)).decode()
            body = json.dumps({"kind": "nitro", "document": document})
        head = f"HTTP/1.1 {say['status']}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())

    async with vendor(act, context=server_context(TlsFiles(certificate=certificate, key=key))) as here:
        place = deployment(
            id="d", base_url=f"{here.url}/v1", ca_file=str(certificate), attestation=AttestationKind.NITRO
        )
        rule = AttestationRule(
            id="r", deployment="d", kind=AttestationKind.NITRO, anchors=(der(signer.root),),
            measurements=({f"PCR{number}": PCRS[number].hex() for number in range(3)},), activated_by="two",
        )  # fmt: skip
        registry = Registry(epoch=1, deployments={"d": place}, attestations={"r": rule})
        pool = Pool([origin_of(place)], key_of=peer_key_of)
        try:
            yield Before(Attestor(pool=pool, clock=lambda: Instant(now[0], 0, "b")), place, registry, now, asked, say)
        finally:
            await pool.close()


def _der(certificate):
    import ssl

    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


async def test_a_proof_is_kept_and_each_question_has_a_nonce_of_its_own(tmp_path):
    async with before(tmp_path) as it:
        assert it.held() is None
        first = await it.proven()
        assert isinstance(first, Proof)
        assert it.held() == first == await it.proven()
        assert len(it.asked) == 1
        it.now[0] += HOUR_US
        assert it.held() is None
        again = await it.proven()
        assert isinstance(again, Proof)
        assert len(set(it.asked)) == 2


async def test_a_proof_of_the_future_is_none(tmp_path):
    async with before(tmp_path) as it:
        await it.proven()
        it.now[0] -= 1
        assert it.held() is None


async def test_a_proof_ends_with_its_rule(tmp_path):
    async with before(tmp_path) as it:
        proof = await it.proven()
        for registry in (
            it.with_rule(withdrawn_by="one"),
            it.with_rule(measurements=()),
            it.with_rule(deployment="other"),
            replace(it.registry, attestations={}),
        ):
            assert it.held(registry) is None
            assert not is_still_allowed(proof, it.place, registry)
            refused = await it.proven(registry)
            assert isinstance(refused, Refused)
            assert refused.reason is Reason.ATTESTATION_FAILED
        assert it.held() == proof


async def test_calls_that_wait_share_one_question_and_one_that_leaves_takes_nothing(tmp_path):
    async with before(tmp_path) as it:
        waiting = [asyncio.ensure_future(it.proven()) for _ in range(5)]
        asyncio.get_running_loop().call_soon(waiting[0].cancel)  # after each has begun to wait
        found = await asyncio.gather(*waiting[1:])
        assert all(isinstance(each, Proof) for each in found)
        assert len(it.asked) == 1


@pytest.mark.parametrize(
    ("say", "reason", "check"),
    [
        ({"status": "404 Not Found"}, Reason.ATTESTATION_UNAVAILABLE, None),
        ({"body": " " * (512 * 1024 + 1)}, Reason.ATTESTATION_UNAVAILABLE, None),
        ({"body": "{}"}, Reason.ATTESTATION_FAILED, "format"),
        ({"body": '{"kind":"nitro","document":"AA==","more":1}'}, Reason.ATTESTATION_FAILED, "format"),
        ({"body": '{"kind":"sgx","document":"AA=="}'}, Reason.ATTESTATION_FAILED, "format"),
        ({"body": '{"kind":"nitro","document":"not base64"}'}, Reason.ATTESTATION_FAILED, "format"),
        ({"body": '{"kind":"snp","report":"AA==","vcek":"AA==","ask":"AA=="}'}, Reason.ATTESTATION_FAILED, "kind"),
        ({"body": '{"kind":"tdx","quote":"AA==","collateral":"{}"}'}, Reason.ATTESTATION_FAILED, "kind"),
    ],
)
async def test_what_is_no_evidence_refuses(tmp_path, say, reason, check):
    async with before(tmp_path) as it:
        it.say.update(say)
        assert await it.proven() == Refused(reason=reason, field=check)
        assert it.held() is None


async def test_nobody_there_is_no_evidence(tmp_path):
    async with before(tmp_path) as it:
        gone = it
    assert await gone.proven() == Refused(reason=Reason.ATTESTATION_UNAVAILABLE)


def test_a_letter_that_is_no_ascii_is_no_evidence():
    with pytest.raises(EvidenceRefused):
        read_evidence('{"kind":"nitro","document":"\xe9"}'.encode())
