"""Every place that data goes to is on the register, and one that holds PHI without an agreement bars the start."""

from dataclasses import replace
from datetime import date

import pytest
from tests.unit.compliance.organisation import (
    AUDITOR,
    OPERATOR,
    PRIVACY,
    SCOPE,
    SINK_AGREEMENT,
    TODAY,
    after,
    agreement,
    working_registry,
)
from tests.unit.web.test_control import api, code

from wardkeep.app.places import places_of
from wardkeep.compliance import assets
from wardkeep.compliance.destinations import (
    closing,
    require_covered,
    standings,
    state_destination,
    withdraw_destination,
)
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.sinks import add_sink
from wardkeep.compliance.status import QUERIES, window_of
from wardkeep.compliance.vendors import add_agreement
from wardkeep.model.access import IdentityProvider
from wardkeep.model.destination import Carries, Destination, DestinationKind, Gate, Place
from wardkeep.model.registry import AgreementStatus, Vendor
from wardkeep.model.sink import ExportFormat, Sink
from wardkeep.settings import parse

HOSTING_SCOPE = replace(
    SCOPE, platform="place", endpoints=frozenset({"place:machine", "place:archive", "place:drain", "place:store"})
)
HOSTING = agreement(
    id="baa-host", party="Hosting Example, Inc.", status=AgreementStatus.ACTIVE, activated_by="security",
    scopes=(HOSTING_SCOPE,),
)  # fmt: skip
STORE = Place(id="store", kind=DestinationKind.DATABASE, where="db.example:5432", carries=Carries.CONTENT)
SAID = Destination(
    id="store", kind=DestinationKind.OTHER, where="-", carries=Carries.CONTENT, party="Hosting Example, Inc.",
    region="us", agreement="baa-host",
)  # fmt: skip
DRAIN = replace(SAID, id="drain", kind=DestinationKind.LOG, where="drain.example", carries=Carries.HEADERS)


def held(**changes):
    found = working_registry()
    return replace(found, agreements={**found.agreements, "baa-host": HOSTING}, **changes)


def stated(registry, said=SAID, places=(STORE,), by=PRIVACY, **changes):
    plan = state_destination(registry, by, destination=replace(said, **changes), places=places, today=TODAY)
    return after(registry, plan)


def row_of(registry, name, places=(STORE,), today=TODAY):
    (found,) = (row for row in standings(registry, places, today) if row.id == name)
    return found


def settings(text="", home=None):
    return parse(text, home)


