"""Breaking the glass: for people who prove themselves, for a while, never past agreements, alarmed and reviewed.

The identity provider is down in all of it: there is none. The workspace demands training that nobody knows about and a
care team that nobody recorded, so nothing but a broken glass opens it.
"""

import hashlib
import json
from collections.abc import Iterator

import pytest
from tests.attacks.browserless import Visitor
from tests.console.browser import code
from tests.journeys import house as at
from tests.journeys.house import CHAT, House, body_for, key_headers

from wardkeep.demo.furnish import OPENAI_VENDOR, PARTIES, scope
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

MODEL = "sim-echo"
WHY = {"reason": "unconscious in bay four, history needed"}
PURPOSE = {"wardkeep-purpose": "ETREAT", "wardkeep-subject": "s-1"}


@pytest.fixture(scope="module")
def ward() -> Iterator[House]:
    with at.house(MODEL, workers=2) as found:
        for person, roles in (("nia", ["nurse"]), ("bo", ["billing"])):
            made = found.officer("POST", "people", {"id": person, "roles": roles, "reason": "joined"})
            path = found.instance.home / "credentials" / person
            path.write_text(made["credential"])
        terms = {
            "id": "ward", "name": "Ward", "owner": FIRST, "members": ["nia", "bo"], "purposes": ["TREAT", "ETREAT"],
            "models": None, "requires": ["verified_person", "training", "acknowledgement", "care_team"],
        }  # fmt: skip
        found.officer("POST", "workspaces", terms)
        for place in ("ward", "default"):
            app = {"id": f"portal-{place}", "name": "P", "owner": SECOND, "workspace": place, "roles": ["nurse"]}
            found.officer("POST", "applications", app)
        yield found


@pytest.fixture(scope="module")
def keys(ward) -> dict[str, str]:
    def make(workspace, application):
        form = {
            "name": "portal", "owner": SECOND, "workspace": workspace, "application": application, "models": [MODEL],
            "purposes": ["ETREAT", "TREAT"],
        }  # fmt: skip
        return ward.officer("POST", "keys", form)["credential"]

    return {
        "ward": make("ward", "portal-ward"),
        "elsewhere": make("default", "portal-default"),
        "bare": make("ward", None),
    }


@pytest.fixture(scope="module")
def secret(ward) -> str:
    """Nia's authenticator; the code of the step before is spent on enrolling."""
    return Visitor(ward.instance.console).enrol(ward.instance.credential("nia"))


async def call(ward, key, ticket=None, **headers):
    sent = {**PURPOSE, **headers, **({} if ticket is None else {"wardkeep-person-token": ticket})}
    async with at.line_to(ward.instance.data) as line:
        return await line.ask("POST", CHAT, key_headers(key) | sent, body_for(CHAT, MODEL, "seen on 3 May 2024"))


def breaks(ward, who, code, **more):
    return ward.officer("POST", "break-glass", {"workspace": "ward", "code": code, **WHY, **more}, officer=who)


def refused(call, *given, **named):
    with pytest.raises(InstanceError) as error:
        call(*given, **named)
    return json.loads(str(error.value).partition(" ")[2].split(" ", 2)[2])["error"]


