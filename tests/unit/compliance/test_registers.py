"""Risks, assets and uses of AI: held against what is live, two people where a road opens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import ADMIN, DEVELOPER, PRIVACY, SECURITY, TODAY, after, working_registry
from tests.unit.compliance.test_policies import code

from wardkeep.compliance import assets, risks, uses
from wardkeep.compliance.records import stamped
from wardkeep.model.access import Purpose
from wardkeep.model.registers import AssetEvent, AssetKind, HumanReview, Treatment
from wardkeep.model.registry import Route

DAY = timedelta(days=1)
LATER = TODAY + 100 * DAY
HELD = working_registry()


def judged(held, by=PRIVACY, **changes):
    given = {
        "risk": "r-1", "about": "route:chat", "threat": "injection", "before": (3, 4), "after": (2, 4),
        "treatment": Treatment.REDUCE, "owner": "privacy", "until": LATER, "today": TODAY, **changes,
    }  # fmt: skip
    return after(held, risks.put_risk(held, by, **given))


def test_the_analysis_is_held_against_what_is_live():
    assert risks.subjects(HELD) == ("organisation", "route:chat", "vendor:openai")
    assert risks.outside(HELD, TODAY) == risks.subjects(HELD)
    held = judged(HELD)
    assert risks.outside(held, LATER) == ("organisation", "vendor:openai")
    assert "route:chat" in risks.outside(held, LATER + DAY)
    more = replace(held, routes={**held.routes, "new": Route(model="new", deployment="openai-us")})
    assert "route:new" in risks.outside(more, TODAY)
    assert risks.gone(replace(held, routes={})) == ("r-1",)
    left = {(each["about"], each["threat"]) for each in risks.suggestions(held)}
    assert ("route:chat", "injection") not in left
    assert ("vendor:openai", "vendor-breach") in left


def test_an_accepted_risk_takes_two_people_and_ends():
    held = judged(HELD, treatment=Treatment.ACCEPT)
    assert "route:chat" in risks.outside(held, TODAY)
    accept = {"risk": "r-1", "today": TODAY}
    assert code(risks.accept_risk, held, PRIVACY, **accept) == "second_person_required"
    assert code(risks.accept_risk, held, DEVELOPER, **accept) == "role_not_permitted"
    assert code(risks.accept_risk, held, SECURITY, risk="none", today=TODAY) == "not_found"
    assert code(risks.accept_risk, held, SECURITY, risk="r-1", today=LATER + DAY) == "wrong_status"
    done = after(held, risks.accept_risk(held, SECURITY, **accept))
    assert risks.risk_view(done.risks["r-1"], LATER)["holds"]
    assert not risks.risk_view(done.risks["r-1"], LATER + DAY)["holds"]
    assert code(risks.accept_risk, done, ADMIN, **accept) == "wrong_status"
    assert not judged(done, treatment=Treatment.ACCEPT).risks["r-1"].holds(TODAY)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"about": "route:none"}, "not_found"),
        ({"threat": "vendor-breach"}, "value_invalid"),
        ({"before": (6, 1)}, "value_invalid"),
        ({"after": (0, 1)}, "value_invalid"),
        ({"after": (4, 4)}, "value_invalid"),
        ({"owner": "nobody"}, "not_found"),
        ({"until": TODAY - DAY}, "value_invalid"),
        ({"until": TODAY + 367 * DAY}, "value_invalid"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_a_risk_that_cannot_be(changes, expected):
    assert code(judged, HELD, **changes) == expected


def added(held, name="site", by=SECURITY, **changes):
    given = {
        "asset": name, "kind": AssetKind.FACILITY, "owner": "security", "holds_phi": False, "is_encrypted": False,
        "place": None, **changes,
    }  # fmt: skip
    return after(held, assets.add_asset(held, by, **given))


def laptop(held, **changes):
    return added(held, "laptop", **{"kind": AssetKind.DEVICE, "place": "site", "holds_phi": True, **changes})


def test_assets_are_attested_disposed_of_and_never_named_twice():
    held = laptop(added(HELD))
    assert not held.assets["laptop"].is_attested(TODAY)
    held = after(held, assets.attest_asset(held, SECURITY, asset="laptop", until=LATER, today=TODAY))
    assert held.assets["laptop"].is_attested(LATER)
    assert not held.assets["laptop"].is_attested(LATER + DAY)
    event = {"asset": "laptop", "what": AssetEvent.WIPED, "on": TODAY, "today": TODAY}
    (change,) = stamped(assets.note_event(held, SECURITY, **event), 9)
    assert change.record.events[0].words == "see ledger entry 9"
    dispose = {"asset": "laptop", "today": TODAY}
    assert code(assets.dispose_asset, held, SECURITY, certificate_sha256=None, **dispose) == "value_invalid"
    assert code(assets.dispose_asset, held, SECURITY, certificate_sha256="x", **dispose) == "value_invalid"
    site = {"asset": "site", "certificate_sha256": None, "today": TODAY}
    assert code(assets.dispose_asset, held, SECURITY, **site) == "wrong_status"
    held = after(held, assets.dispose_asset(held, SECURITY, certificate_sha256="ab" * 32, **dispose))
    assert code(assets.attest_asset, held, SECURITY, asset="laptop", until=LATER, today=TODAY) == "not_found"
    assert code(added, held, "laptop") == "already_exists"
    assert not assets.asset_view(held.assets["laptop"], TODAY)["is_in_use"]
    assert code(added, held, by=DEVELOPER) == "role_not_permitted"
    assert code(laptop, HELD) == "not_found"
    assert code(added, HELD, kind=AssetKind.DEVICE) == "value_invalid"
    assert code(added, HELD, owner="nobody") == "not_found"
    late = {**event, "on": TODAY + DAY}
    assert code(assets.note_event, added(HELD, "laptop"), SECURITY, **late) == "value_invalid"


def test_the_network_map_is_the_live_configuration():
    (edge,) = assets.network_map(HELD, (), TODAY)
    assert (edge["to"], edge["host"], edge["is_tls"], edge["routes"]) == (
        "openai", "us.api.openai.com", True, ["chat"],
    )  # fmt: skip


def used(held, by=PRIVACY, **changes):
    given = {
        "use": "drafts", "owner": "developer", "routes": frozenset({"chat"}), "purposes": frozenset({Purpose.TREAT}),
        "human_review": HumanReview.EVERY_ANSWER, "is_patient_facing": False, "tells_patients": False,
        "model_card_sha256": None, "review_on": LATER, "today": TODAY, **changes,
    }  # fmt: skip
    return after(held, uses.propose_use(held, by, **given))


def test_a_route_is_outside_until_two_people_registered_its_use():
    held = used(HELD)
    assert uses.routes_outside(held) == ("chat",)
    assert code(uses.approve_use, held, PRIVACY, use="drafts") == "second_person_required"
    assert code(uses.approve_use, held, SECURITY, use="none") == "not_found"
    done = after(held, uses.approve_use(held, SECURITY, use="drafts"))
    assert uses.routes_outside(done) == ()
    assert uses.use_view(done.uses["drafts"], LATER)["holds"]
    assert not uses.use_view(done.uses["drafts"], LATER + DAY)["holds"]
    assert uses.routes_outside(used(done)) == ("chat",)
    ended = after(done, uses.end_use(done, SECURITY, use="drafts"))
    assert uses.routes_outside(ended) == ("chat",)
    assert code(uses.end_use, ended, SECURITY, use="drafts") == "not_found"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"routes": frozenset({"none"})}, "not_found"),
        ({"routes": frozenset()}, "not_found"),
        ({"purposes": frozenset()}, "value_invalid"),
        ({"owner": "nobody"}, "not_found"),
        ({"is_patient_facing": True, "human_review": HumanReview.SAMPLE}, "value_invalid"),
        ({"is_patient_facing": True, "human_review": HumanReview.NONE}, "value_invalid"),
        ({"review_on": TODAY}, "value_invalid"),
        ({"model_card_sha256": "x"}, "value_invalid"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_a_use_that_cannot_be(changes, expected):
    assert code(used, HELD, **changes) == expected
    told = used(HELD, is_patient_facing=True, human_review=HumanReview.NONE, tells_patients=True)
    assert told.uses["drafts"].tells_patients