class TestWhatSettingsName:
    def test_a_fresh_home_has_its_machine_and_its_metrics_and_starts(self, tmp_path):
        places = places_of(settings(home=tmp_path))
        rows = {row.id: row for row in standings(held(), places, TODAY)}
        assert rows["machine"].carries.is_phi
        assert rows["machine"].note is not None
        assert rows["metrics"].gate is Gate.NOT_NEEDED
        assert closing(rows.values()) == ()
        require_covered(rows.values())

    @pytest.mark.parametrize(
        ("text", "name", "where", "carries"),
        [
            ('archive = "kept"', "archive", "/kept", Carries.HEADERS),
            (
                'archive = "s3://bucket/x"\narchive_agreement = "baa-host"\narchive_region = "us"',
                "archive", "s3://bucket/x", Carries.HEADERS,
            ),
            (
                'timestamp_authority = "http://tsa.example/x"\ntimestamp_roots = "roots.pem"',
                "timestamps", "tsa.example", Carries.HEADS,
            ),
        ],
    )  # fmt: skip
    def test_each_is_a_row(self, tmp_path, text, name, where, carries):
        places = places_of(settings(f"[ledger]\n{text}\n", tmp_path))
        (found,) = (each for each in places if each.id == name)
        assert found.where.endswith(where)
        assert found.carries is carries

    @pytest.mark.parametrize(
        ("root", "where", "region"),
        [
            ("aws-kms:arn:aws:kms:us-east-1:111122223333:key/k-1", "kms.us-east-1.amazonaws.com", "us-east-1"),
            ("vault:https://vault.example:8200/transit/k", "vault.example", None),
        ],
    )
    def test_a_service_that_holds_the_root_key_is_a_row(self, tmp_path, root, where, region):
        places = places_of(settings(f'[keys]\nroot = "{root}"\n', tmp_path))
        (found,) = (each for each in places if each.id == "key_holder")
        assert (found.where, found.region, found.carries.is_phi) == (where, region, False)

    def test_witnesses_are_rows_that_get_no_phi(self, tmp_path):
        (tmp_path / "policy").write_text(
            "log l+1a2b3c4d+AVz4i2CIfs7iGM5fuNhGz1yYG9wYJTgSyUDDKzVZPvSJ\n"
            "witness one w.example+1a2b3c4d+AVz4i2CIfs7iGM5fuNhGz1yYG9wYJTgSyUDDKzVZPvSJ https://w.example/api\n"
            "quorum one\n"
        )
        found = [
            each for each in places_of(settings('[ledger]\npolicy = "policy"\n', tmp_path)) if "witness" in each.id
        ]
        assert all(not each.carries.is_phi for each in found)

    def test_a_bucket_is_held_to_the_agreement_that_the_settings_name(self, tmp_path):
        text = '[ledger]\narchive = "s3://b/x"\narchive_agreement = "baa-host"\n'
        places = places_of(settings(text, tmp_path))
        assert row_of(held(), "archive", places).refused is None
        draft = replace(held(), agreements={"baa-host": replace(HOSTING, status=AgreementStatus.DRAFT)})
        assert row_of(draft, "archive", places).refused == "its agreement is not active"
        assert [row.id for row in closing(standings(draft, places, TODAY))] == ["archive"]


class TestWhatBarsTheStart:
    def test_a_place_with_phi_that_nobody_spoke_for(self):
        with pytest.raises(NotAllowed) as refusal:
            require_covered(standings(held(), (STORE,), TODAY))
        assert refusal.value.code == "destination_uncovered"
        assert "store" in refusal.value.what
        assert "db.example:5432" in refusal.value.what
        assert "place:store" in refusal.value.fix
        assert "--setup" in refusal.value.fix

    def test_it_opens_once_an_officer_states_an_agreement_that_covers_it(self):
        found = stated(held())
        require_covered(standings(found, (STORE,), TODAY))
        row = row_of(found, "store")
        # What the settings know is not taken from whoever states the rest.
        assert (row.kind, row.where, row.party, row.made_from) == (
            DestinationKind.DATABASE, "db.example:5432", "Hosting Example, Inc.", "settings",
        )  # fmt: skip

    @pytest.mark.parametrize(
        "end",
        [
            lambda it: replace(it, status=AgreementStatus.SUSPENDED),
            lambda it: replace(it, status=AgreementStatus.TERMINATED),
            lambda it: replace(it, expires_on=date(2020, 1, 1)),
            lambda it: replace(it, activated_by=it.added_by),
            lambda it: replace(it, party="Elsewhere, LLC"),
            lambda it: replace(it, scopes=(replace(HOSTING_SCOPE, endpoints=frozenset({"place:other"})),)),
            lambda it: replace(it, scopes=(replace(HOSTING_SCOPE, regions=frozenset({"eu"})),)),
        ],
    )
    def test_what_ends_its_agreement_bars_the_next_start(self, end):
        found = stated(held())
        ended = replace(found, agreements={**found.agreements, "baa-host": end(HOSTING)})
        assert [row.id for row in closing(standings(ended, (STORE,), TODAY))] == ["store"]

    def test_a_suspended_party_bars_it(self):
        found = stated(held())
        vendors = {"openai": Vendor(id="openai", party="x", suspended_because="see ledger entry 1")}
        assert row_of(replace(found, vendors=vendors), "store").refused == "its party is suspended or not on record"

    def test_a_withdrawn_statement_bars_it_and_can_be_made_anew(self):
        found = stated(held())
        found = after(found, withdraw_destination(found, PRIVACY, destination="store"))
        assert row_of(found, "store").refused is not None
        assert row_of(stated(found), "store").refused is None

    def test_a_place_that_officers_added_is_held_to_its_agreement_too(self):
        found = stated(held(), DRAIN)
        assert (row_of(found, "drain").made_from, row_of(found, "drain").gate) == ("officer", Gate.START)
        ended = replace(found, agreements={})
        assert [row.id for row in closing(standings(ended, (), TODAY))] == ["drain"]

    def test_places_without_phi_need_none(self):
        counts = replace(DRAIN, id="otlp", carries=Carries.COUNTS, agreement=None, kind=DestinationKind.METRICS)
        found = stated(held(), counts)
        assert row_of(found, "otlp").gate is Gate.STATED
        assert closing(standings(found, (), TODAY)) == ()

    def test_what_has_a_gate_of_its_own_is_closed_there_and_does_not_bar_the_start(self):
        found = replace(held(), agreements={})
        row = row_of(found, "vendor.openai-us", ())
        assert (row.gate, row.refused) == (Gate.EACH_CALL, "no agreement with its vendor is in force")
        assert closing(standings(found, (), TODAY)) == ()


