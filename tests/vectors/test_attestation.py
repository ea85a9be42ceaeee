"""Evidence that real hardware signed: proven where and when it is good, refused for each policy that it breaks.

It was not made for us, so the challenge is read out of it where it has room for one; the Nitro documents have no nonce
of 32 bytes, so their chains and signatures are verified by the parts that `nitro.verify` is made of.
"""

import base64
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wardkeep.crypto.attestation import chain, nitro
from wardkeep.crypto.attestation.evidence import verify
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import AttestationKind, AttestationRule, Challenge, Evidence

BESIDE = Path(__file__).parents[2].parent / "shared" / "vectors"
VECTORS = Path(os.environ.get("WARDKEEP_ATTESTATION_VECTORS", BESIDE / "attestation"))
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not VECTORS.is_dir(), reason="attestation vectors are absent (set WARDKEEP_ATTESTATION_VECTORS)"
    ),
]
TODAY = datetime(2026, 11, 23, tzinfo=UTC)


def read(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def ders(name: str) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(read(name)))


def rule_of(kind: AttestationKind, anchors: tuple[bytes, ...], measurement: dict[str, str], **more) -> AttestationRule:
    return AttestationRule(
        id="r", deployment="d", kind=kind, anchors=anchors, measurements=(measurement,), activated_by="two", **more
    )


def refused(evidence: Evidence, rule: AttestationRule, challenge: Challenge) -> str:
    with pytest.raises(EvidenceRefused) as error:
        verify(evidence, rule, challenge)
    return error.value.check.value


# ---- Nitro