async def test_from_the_emergency_to_its_review(ward, keys, secret):
    assert (await call(ward, keys["ward"])).code == "person_missing"
    # no proof, no glass: a wrong code is refused and on record, a key is no person
    wrong = refused(breaks, ward, "nia", "000000")
    assert wrong["code"] == "mfa_stale"
    assert ward.headers(wrong["ledger_index"])[0]["actor"] == "person:nia"
    assert refused(breaks, ward, "bo", "000000")["code"] == "mfa_stale"
    spent = code(secret)
    made = breaks(ward, "nia", spent)
    ticket = made["ticket"]
    assert refused(breaks, ward, "nia", spent)["code"] == "mfa_stale"

    # never past the agreement: none covers emergency treatment yet
    assert (await call(ward, keys["ward"], ticket)).code == "scope_purpose"
    body = {
        "id": "baa-emergency", "kind": "baa", "vendor": OPENAI_VENDOR, "party": PARTIES[OPENAI_VENDOR],
        "document_sha256": hashlib.sha256(b"e").hexdigest(), "effective_on": at.today().isoformat(),
        "expires_on": None, "scopes": [scope([MODEL], purposes=["ETREAT"])],
    }  # fmt: skip
    ward.officer("POST", "agreements", body)
    ward.officer("POST", "agreements/baa-emergency/activate", WHY, officer=SECOND)
    answers = [await call(ward, keys["ward"], ticket) for _ in range(6)]
    assert {answer.status for answer in answers} == {200}
    entry = ward.headers(answers[0].index)[0]
    assert entry["detail"]["break_glass"] == made["id"]
    assert (entry["detail"]["person"], entry["detail"]["assurance"]) == ("nia", "verified")

    # a ticket is one person's, in one workspace, to treat in an emergency, with an application
    assert (await call(ward, keys["ward"], ticket, **{"wardkeep-purpose": "TREAT"})).code == "facts_unavailable"
    assert (await call(ward, keys["elsewhere"], ticket)).code == "person_token_invalid"
    assert (await call(ward, keys["bare"], ticket)).code == "person_token_invalid"
    assert (await call(ward, keys["ward"], ticket, **{"wardkeep-on-behalf-of": "bo"})).code == "person_token_invalid"
    assert (await call(ward, keys["ward"], ticket[:-1] + "0")).code == "person_token_invalid"
    assert (await call(ward, ticket)).code == "credential_invalid"

    # alarmed while it is open and until it is reviewed, by somebody else
    def alarm() -> bytes:
        return ward.operations("/metrics")[1]

    await at.eventually(lambda: b"wardkeep_alarm_break_glass 1" in alarm())
    path = f"break-glass/{made['id']}"
    judged = {"outcome": "justified", **WHY}
    assert refused(ward.officer, "POST", f"{path}/review", judged)["code"] == "wrong_status"
    ward.officer("POST", f"{path}/end", {"reason": "over"}, officer="nia")
    # ended: refused on the next call, in every worker
    assert {(await call(ward, keys["ward"], ticket)).code for _ in range(6)} == {"person_token_invalid"}
    assert refused(ward.officer, "POST", f"{path}/review", judged, officer="nia")["code"] == "role_not_permitted"
    ward.officer("POST", f"{path}/review", judged)
    await at.eventually(lambda: b"wardkeep_alarm_break_glass 0" in alarm())
    (shown,) = ward.officer("GET", "break-glass")["break_glass"]
    assert (shown["outcome"], shown["method"]) == ("justified", "totp")
    assert "ticket" not in json.dumps(shown)
    raised = [each for each in ward.headers() if each["type"] == "alarm"]
    assert [each["decision"] for each in raised] == ["raised", "cleared"]
    for file in ward.instance.home.rglob("*"):
        assert not file.is_file() or ticket.encode() not in file.read_bytes()


async def test_a_sealed_code_works_once_and_only_beside_its_owner_s_credential(ward, keys):
    assert refused(ward.officer, "POST", "offline-codes", {"person": SECOND}, officer=SECOND)["code"] == (
        "second_person_required"
    )
    codes = ward.officer("POST", "offline-codes", {"person": "nia", **WHY}, officer=SECOND)["codes"]
    assert len(set(codes)) == 5
    assert refused(breaks, ward, SECOND, codes[0])["code"] in {"mfa_stale", "not_found"}
    made = breaks(ward, "nia", codes[0].lower(), subject="s-1", minutes=5)
    assert (await call(ward, keys["ward"], made["ticket"])).status == 200
    # bound to one subject: another's duties still hold
    other = await call(ward, keys["ward"], made["ticket"], **{"wardkeep-subject": "s-2"})
    assert other.code == "facts_unavailable"
    assert refused(breaks, ward, "nia", codes[0])["code"] == "mfa_stale"
    # new codes make the old ones worthless, and who leaves loses all of it at once
    ward.officer("POST", "offline-codes", {"person": "nia", **WHY}, officer=SECOND)
    assert refused(breaks, ward, "nia", codes[1])["code"] == "mfa_stale"
    ward.officer("POST", "people/nia/disable", WHY, officer=SECOND)
    assert {(await call(ward, keys["ward"], made["ticket"])).code for _ in range(6)} == {"person_token_invalid"}
    for file in ward.instance.home.rglob("*"):
        assert not file.is_file() or not any(each.encode() in file.read_bytes() for each in codes)
    assert at.check_ledger(ward.instance.home)