class TestWhatRecordsAre:
    def test_deployments_sinks_and_identity_providers_are_rows(self):
        found = replace(held(), agreements={**held().agreements, "baa-siem": SINK_AGREEMENT})
        sink = Sink(
            id="siem", format=ExportFormat.JSONL, host="siem.example", port=6514, agreement="baa-siem", region="us",
            start=0, party="Siem Example, Inc.",
        )  # fmt: skip
        found = after(found, add_sink(found, PRIVACY, sink=sink, size=1, today=TODAY))
        provider = IdentityProvider(
            id="idp", issuer="https://idp.example/x", audiences=frozenset({"w"}), jwks=b"{}", is_active=True
        )
        found = replace(found, identity_providers={"idp": provider})
        rows = {row.id: row for row in standings(found, (), TODAY)}
        assert (rows["sink.siem"].agreement, rows["sink.siem"].gate) == ("baa-siem", Gate.EACH_DELIVERY)
        assert rows["identity.idp"].where == "idp.example"
        assert "baa-1" in rows["vendor.openai-us"].agreement
        gone = replace(found, agreements={})
        assert {row.id for row in standings(gone, (), TODAY) if row.refused} == {"sink.siem", "vendor.openai-us"}

    def test_the_network_map_has_them(self):
        found = stated(held(), DRAIN)
        hosts = {edge["host"] for edge in assets.network_map(found, (STORE,), TODAY)}
        assert hosts == {"us.api.openai.com", "db.example:5432", "drain.example"}

    def test_the_status_of_agreements_looks_at_them(self):
        query = QUERIES["HSR-308-b1"]
        window = window_of([], start=0, stop=0, now=None, is_writable=True)
        found = stated(held(), DRAIN)
        assert (query.run(found, window, TODAY).looked_at, query.run(found, window, TODAY).wrong) == (1, ())
        assert query.run(replace(found, agreements={}), window, TODAY).wrong == ("destination drain",)


