"""Allow-lists of attested deployments, and pins: two people, whole measurements, floors, roots, and keys that exist."""

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.simulators.evidence import MEASURED, PCRS, NitroSigner, SnpSigner
from tests.unit.compliance.organisation import (
    AUDITOR,
    OPERATOR,
    PRIVACY,
    SECURITY,
    after,
    deployment,
    working_registry,
)

from wardkeep.compliance import attestations, deployments
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind, apply, decode_payload, encode_payload
from wardkeep.crypto.attestation.anchors import name_of_root
from wardkeep.model.attestation import AttestationKind, AttestationRule
from wardkeep.routing.choose import rules_of

NITRO, SNP = AttestationKind.NITRO, AttestationKind.SNP
ALLOWED = {f"PCR{number}": PCRS[number].hex() for number in (0, 1, 2)}
ROOT = NitroSigner().root.public_bytes(Encoding.PEM).decode()
LEAF = NitroSigner().leaf().public_bytes(Encoding.PEM).decode()
FLOOR = {"boot_loader": 4, "tee": 1, "snp": 23, "microcode": 72}
RULE = AttestationRule(id="enclave", deployment="attested", kind=NITRO, anchors=(), measurements=(ALLOWED,))
SNP_RULE = replace(RULE, kind=SNP, measurements=({"MEASUREMENT": MEASURED.hex()},), tcb_floor=FLOOR)
PIN = "sha256/" + "A" * 43 + "="


def held(kind=NITRO, **changes):
    record = deployment(id="attested", base_url="https://enclave.example/v1", attestation=kind, **changes)
    return apply(working_registry(), [Change(kind=Kind.DEPLOYMENTS, id="attested", record=record)], epoch=9)


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def recorded(rule=RULE, anchors=ROOT):
    registry = held(rule.kind)
    return after(registry, attestations.add_rule(registry, PRIVACY, rule=rule, anchors=anchors))


def test_one_records_another_activates_and_anybody_of_them_withdraws():
    registry = recorded()
    place = registry.deployments["attested"]
    assert rules_of(registry.attestations.values(), place) == ()
    assert code(attestations.activate_rule, registry, PRIVACY, rule="enclave") == "second_person_required"
    registry = after(registry, attestations.activate_rule(registry, SECURITY, rule="enclave"))
    assert [each.id for each in rules_of(registry.attestations.values(), place)] == ["enclave"]
    assert rules_of(registry.attestations.values(), replace(place, attestation=SNP)) == ()
    assert rules_of(registry.attestations.values(), replace(place, id="another")) == ()
    assert code(attestations.activate_rule, registry, SECURITY, rule="enclave") == "wrong_status"
    registry = after(registry, attestations.withdraw_rule(registry, PRIVACY, rule="enclave", reason="an old build"))
    assert rules_of(registry.attestations.values(), place) == ()
    assert code(attestations.withdraw_rule, registry, PRIVACY, rule="enclave", reason="again") == "wrong_status"
    assert code(attestations.activate_rule, registry, SECURITY, rule="enclave") == "wrong_status"
    assert code(attestations.activate_rule, registry, SECURITY, rule="none") == "not_found"


def test_who_records_cannot_say_that_it_was_activated():
    forged = replace(RULE, activated_by="security", added_by="security")
    record = recorded(forged).attestations["enclave"]
    assert (record.added_by, record.activated_by) == ("privacy", None)


@pytest.mark.parametrize("by", [OPERATOR, AUDITOR], ids=lambda person: person.id)
def test_only_officers_take_a_step(by):
    registry = recorded()
    assert code(attestations.add_rule, registry, by, rule=RULE, anchors=ROOT) == "role_not_permitted"
    assert code(attestations.activate_rule, registry, by, rule="enclave") == "role_not_permitted"
    assert code(attestations.withdraw_rule, registry, by, rule="enclave", reason="x") == "role_not_permitted"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (replace(RULE, id="A b"), "value_invalid"),
        (replace(RULE, deployment="unknown"), "not_found"),
        (replace(RULE, kind=SNP, tcb_floor=FLOOR), "value_invalid"),
        (replace(RULE, measurements=()), "value_invalid"),
        (replace(RULE, measurements=(ALLOWED,) * 65), "value_invalid"),
        (replace(RULE, measurements=({"PCR0": ALLOWED["PCR0"]},)), "value_invalid"),
        (replace(RULE, measurements=({**ALLOWED, "PCR9": ALLOWED["PCR0"]},)), "value_invalid"),
        (replace(RULE, measurements=({**ALLOWED, "PCR0": ALLOWED["PCR0"].upper()},)), "value_invalid"),
        (replace(RULE, measurements=({**ALLOWED, "PCR0": "00" * 48},)), "value_invalid"),
        (replace(RULE, tcb_floor={"snp": 1}), "value_invalid"),
        (replace(RULE, allows_milan=True), "value_invalid"),
    ],
)
def test_a_term_that_cannot_be_is_refused(rule, expected):
    assert code(attestations.add_rule, held(), PRIVACY, rule=rule, anchors=ROOT) == expected


