"""Client certificates on record: bound by key, to one holder, once; what they are worth is `policy.certificates`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.compliance.organisation import ADMIN, OPERATOR, PRIVACY, SECURITY, after, registry

from wardkeep.compliance import certificates, people
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.reminders import endings
from wardkeep.model.access import Application, ApplicationKind, Role
from wardkeep.model.certificate import HolderKind
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import ApiKey, Person, Purpose
from wardkeep.model.scim import ScimClient
from wardkeep.policy.certificates import check_certificate, holder_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=90)
SHOWN, OTHER = "ab" * 32, "cd" * 32
APPLICATION = Application(
    id="scheduler", name="n", kind=ApplicationKind.APPLICATION, owner="o", workspace="w", roles=frozenset(),
    is_active=True,
)  # fmt: skip
KEY = ApiKey(
    id="k", mac=b"", name="n", owner="nurse1", workspace="w", models=frozenset(), purposes=frozenset(Purpose),
    default_purpose=None, expires_at=None,
)  # fmt: skip


@pytest.fixture
def held():
    nurse = Person(id="nurse1", roles=frozenset({Role.NURSE}), is_active=True)
    client = ScimClient(id="directory", mac=b"", made_by="o", roles={}, is_active=True)
    found = registry()
    return replace(
        found,
        people={**found.people, "nurse1": nurse},
        applications={"scheduler": APPLICATION},
        scim_clients={"directory": client},
    )


def bound(held, kind=HolderKind.APPLICATION, holder="scheduler", by=SECURITY, **changes):
    given = {"peer_key": SHOWN, "not_after": LATER, "is_ours": True, "now": NOW, **changes}
    return after(held, certificates.bind(held, by, kind=kind, holder=holder, **given))


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    return caught.value.code


def judged(held, shown, holder="application:scheduler", *, is_demanded=True, now=NOW):
    found = check_certificate(held, shown, holder=holder, is_demanded=is_demanded, now=now)
    return None if found is None else found.reason


@pytest.mark.parametrize(
    ("kind", "holder"),
    [(HolderKind.APPLICATION, "scheduler"), (HolderKind.PERSON, "nurse1"), (HolderKind.SCIM, "directory")],
)
def test_a_bound_certificate_is_its_holders_and_nobody_elses(held, kind, holder):
    now = bound(held, kind, holder)
    assert judged(now, SHOWN, f"{kind.value}:{holder}") is None
    assert judged(now, SHOWN, f"{kind.value}:another") is Reason.CERTIFICATE_OF_ANOTHER
    assert judged(now, SHOWN, None) is None


@pytest.mark.parametrize("is_demanded", [True, False])
def test_what_is_shown_must_hold_demanded_or_not(held, is_demanded):
    now = bound(held)
    revoked = after(now, certificates.revoke(now, SECURITY, certificate=SHOWN))
    assert judged(now, OTHER, is_demanded=is_demanded) is Reason.CERTIFICATE_UNKNOWN
    assert judged(now, "", is_demanded=is_demanded) is Reason.CERTIFICATE_UNKNOWN
    assert judged(now, SHOWN, is_demanded=is_demanded, now=LATER) is Reason.CERTIFICATE_EXPIRED
    assert judged(revoked, SHOWN, is_demanded=is_demanded) is Reason.CERTIFICATE_REVOKED
    assert judged(revoked, SHOWN, None, is_demanded=is_demanded) is Reason.CERTIFICATE_REVOKED


def test_nothing_shown_is_refused_only_where_it_is_demanded(held):
    assert judged(held, None) is Reason.CERTIFICATE_MISSING
    assert judged(held, None, is_demanded=False) is None


def test_a_key_goes_with_its_applications_certificate_or_else_its_owners():
    assert holder_of(replace(KEY, application="scheduler")) == "application:scheduler"
    assert holder_of(KEY) == "person:nurse1"


@pytest.mark.parametrize("by", [PRIVACY, OPERATOR])
@pytest.mark.parametrize("kind", list(HolderKind))
def test_binding_takes_the_permission(held, by, kind):
    assert refused(lambda: bound(held, kind, by=by)) == "role_not_permitted"


@pytest.mark.parametrize(("kind", "holder"), [(kind, name) for kind in HolderKind for name in ("nobody", "../x", "")])
def test_only_somebody_on_record_holds_one(held, kind, holder):
    assert refused(lambda: bound(held, kind, holder)) in {"not_found", "value_invalid"}


def test_who_left_holds_none(held):
    gone = replace(
        held,
        applications={"scheduler": replace(APPLICATION, is_active=False)},
        scim_clients={"directory": replace(held.scim_clients["directory"], is_active=False)},
        people={**held.people, "nurse1": replace(held.people["nurse1"], is_active=False)},
    )
    for kind, holder in (
        (HolderKind.APPLICATION, "scheduler"),
        (HolderKind.PERSON, "nurse1"),
        (HolderKind.SCIM, "directory"),
    ):
        assert refused(lambda kind=kind, holder=holder: bound(gone, kind, holder)) == "not_found"


def test_nobody_binds_a_key_to_somebody_who_may_do_more(held):
    weaker = Person(id="clerk", roles=frozenset({Role.SECURITY_OFFICER}), is_active=True)
    assert refused(lambda: bound(held, HolderKind.PERSON, ADMIN.id, by=weaker)) == "grant_exceeds_own"


def test_a_key_stands_for_one_holder_once_and_for_all(held):
    now = bound(held)
    revoked = after(now, certificates.revoke(now, SECURITY, certificate=SHOWN))
    for found in (now, revoked):
        assert refused(lambda found=found: bound(found, HolderKind.PERSON, "nurse1")) == "already_exists"
    assert refused(lambda: certificates.revoke(revoked, SECURITY, certificate=SHOWN)) == "wrong_status"
    assert refused(lambda: certificates.revoke(now, SECURITY, certificate=OTHER)) == "not_found"
    assert refused(lambda: certificates.revoke(now, PRIVACY, certificate=SHOWN)) == "role_not_permitted"


def test_one_that_has_ended_is_not_bound(held):
    assert refused(lambda: bound(held, not_after=NOW)) == "value_invalid"


def test_who_leaves_loses_their_certificates(held):
    now = bound(held, HolderKind.PERSON, "nurse1")
    now = bound(now, peer_key=OTHER)
    gone = after(now, people.disable_person(now, SECURITY, person="nurse1"))
    assert {name: each.is_revoked for name, each in gone.certificates.items()} == {SHOWN: True, OTHER: False}


def test_its_end_is_told_in_time(held):
    now = bound(held)
    assert [(each.about, each.last_day) for each in endings(now) if each.kind == "client_certificate"] == [
        (SHOWN, LATER.date())
    ]
    revoked = after(now, certificates.revoke(now, SECURITY, certificate=SHOWN))
    assert not [each for each in endings(revoked) if each.kind == "client_certificate"]
