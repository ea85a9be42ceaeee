"""Evidence of our own signer against rules: the good is proven, and each single deviation is refused for what it is."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.evidence import MEASURED, PCRS, NitroSigner, SnpSigner, der

from wardkeep.crypto.attestation.evidence import LONGEST, measurement_hash, verify
from wardkeep.crypto.errors import EvidenceRefused
from wardkeep.model.attestation import AttestationKind, AttestationRule, Challenge, Evidence

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CHALLENGE = Challenge(nonce=os.urandom(32), peer_key=hashlib.sha256(b"spki").digest(), now=NOW)
NITRO = NitroSigner(now=NOW)
SNP = SnpSigner(now=NOW)
ALLOWED = {f"PCR{number}": PCRS[number].hex() for number in (0, 1, 2)}
NITRO_RULE = AttestationRule(
    id="enclave-1",
    deployment="attested",
    kind=AttestationKind.NITRO,
    anchors=(der(NITRO.root),),
    measurements=({**ALLOWED, "PCR0": "00" * 47 + "01"}, ALLOWED),
    added_by="one",
    activated_by="two",
)
SNP_RULE = replace(
    NITRO_RULE,
    kind=AttestationKind.SNP,
    anchors=(der(SNP.ark()),),
    measurements=({"MEASUREMENT": MEASURED.hex()},),
    tcb_floor={"boot_loader": 4, "tee": 1, "snp": 23, "microcode": 72},
)
NONCE, KEY = CHALLENGE.nonce, CHALLENGE.peer_key


def nitro(document: bytes, **more) -> Evidence:
    return Evidence(kind=AttestationKind.NITRO, document=document, **more)


def snp(document: bytes, signer: SnpSigner = SNP, **more) -> Evidence:
    given = {"endorsement": der(signer.vcek()), "intermediates": (der(signer.ask()),), **more}
    return Evidence(kind=AttestationKind.SNP, document=document, **given)


def refused(evidence: Evidence, rule: AttestationRule, challenge: Challenge = CHALLENGE) -> str:
    with pytest.raises(EvidenceRefused) as error:
        verify(evidence, rule, challenge)
    return error.value.check.value


# ---- both


def test_a_proof_says_what_was_verified_and_until_when():
    proof = verify(nitro(NITRO.document(NONCE, KEY)), NITRO_RULE, CHALLENGE)
    assert (proof.peer_key, proof.at, proof.ends_at) == (KEY, NOW, NOW + LONGEST)
    assert proof.measurement == measurement_hash(ALLOWED)
    assert proof.told["attested"] == "nitro, CPU only"


def test_a_proof_ends_with_the_shortest_certificate():
    signer = NitroSigner(now=NOW, days=timedelta(minutes=10))
    rule = replace(NITRO_RULE, anchors=(der(signer.root),))
    assert verify(nitro(signer.document(NONCE, KEY)), rule, CHALLENGE).ends_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("changes", [{"activated_by": None}, {"withdrawn_by": "two"}])
def test_a_rule_that_does_not_hold_proves_nothing(changes):
    assert refused(nitro(NITRO.document(NONCE, KEY)), replace(NITRO_RULE, **changes)) == "rule"


def test_evidence_of_another_kind_is_refused():
    assert refused(nitro(NITRO.document(NONCE, KEY)), SNP_RULE) == "kind"
    assert refused(snp(SNP.report(NONCE, KEY)), NITRO_RULE) == "kind"


@pytest.mark.parametrize("changes", [{"nonce": b"short"}, {"peer_key": b"short"}])
def test_a_challenge_that_binds_nothing_is_refused(changes):
    assert refused(nitro(NITRO.document(NONCE, KEY)), NITRO_RULE, replace(CHALLENGE, **changes)) == "format"


def test_an_allow_list_that_leaves_a_register_open_allows_nothing():
    part = {"PCR0": ALLOWED["PCR0"], "PCR1": ALLOWED["PCR1"]}
    assert refused(nitro(NITRO.document(NONCE, KEY)), replace(NITRO_RULE, measurements=(part,))) == "measurement"
    assert refused(nitro(NITRO.document(NONCE, KEY)), replace(NITRO_RULE, measurements=())) == "measurement"


@given(st.binary(max_size=200))
def test_garbage_is_refused(data):
    for kind, rule in ((AttestationKind.NITRO, NITRO_RULE), (AttestationKind.SNP, SNP_RULE)):
        assert refused(Evidence(kind=kind, document=data), rule)
        assert refused(Evidence(kind=kind, document=data, endorsement=data, intermediates=(data,)), rule)


# ---- Nitro


def test_a_tagged_document_is_the_same_document():
    payload = cbor2.dumps(NITRO.payload(NONCE, KEY))
    assert verify(nitro(NITRO.sign(payload, tag=True)), NITRO_RULE, CHALLENGE).peer_key == KEY


def test_the_key_itself_may_stand_beside_its_hash():
    challenge = replace(CHALLENGE, peer_key=hashlib.sha256(b"the key").digest())
    good = NITRO.document(NONCE, challenge.peer_key, public_key=b"the key")
    assert verify(nitro(good), NITRO_RULE, challenge).peer_key == challenge.peer_key
    other = NITRO.document(NONCE, challenge.peer_key, public_key=b"another key")
    assert refused(nitro(other), NITRO_RULE, challenge) == "peer_key"


_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"nonce": os.urandom(32)}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"user_data": os.urandom(32)}, "peer_key"),
        ({"user_data": None}, "peer_key"),
        ({"user_data": KEY + b"\0"}, "peer_key"),
        ({"pcrs": {**PCRS, 0: bytes(48), 1: bytes(48), 2: bytes(48)}}, "debug"),
        ({"pcrs": {**PCRS, 2: bytes(48)}}, "debug"),
        ({"pcrs": {**PCRS, 0: hashlib.sha384(b"other").digest()}}, "measurement"),
        ({"pcrs": {0: PCRS[0], 1: PCRS[1]}}, "format"),
        ({"pcrs": {0: PCRS[0], 1: PCRS[1], 3: PCRS[2]}}, "format"),
        ({"pcrs": {**PCRS, 0: PCRS[0][:32]}}, "format"),
        ({"pcrs": {**PCRS, 0: "text"}}, "format"),
        ({"pcrs": {**PCRS, 32: PCRS[0]}}, "format"),
        ({"pcrs": {**PCRS, "0": PCRS[0]}}, "format"),
        ({"pcrs": []}, "format"),
        ({"timestamp": _MS - 301_000}, "validity"),
        ({"timestamp": _MS + 61_000}, "validity"),
        ({"timestamp": True}, "format"),
        ({"timestamp": 1 << 60}, "format"),
        ({"timestamp": 0}, "format"),
        ({"digest": "SHA256"}, "format"),
        ({"module_id": ""}, "format"),
        ({"module_id": 1}, "format"),
        ({"nonce": "text"}, "format"),
        ({"certificate": b"no certificate"}, "format"),
        ({"certificate": "text"}, "format"),
        ({"cabundle": "text"}, "format"),
        ({"cabundle": []}, "chain"),
        ({"cabundle": [der(NITRO.root)]}, "chain"),
        ({"cabundle": [der(NITRO.zone())]}, "chain"),
        ({"cabundle": [der(NITRO.root)] + [der(NITRO.zone())] * 9}, "chain"),
        ({"cabundle": [der(NITRO.root), 1]}, "format"),
        ({"surplus": 1}, "format"),
    ],
)
def test_each_field_of_a_document_is_held(changes, check):
    assert refused(nitro(NITRO.document(NONCE, KEY, **changes)), NITRO_RULE) == check


@pytest.mark.parametrize("name", ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "nonce"])
def test_a_document_without_a_field_is_refused(name):
    payload = NITRO.payload(NONCE, KEY)
    del payload[name]
    assert refused(nitro(NITRO.sign(cbor2.dumps(payload))), NITRO_RULE) in {"format", "nonce"}


def test_another_signer_is_refused():
    stranger = NitroSigner(now=NOW)
    assert refused(nitro(stranger.document(NONCE, KEY)), NITRO_RULE) == "chain"
    # The good chain over a payload that another key signed.
    payload = cbor2.dumps(NITRO.payload(NONCE, KEY))
    assert refused(nitro(stranger.sign(payload)), NITRO_RULE) == "signature"


def test_a_certificate_on_another_curve_is_refused():
    signer = NitroSigner(now=NOW, leaf_key=ec.generate_private_key(ec.SECP256R1()))
    rule = replace(NITRO_RULE, anchors=(der(signer.root),))
    assert refused(nitro(signer.document(NONCE, KEY)), rule) == "signature"


_CRITICAL = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)


@pytest.mark.parametrize(
    ("leaf", "zone", "check"),
    [
        ({"days": timedelta(seconds=-1)}, {}, "validity"),
        ({"before": timedelta(seconds=-1)}, {}, "validity"),
        ({}, {"days": timedelta(seconds=-1)}, "validity"),
        ({}, {"is_ca": False, "path_length": None}, "chain"),
        ({}, {"may_sign": False}, "chain"),
        ({"more": (_CRITICAL,)}, {}, "chain"),
        ({}, {"more": (_CRITICAL,)}, "chain"),
    ],
)
def test_each_link_of_the_chain_is_held(leaf, zone, check):
    changes = {"certificate": der(NITRO.leaf(**leaf)), "cabundle": [der(NITRO.root), der(NITRO.zone(**zone))]}
    assert refused(nitro(NITRO.document(NONCE, KEY, **changes)), NITRO_RULE) == check


@pytest.mark.parametrize(
    "options",
    [
        {"protected": bytes.fromhex("a1013823")},  # ES512
        {"protected": bytes.fromhex("a10126")},  # ES256
        {"protected": b""},
        {"unprotected": {1: -35}},
    ],
)
def test_no_other_algorithm_and_no_other_header_is_taken(options):
    payload = cbor2.dumps(NITRO.payload(NONCE, KEY))
    assert refused(nitro(NITRO.sign(payload, **options)), NITRO_RULE) == "format"


def test_a_document_has_four_parts_and_a_bound():
    document = NITRO.document(NONCE, KEY)
    parts = cbor2.loads(document)
    for changed in ([*parts, b""], parts[:3], [*parts[:3], parts[3][:-1]], {1: 2}, [*parts[:2], None, parts[3]]):
        assert refused(nitro(cbor2.dumps(changed)), NITRO_RULE) == "format"
    assert refused(nitro(document + bytes(32 * 1024)), NITRO_RULE) == "format"
    assert refused(nitro(document, endorsement=b"x"), NITRO_RULE) == "format"
    assert refused(nitro(document, intermediates=(b"x",)), NITRO_RULE) == "format"
    assert refused(nitro(cbor2.dumps([*parts[:2], cbor2.dumps([1]), parts[3]])), NITRO_RULE) == "format"


def test_a_signature_of_zeros_is_refused():
    parts = cbor2.loads(NITRO.document(NONCE, KEY))
    assert refused(nitro(cbor2.dumps([*parts[:3], bytes(96)])), NITRO_RULE) == "signature"


# ---- SEV-SNP


@pytest.mark.parametrize("product", ["Genoa", "Turin"])
def test_a_report_is_proven_for_each_product(product):
    signer = SnpSigner(now=NOW, product=product)
    rule = replace(SNP_RULE, anchors=(der(SNP.ark()), der(signer.ark())))
    proof = verify(snp(signer.report(NONCE, KEY), signer), rule, CHALLENGE)
    assert proof.tcb.startswith(product)


def test_milan_is_refused_unless_a_rule_allows_it():
    signer = SnpSigner(now=NOW, product="Milan")
    rule = replace(SNP_RULE, anchors=(der(signer.ark()),))
    evidence = snp(signer.report(NONCE, KEY), signer)
    assert refused(evidence, rule) == "product"
    assert verify(evidence, replace(rule, allows_milan=True), CHALLENGE).tcb.startswith("Milan")


def test_milan_that_calls_itself_genoa_is_refused():
    milan = SNP.report(NONCE, KEY, at_0x188=b"\x19\x01\x01")
    assert refused(snp(milan), SNP_RULE) == "product"


def _policy(value: int) -> dict[str, bytes]:
    return {"at_0x08": value.to_bytes(8, "little")}


_TCB = bytes([4, 1, 0, 0, 0, 0, 23, 72])


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"at_0x00": b"\x04"}, "format"),
        ({"at_0x00": b"\x01"}, "format"),
        ({"at_0x34": b"\x02"}, "format"),
        (_policy(0xB0000), "debug"),
        (_policy(0x70000), "policy"),
        (_policy(0x10000), "policy"),
        (_policy(0x30000 | 1 << 40), "policy"),
        ({"at_0x30": b"\x01"}, "policy"),
        ({"at_0x48": b"\x02"}, "policy"),
        ({"at_0x48": b"\x04"}, "policy"),
        ({"at_0x50": os.urandom(32)}, "peer_key"),
        ({"at_0x70": os.urandom(32)}, "nonce"),
        ({"at_0x90": os.urandom(48)}, "measurement"),
        ({"at_0x188": b"\x1a\x02\x01"}, "product"),
        ({"at_0x1A0": os.urandom(64)}, "chain"),
        ({"at_0x180": bytes([4, 1, 0, 0, 0, 0, 23, 71])}, "tcb"),
        ({"at_0x38": bytes([4, 1, 0, 0, 0, 0, 22, 72])}, "tcb"),
        ({"at_0x1E0": bytes([3, 1, 0, 0, 0, 0, 23, 72])}, "tcb"),
        ({"at_0x1F0": bytes([4, 0, 0, 0, 0, 0, 23, 72])}, "tcb"),
    ],
)
def test_each_field_of_a_report_is_held(changes, check):
    assert refused(snp(SNP.report(NONCE, KEY, **changes)), SNP_RULE) == check


def test_an_old_report_of_a_new_product_is_refused():
    signer = SnpSigner(now=NOW, product="Turin")
    rule = replace(SNP_RULE, anchors=(der(signer.ark()),))
    assert refused(snp(signer.report(NONCE, KEY, at_0x00=b"\x02"), signer), rule) == "product"
    assert verify(snp(SNP.report(NONCE, KEY, at_0x00=b"\x02")), SNP_RULE, CHALLENGE).tcb.startswith("Genoa")


@pytest.mark.parametrize("floor", [{}, {"snp": 24}, {"fmc": 0}])
def test_a_floor_that_is_not_stated_or_not_reached_refuses(floor):
    assert refused(snp(SNP.report(NONCE, KEY)), replace(SNP_RULE, tcb_floor=floor)) == "tcb"


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"2": None}, "format"),
        ({"2": b"\x16\x09Naples"}, "format"),
        ({"2": b"\x16\x06Naples"}, "product"),
        ({"3.1": None}, "format"),
        ({"3.1": b"\x02\x02\x01\x00"}, "format"),
        ({"3.1": b"\x04\x01\x04"}, "format"),
        ({"3.1": b"\x02\x01\x05"}, "tcb"),
        ({"4": bytes(63)}, "format"),
        ({"4": bytes(64)}, "chain"),
    ],
)
def test_what_the_certificate_says_is_held(changes, check):
    evidence = snp(SNP.report(NONCE, KEY), endorsement=der(SNP.vcek(**changes)))
    assert refused(evidence, SNP_RULE) == check


def test_a_report_of_another_chip_or_chain_is_refused():
    stranger = SnpSigner(now=NOW)
    report = SNP.report(NONCE, KEY)
    assert refused(snp(report, endorsement=der(stranger.vcek())), SNP_RULE) == "signature"
    assert refused(snp(report, intermediates=()), SNP_RULE) == "chain"
    assert refused(snp(report, intermediates=(der(SNP.vcek()),)), SNP_RULE) == "chain"
    assert refused(snp(report), replace(SNP_RULE, anchors=(der(NITRO.root),))) == "chain"
    expired = SnpSigner(now=NOW, days=timedelta(seconds=-1))
    assert refused(snp(expired.report(NONCE, KEY), expired), SNP_RULE) == "validity"
    other_curve = SnpSigner(now=NOW, key=ec.generate_private_key(ec.SECP256R1()))
    assert refused(snp(report, endorsement=der(other_curve.vcek())), SNP_RULE) == "signature"


def test_what_stands_behind_the_signature_is_not_read():
    report = SNP.report(NONCE, KEY)
    assert verify(snp(report[:0x330] + os.urandom(0x4A0 - 0x330)), SNP_RULE, CHALLENGE).peer_key == KEY
    assert refused(snp(report + b"\0"), SNP_RULE) == "format"


# ---- every bit


def flip(evidence: Evidence, rule: AttestationRule, bits: range) -> None:
    for bit in bits:
        changed = bytearray(evidence.document)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(replace(evidence, document=bytes(changed)), rule), bit


def test_every_signed_bit_of_a_report_is_held():
    flip(snp(SNP.report(NONCE, KEY)), SNP_RULE, range(0x2A0 * 8))


def test_a_bit_of_every_fourth_byte_of_a_document_is_held():
    document = NITRO.document(NONCE, KEY)
    flip(nitro(document), NITRO_RULE, range(5, len(document) * 8, 33))


@pytest.mark.slow
def test_every_bit_of_a_document_and_of_a_report_and_its_signature_is_held():
    document = NITRO.document(NONCE, KEY)
    flip(nitro(document), NITRO_RULE, range(len(document) * 8))
    flip(snp(SNP.report(NONCE, KEY)), SNP_RULE, range(0x330 * 8))


# ---- TDX: its good quotes are in tests/vectors; here what is refused whether or not the extra is installed


@given(st.binary(max_size=700), st.binary(max_size=50))
def test_a_quote_that_is_none_is_refused(quote, collateral):
    rule = replace(NITRO_RULE, kind=AttestationKind.TDX)
    assert refused(Evidence(kind=AttestationKind.TDX, document=quote, endorsement=collateral), rule)
    assert refused(Evidence(kind=AttestationKind.TDX, document=quote, endorsement=b'{"tcb_info":"{}"}'), rule)