DOCUMENTS = {
    "nitro/dstack/nitro_attestation.cose": False,
    "nitro/dstack-nsm/nitro_attestation.cose": False,
    "nitro/evervault/valid-attestation-doc-bytes": False,
    "nitro/dstack/nitro_attestation_dbg.cose": True,
    "nitro/evervault/debug-mode-attestation-doc-bytes": True,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nitro_documents_chain_to_amazons_root_at_their_time_only(name):
    payload, signature = nitro._open(read(name))
    fields = nitro._fields(payload)
    leaf = chain.load(fields["certificate"])
    above = [chain.load(each) for each in reversed(fields["cabundle"])]
    anchors = ders("nitro/dstack/AWS_NitroEnclaves_Root-G1.pem")
    made_at = nitro._made_at(fields["timestamp"])
    assert made_at < chain.verify_chain(leaf, above, anchors, made_at) < made_at + timedelta(hours=4)
    nitro._check_signature(chain.signing_key(leaf), payload, signature)
    for when in (TODAY, made_at - timedelta(days=1)):
        with pytest.raises(EvidenceRefused) as error:
            chain.verify_chain(leaf, above, anchors, when)
        assert error.value.check == "validity"
    with pytest.raises(EvidenceRefused):
        nitro._check_signature(chain.signing_key(leaf), payload + b"\0", signature)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nitro_documents_for_others_are_refused_and_debug_is_seen(name):
    document = read(name)
    fields = cbor2.loads(cbor2.loads(document)[2])
    pcrs = {f"PCR{number}": fields["pcrs"][number].hex() for number in (0, 1, 2)}
    rule = rule_of(AttestationKind.NITRO, ders("nitro/dstack/AWS_NitroEnclaves_Root-G1.pem"), pcrs)
    now = datetime.fromtimestamp(fields["timestamp"] / 1000, UTC)
    challenge = Challenge(nonce=os.urandom(32), peer_key=os.urandom(32), now=now)
    assert refused(Evidence(kind=AttestationKind.NITRO, document=document), rule, challenge) == "nonce"
    assert any(not any(fields["pcrs"][number]) for number in (0, 1, 2)) is DOCUMENTS[name]


def test_a_nitro_document_in_base64_is_no_document():
    data = base64.b64encode(read("nitro/dstack/nitro_attestation.cose"))
    with pytest.raises(EvidenceRefused):
        nitro._open(data)


# ---- SEV-SNP


def report_of(name: str, vcek: bytes, ask: bytes) -> tuple[Evidence, Challenge]:
    raw = read(name)
    report = bytes.fromhex(raw.decode().strip()) if name.endswith(".hex") else raw
    evidence = Evidence(kind=AttestationKind.SNP, document=report, endorsement=vcek, intermediates=(ask,))
    made = chain.load(vcek).not_valid_before_utc + timedelta(days=1)
    return evidence, Challenge(peer_key=report[0x50:0x70], nonce=report[0x70:0x90], now=made)


def milan(evidence: Evidence, **more) -> AttestationRule:
    measured = {"MEASUREMENT": evidence.document[0x90:0xC0].hex()}
    floor = {"boot_loader": 0, "tee": 0, "snp": 0, "microcode": 0}
    return rule_of(AttestationKind.SNP, ders("snp/virtee/cert_chain_milan")[1:], measured, tcb_floor=floor, **more)


def test_a_milan_report_verifies_and_is_refused_by_default():
    evidence, challenge = report_of(
        "snp/virtee/report_milan.hex", read("snp/virtee/vcek_milan.der"), ders("snp/virtee/cert_chain_milan")[0]
    )
    assert refused(evidence, milan(evidence), challenge) == "product"
    allowed = milan(evidence, allows_milan=True)
    assert verify(evidence, allowed, challenge).tcb.startswith("Milan boot_loader=3")
    assert refused(evidence, replace(allowed, tcb_floor={"snp": 9}), challenge) == "tcb"
    assert refused(evidence, allowed, replace(challenge, now=datetime(2033, 1, 1, tzinfo=UTC))) == "validity"
    genoa = ders("snp/go-sev-guest/ask_ark_genoa.pem")
    assert refused(evidence, replace(allowed, anchors=genoa[1:]), challenge) == "chain"


def test_a_milan_report_of_a_debug_guest_is_refused():
    evidence, challenge = report_of(
        "snp/go-sev-guest/attestation.bin",
        read("snp/go-sev-guest/vcek.testcer"),
        ders("snp/virtee/cert_chain_milan")[0],
    )
    assert refused(evidence, milan(evidence, allows_milan=True), challenge) == "debug"


def test_a_report_of_version_three_verifies():
    vcek, ask = ders("snp/dstack/sev_snp_vcek.pem")[0], ders("snp/dstack/sev_snp_ask.pem")[0]
    evidence, challenge = report_of("snp/dstack/extracted_report.bin", vcek, ask)
    assert verify(evidence, milan(evidence, allows_milan=True), challenge).tcb.startswith("Milan")


@pytest.mark.parametrize("name", ["snp/go-sev-guest/ask_ark_genoa.pem", "snp/virtee/cert_chain_turin"])
def test_the_chains_of_accepted_products_are_read(name):
    ask, ark = (chain.load(each) for each in ders(name))
    assert chain.verify_chain(ask, [ark], (ders(name)[1],), TODAY) > TODAY


# ---- TDX

WITH_LIBRARY = pytest.mark.skipif(find_spec("dcap_qvl") is None, reason="the extra `tdx` is not installed")
DAY_OF_QUOTE = datetime(2025, 6, 22, tzinfo=UTC)


def quoted() -> tuple[Evidence, AttestationRule, Challenge]:
    quote = read("tdx/dcap-qvl/tdx_quote")
    evidence = Evidence(
        kind=AttestationKind.TDX, document=quote, endorsement=read("tdx/dcap-qvl/tdx_quote_collateral.json")
    )
    body = quote[48:]
    measured = {"MRTD": body[136:184].hex()} | {
        f"RTMR{number}": body[328 + 48 * number : 376 + 48 * number].hex() for number in range(3)
    }
    start = quote.index(b"-----BEGIN CERTIFICATE-----")
    chain_pem = quote[start : quote.rindex(b"-----END CERTIFICATE-----") + 25]
    root = x509.load_pem_x509_certificates(chain_pem)[-1].public_bytes(Encoding.DER)
    challenge = Challenge(peer_key=body[520:552], nonce=body[552:584], now=DAY_OF_QUOTE)
    return evidence, rule_of(AttestationKind.TDX, (root,), measured), challenge


@WITH_LIBRARY
def test_a_tdx_quote_is_proven_with_its_collateral_and_within_its_time():
    evidence, rule, challenge = quoted()
    proof = verify(evidence, rule, challenge)
    assert proof.tcb.startswith("UpToDate, evaluation ")
    for when in (TODAY, datetime(2025, 1, 1, tzinfo=UTC)):
        assert refused(evidence, rule, replace(challenge, now=when)) == "chain"
    assert refused(evidence, rule, replace(challenge, nonce=os.urandom(32))) == "nonce"
    assert refused(evidence, rule, replace(challenge, peer_key=os.urandom(32))) == "peer_key"
    other = {**rule.measurements[0], "RTMR1": "00" * 48}
    assert refused(evidence, replace(rule, measurements=(other,)), challenge) == "measurement"
    strange = ders("nitro/dstack/AWS_NitroEnclaves_Root-G1.pem")
    assert refused(evidence, replace(rule, anchors=strange), challenge) == "chain"
    assert verify(evidence, replace(rule, anchors=(*strange, *rule.anchors)), challenge) != proof


@WITH_LIBRARY
def test_an_outdated_platform_and_an_sgx_quote_are_refused():
    _, rule, challenge = quoted()
    for name, when in (("tdx_quote_outdated", datetime(2026, 2, 20, tzinfo=UTC)), ("sgx_quote", DAY_OF_QUOTE)):
        evidence = Evidence(
            kind=AttestationKind.TDX,
            document=read(f"tdx/dcap-qvl/{name}"),
            endorsement=read(f"tdx/dcap-qvl/{name}_collateral.json"),
        )
        assert refused(evidence, rule, replace(challenge, now=when)) in {"chain", "tcb", "kind"}


@WITH_LIBRARY
def test_a_bit_of_every_fifth_signed_byte_of_a_quote_is_held():
    evidence, rule, challenge = quoted()
    for bit in range(0, (48 + 584) * 8, 41):
        changed = bytearray(evidence.document)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(replace(evidence, document=bytes(changed)), rule, challenge), bit