@pytest.mark.parametrize("floor", [{}, {"snp": 1}, {**FLOOR, "snp": 256}, {**FLOOR, "other": 1}])
def test_a_floor_names_every_part(floor):
    rule = replace(SNP_RULE, tcb_floor=floor)
    assert code(attestations.add_rule, held(SNP), PRIVACY, rule=rule, anchors=ROOT) == "value_invalid"


@pytest.mark.parametrize("anchors", ["", "no certificate", LEAF, ROOT * 9, ROOT + "\xe9"])
def test_anchors_are_roots(anchors):
    assert code(attestations.add_rule, held(), PRIVACY, rule=RULE, anchors=anchors) == "value_invalid"


def test_a_root_of_no_known_vendor_and_milan_are_on_record_as_such():
    assert attestations.add_rule(held(), PRIVACY, rule=RULE, anchors=ROOT)[0].note == "root_of_no_known_vendor"
    ark = SnpSigner().ark().public_bytes(Encoding.PEM).decode()
    milan = replace(SNP_RULE, allows_milan=True)
    change = attestations.add_rule(held(SNP), PRIVACY, rule=milan, anchors=ark)[0]
    assert change.note == "milan_allowed root_of_no_known_vendor"
    assert name_of_root(os.urandom(8)).startswith("sha256:")


def test_a_rule_survives_its_record():
    change = attestations.add_rule(held(SNP), PRIVACY, rule=SNP_RULE, anchors=ROOT)
    assert decode_payload(encode_payload("attestation.add", "r", change)) == tuple(change)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"base_url": "http://localhost:8000/v1"}, "value_invalid"),
        ({"evidence_path": "attestation"}, "value_invalid"),
        ({"evidence_path": "/a/../b"}, "value_invalid"),
        ({"evidence_path": "/a?b"}, "value_invalid"),
        ({"dialect": "azure-openai"}, "value_invalid"),
        ({"pins": frozenset({"sha256/short"})}, "value_invalid"),
        ({"pins": frozenset(PIN.replace("AA", pair) for pair in ("BB", "CC", "DD", "EE", "FF"))}, "value_invalid"),
    ],
)
def test_a_deployment_that_could_prove_nothing_is_not_recorded(changes, expected):
    fields = {
        "id": "new",
        "base_url": "https://enclave.example/v1",
        "attestation": NITRO,
        "credential": None,
        **changes,
    }
    assert code(deployments.add_deployment, working_registry(), OPERATOR, deployment=deployment(**fields)) == expected


def test_pins_are_put_anew_and_need_tls():
    registry = held()
    registry = after(registry, attestations.set_pins(registry, OPERATOR, deployment="attested", pins=frozenset({PIN})))
    assert registry.deployments["attested"].pins == {PIN}
    assert code(attestations.set_pins, registry, OPERATOR, deployment="none", pins=frozenset()) == "not_found"
    assert (
        code(attestations.set_pins, registry, AUDITOR, deployment="attested", pins=frozenset()) == "role_not_permitted"
    )
    plain = held(None, allow_plain_http=True)
    record = replace(plain.deployments["attested"], base_url="http://localhost:1/v1")
    plain = apply(plain, [Change(kind=Kind.DEPLOYMENTS, id="attested", record=record)], epoch=10)
    given = {"deployment": "attested", "pins": frozenset({PIN})}
    assert code(attestations.set_pins, plain, OPERATOR, **given) == "value_invalid"
