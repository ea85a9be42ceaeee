"""What leaves, on what basis: prepared by one, signed by another, and nothing without what its basis asks for."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.unit.compliance.organisation import AUDITOR, EVERYBODY, HASH, OPERATOR, PRIVACY, SECURITY, TODAY, person

from wardkeep.compliance import releases
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Kind, apply, decode, encode, stamped
from wardkeep.model.registry import Organisation, Registry, Role
from wardkeep.model.release import DataUse, DataUseAgreement, Determination, Release, ReleaseBasis

RESEARCHER = person("researcher", Role.RESEARCHER)
PEOPLE = {each.id: each for each in (*EVERYBODY, RESEARCHER)}
EXPERT = Determination(
    id="exp-1", expert="A. Statistician, PhD", document_sha256=HASH, effective_on=TODAY,
    expires_on=TODAY + timedelta(days=365), allows_shifted_dates=True, added_by="",
)  # fmt: skip
USE = DataUseAgreement(
    id="dua-1", recipient="University", use=DataUse.RESEARCH, document_sha256=HASH, effective_on=TODAY,
    expires_on=None, added_by="",
)  # fmt: skip


def release(**changes) -> Release:
    given = Release(
        id="r-1", basis=ReleaseBasis.SAFE_HARBOR, policy="safe_harbor", dataset_sha256=HASH, report_sha256=HASH,
        recipient="University", shifts_dates=False, is_associate=False, prepared_by="",
    )  # fmt: skip
    return replace(given, **changes)


def organisation(*, people=None) -> Registry:
    held = Organisation(name="Clinic", tenant="t", zone="UTC", officers=("privacy", "security"))
    return Registry(epoch=1, organisation=held, people=people or PEOPLE)


def made(registry, changes, index=7):
    return apply(registry, stamped(changes, index), epoch=index + 1)


def prepared(registry, by=RESEARCHER, **changes):
    return made(registry, releases.prepare_release(registry, by, release=release(**changes)))


def refused(step, *arguments, **named) -> str:
    with pytest.raises(NotAllowed) as caught:
        step(*arguments, **named)
    return caught.value.code


def sign(registry, by=PRIVACY, on=TODAY, *, states=True, name="r-1"):
    return releases.sign_release(registry, by, release=name, no_actual_knowledge=states, today=on)


def test_safe_harbor_is_prepared_by_one_and_signed_by_another_with_the_statement():
    held = prepared(organisation())
    assert not held.releases["r-1"].is_released
    assert refused(sign, held, states=False) == "statement_missing"
    signed = made(held, sign(held), 9).releases["r-1"]
    assert signed.is_released
    assert (signed.signed_by, signed.signed_on, signed.no_actual_knowledge) == ("privacy", TODAY, True)
    assert signed.statement == "see ledger entry 9"


def test_nobody_signs_what_they_prepared_nor_for_those_whose_access_they_gave():
    held = prepared(organisation(), by=PRIVACY)
    assert refused(sign, held, PRIVACY) == "second_person_required"
    assert made(held, sign(held, SECURITY)).releases["r-1"].is_released
    puppet = replace(RESEARCHER, enrolled_by="security", access_by=frozenset({"security"}))
    held = prepared(organisation(people={**PEOPLE, "researcher": puppet}), by=puppet)
    assert refused(sign, held, SECURITY) == "second_person_required"
    assert made(held, sign(held, PRIVACY)).releases["r-1"].is_released


def test_a_signer_who_does_not_count_yet_does_not_sign():
    unconfirmed = replace(PRIVACY, enrolled_by="admin", access_by=frozenset({"admin"}))
    held = prepared(organisation(people={**PEOPLE, "privacy": unconfirmed}))
    assert refused(sign, held, unconfirmed) == "confirmation_required"


def test_roles_prepare_sign_and_record():
    registry = organisation()
    for by in (OPERATOR, AUDITOR):
        assert refused(releases.prepare_release, registry, by, release=release()) == "role_not_permitted"
    held = prepared(registry)
    assert refused(sign, held, RESEARCHER) == "role_not_permitted"
    assert refused(releases.add_determination, registry, RESEARCHER, determination=EXPERT) == "role_not_permitted"
    assert refused(releases.add_data_use, registry, RESEARCHER, agreement=USE) == "role_not_permitted"


def test_an_expert_determination_must_be_on_record_and_hold_on_the_day_of_signing():
    registry = organisation()
    basis = {"basis": ReleaseBasis.EXPERT_DETERMINATION, "determination": "exp-1", "shifts_dates": True}
    assert refused(prepared, registry, **basis) == "basis_missing"
    held = prepared(made(registry, releases.add_determination(registry, PRIVACY, determination=EXPERT)), **basis)
    for day in (TODAY - timedelta(days=1), EXPERT.expires_on + timedelta(days=1)):
        assert refused(sign, held, on=day) == "basis_expired"
    assert sign(held, on=EXPERT.expires_on)
    ended = made(held, releases.end_determination(held, SECURITY, determination="exp-1"))
    assert refused(sign, ended) == "basis_expired"
    assert refused(releases.end_determination, ended, SECURITY, determination="exp-1") == "not_found"


@pytest.mark.parametrize(
    ("changes", "allows"),
    [
        ({"basis": ReleaseBasis.SAFE_HARBOR}, True),
        ({"basis": ReleaseBasis.SAFE_HARBOR, "determination": "exp-1"}, True),
        ({"basis": ReleaseBasis.EXPERT_DETERMINATION, "determination": "exp-1"}, False),
    ],
)
def test_shifted_dates_leave_only_under_a_determination_that_covers_them(changes, allows):
    registry = organisation()
    expert = replace(EXPERT, allows_shifted_dates=allows)
    registry = made(registry, releases.add_determination(registry, PRIVACY, determination=expert))
    assert refused(prepared, registry, **changes, shifts_dates=True) == "basis_missing"


def test_a_limited_data_set_needs_a_data_use_agreement_that_holds():
    registry = organisation()
    basis = {"basis": ReleaseBasis.LIMITED_DATA_SET, "policy": "limited_data_set", "data_use": "dua-1"}
    assert refused(prepared, registry, **basis) == "basis_missing"
    held = prepared(made(registry, releases.add_data_use(registry, PRIVACY, agreement=USE)), **basis)
    assert refused(sign, held, on=TODAY - timedelta(days=1)) == "basis_expired"
    assert made(held, sign(held, states=False)).releases["r-1"].is_released
    ended = made(held, releases.end_data_use(held, PRIVACY, agreement="dua-1"))
    assert refused(sign, ended) == "basis_expired"


def test_a_business_associate_needs_its_customers_permission():
    registry = organisation()
    assert refused(prepared, registry, is_associate=True) == "basis_missing"
    assert prepared(registry, is_associate=True, permission_sha256=HASH).releases["r-1"].permission_sha256 == HASH


def test_what_was_signed_is_withdrawn_and_never_signed_again():
    held = made(prepared(organisation()), sign(prepared(organisation())))
    assert refused(sign, held, SECURITY) == "wrong_status"
    gone = made(held, releases.withdraw_release(held, RESEARCHER, release="r-1"))
    assert not gone.releases["r-1"].is_released
    assert refused(sign, gone, SECURITY) == "wrong_status"
    assert refused(releases.withdraw_release, gone, RESEARCHER, release="r-1") == "not_found"


def test_what_a_caller_fills_in_of_the_outcome_is_not_believed():
    held = prepared(organisation(), signed_by="privacy", no_actual_knowledge=True, prepared_by="security")
    assert held.releases["r-1"].signed_by is None
    assert held.releases["r-1"].prepared_by == "researcher"
    assert not held.releases["r-1"].no_actual_knowledge


@pytest.mark.parametrize(
    "changes", [{"dataset_sha256": "x"}, {"id": "R 1"}, {"recipient": "a\nb"}, {"report_sha256": ""}]
)
def test_hashes_and_names_are_well_formed(changes):
    assert refused(prepared, organisation(), **changes) == "value_invalid"


def test_nothing_is_recorded_over_another_record():
    registry = organisation()
    registry = made(registry, releases.add_determination(registry, PRIVACY, determination=EXPERT))
    registry = made(registry, releases.add_data_use(registry, PRIVACY, agreement=USE))
    registry = prepared(registry)
    assert refused(prepared, registry) == "already_exists"
    assert refused(releases.add_determination, registry, PRIVACY, determination=EXPERT) == "already_exists"
    assert refused(releases.add_data_use, registry, PRIVACY, agreement=USE) == "already_exists"
    backwards = replace(EXPERT, id="exp-2", expires_on=date(2020, 1, 1))
    assert refused(releases.add_determination, registry, PRIVACY, determination=backwards) == "value_invalid"


def test_records_survive_storing():
    registry = organisation()
    registry = made(registry, releases.add_determination(registry, PRIVACY, determination=EXPERT))
    registry = made(registry, releases.add_data_use(registry, PRIVACY, agreement=USE))
    registry = prepared(registry)
    for kind, record in (
        (Kind.DETERMINATIONS, registry.determinations["exp-1"]),
        (Kind.DATA_USES, registry.data_uses["dua-1"]),
        (Kind.RELEASES, registry.releases["r-1"]),
    ):
        assert decode(kind, encode(record)) == record


# ---- training sets ---------------------------------------------------------------------------------------------------


def signed(**changes):
    held = organisation()
    held = made(held, releases.add_determination(held, PRIVACY, determination=EXPERT))
    held = made(held, releases.add_data_use(held, PRIVACY, agreement=USE))
    held = prepared(held, **changes)
    return made(held, sign(held))


def exported(held, by=RESEARCHER, **changes):
    given = {"release": "r-1", "dataset_sha256": HASH, "certificate_sha256": "cd" * 32, "today": TODAY, **changes}
    return made(held, releases.export_release(held, by, **given))


BY_EXPERT = {"basis": ReleaseBasis.EXPERT_DETERMINATION, "determination": "exp-1"}


def test_a_training_set_is_taken_out_signed_and_whole_and_each_time_is_on_record():
    assert refused(exported, prepared(organisation())) == "wrong_status"
    assert refused(exported, signed(), release="none") == "not_found"
    assert refused(exported, signed(), by=AUDITOR) == "role_not_permitted"
    assert refused(exported, signed(), dataset_sha256="ef" * 32) == "dataset_differs"
    limited = signed(basis=ReleaseBasis.LIMITED_DATA_SET, data_use="dua-1")
    assert refused(exported, limited) == "basis_missing"
    held = exported(exported(signed()), today=TODAY + timedelta(days=1))
    assert [(each.on, each.by) for each in held.releases["r-1"].exports] == [
        (TODAY, "researcher"), (TODAY + timedelta(days=1), "researcher"),
    ]  # fmt: skip
    gone = made(held, releases.withdraw_release(held, PRIVACY, release="r-1"))
    assert refused(exported, gone) == "wrong_status"
    record = held.releases["r-1"]
    assert decode(Kind.RELEASES, encode(record)) == record


def test_a_determination_that_has_ended_lets_nothing_more_out():
    held = signed(**BY_EXPERT)
    last = EXPERT.expires_on
    assert exported(held, today=last).releases["r-1"].exports
    assert refused(exported, held, today=last + timedelta(days=1)) == "basis_expired"
    ended = made(held, releases.end_determination(held, PRIVACY, determination="exp-1"))
    assert refused(exported, ended) == "basis_expired"


def test_the_certificate_says_what_it_rests_on_and_until_when():
    held = signed(**BY_EXPERT)
    text = releases.certificate(held, held.releases["r-1"], organisation="Clinic", today=TODAY)
    for part in (HASH, "Expert Determination exp-1", EXPERT.expert, EXPERT.expires_on.isoformat(), "signed by privacy",
                 "see ledger entry 7", "Not to be used after"):  # fmt: skip
        assert part in text
    plain = signed()
    text = releases.certificate(plain, plain.releases["r-1"], organisation="Clinic", today=TODAY)
    assert "Safe Harbor, 45 CFR 164.514(b)(2)" in text
    assert "Not to be used after" not in text