class TestStating:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"agreement": None}, "destination_uncovered"),
            ({"agreement": "none"}, "destination_uncovered"),
            ({"agreement": "baa-1"}, "destination_uncovered"),
            ({"party": "Elsewhere, LLC"}, "destination_uncovered"),
            ({"region": "eu"}, "destination_uncovered"),
            ({"id": "elsewhere"}, "destination_uncovered"),
            ({"id": "A b"}, "value_invalid"),
            ({"party": " "}, "value_invalid"),
            ({"region": ""}, "value_invalid"),
            ({"id": "drain", "where": ""}, "value_invalid"),
            ({"id": "drain", "kind": DestinationKind.SINK}, "value_invalid"),
            ({"id": "drain", "kind": DestinationKind.VENDOR}, "value_invalid"),
        ],
    )
    def test_what_nothing_covers_is_not_stated(self, changes, expected):
        with pytest.raises(NotAllowed) as refusal:
            stated(held(), **changes)
        assert refusal.value.code == expected

    def test_a_disk_of_this_machine_may_be_the_organisation_s_own(self):
        machine = Place(id="machine", kind=DestinationKind.MACHINE, where="h", carries=Carries.CONTENT, is_here=True)
        own = stated(held(), id="machine", agreement=None, party="General Clinic", places=(machine,))
        row = row_of(own, "machine", (machine,))
        assert (row.refused, row.note, row.party) == (None, None, "General Clinic")
        # Once it is somebody's, it is held to that.
        hosted = stated(held(), id="machine", places=(machine,))
        ended = replace(hosted, agreements={})
        assert [each.id for each in closing(standings(ended, (machine,), TODAY))] == ["machine"]

    @pytest.mark.parametrize("by", [AUDITOR, OPERATOR])
    def test_takes_an_officer(self, by):
        with pytest.raises(NotAllowed):
            stated(held(), by=by)
        with pytest.raises(NotAllowed):
            withdraw_destination(stated(held()), by, destination="store")

    def test_is_not_overwritten(self):
        with pytest.raises(NotAllowed) as refusal:
            stated(stated(held()))
        assert refusal.value.code == "already_exists"
        with pytest.raises(NotAllowed):
            withdraw_destination(held(), PRIVACY, destination="store")

    def test_a_scope_of_an_agreement_can_name_places(self):
        draft = replace(HOSTING, id="baa-2", status=AgreementStatus.DRAFT, activated_by=None)
        found = after(held(), add_agreement(held(), PRIVACY, agreement=draft))
        assert "baa-2" in found.agreements
        wrong = replace(draft, scopes=(replace(HOSTING_SCOPE, endpoints=frozenset({"/v1/messages"})),))
        with pytest.raises(NotAllowed):
            add_agreement(held(), PRIVACY, agreement=wrong)


async def test_the_register_by_the_api(tmp_path):
    form = {
        "id": "drain", "party": "Hosting Example, Inc.", "region": "us", "agreement": "baa-host", "kind": "log",
        "where": "drain.example", "carries": "headers", "reason": "the host's own log drain",
    }  # fmt: skip
    async with api(tmp_path, held()) as face:
        assert code(await face.ask("privacy", "POST", "destinations", form | {"region": "eu"})) == (
            403, "destination_uncovered",
        )  # fmt: skip
        assert (await face.ask("privacy", "POST", "destinations", form))[0] == 200
        rows = {row["id"]: row for row in (await face.get("auditor", "destinations"))[1]["destinations"]}
        assert (rows["drain"]["is_phi"], rows["drain"]["to_mend"], rows["drain"]["gate"]) == (True, None, "start")
        await face.post("security", "agreements/baa-host/suspend", reason="x")
        rows = {row["id"]: row for row in (await face.get("auditor", "destinations"))[1]["destinations"]}
        assert "place:drain" in rows["drain"]["to_mend"]
        assert (await face.post("privacy", "destinations/drain/withdraw", reason="gone"))[0] == 200


@pytest.mark.parametrize(
    ("root", "where", "region"),
    [
        ("aws-kms:arn:aws:kms:eu-west-1:123456789012:key/1234", "kms.eu-west-1.amazonaws.com", "eu-west-1"),
        ("vault:https://vault.example:8200/transit/wardkeep", "vault.example", None),
    ],
)
def test_who_holds_the_root_is_a_place_that_gets_keys_and_no_content(root, where, region, tmp_path):
    (holder,) = (
        each for each in places_of(settings(f'[keys]\nroot = "{root}"\n', tmp_path)) if each.id == "key_holder"
    )
    assert (holder.where, holder.region, holder.carries) == (where, region, Carries.KEYS)
    assert not holder.carries.is_phi
    assert [each for each in places_of(settings(home=tmp_path)) if each.id == "key_holder"] == []
