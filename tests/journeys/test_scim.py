"""Joiners, movers and leavers by SCIM 2.0 (RFC 7643, 7644): graded by scim2-tester, and held to least privilege."""

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from tests.journeys import house as at
from tests.journeys.house import CHAT, House

from wardkeep.demo.furnish import create_key
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

MODEL = "sim-echo"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAPPING = {"Ward 7": ["nurse"], "Billing": ["billing"], "Officers": ["security_officer"]}


@pytest.fixture(scope="module")
def ward() -> Iterator[House]:
    with at.house(MODEL, workers=2) as found:
        yield found


class Provider:
    """An identity provider's provisioning, request by request."""

    def __init__(self, ward, name, **roles):
        self.base = f"{ward.instance.console}/scim/v2"
        form = {"id": name, "roles": roles or MAPPING, "reason": "provisioning"}
        self.credential = ward.officer("POST", "scim-clients", form, officer=SECOND)["credential"]

    def ask(self, method, place, body=None, *, credential=None):
        sent = urllib.request.Request(
            f"{self.base}{place}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "authorization": f"Bearer {credential or self.credential}",
                "content-type": "application/scim+json",
            },
        )
        try:
            with urllib.request.urlopen(sent, timeout=at.PATIENCE_SECONDS) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def user(self, name, **more):
        status, made = self.ask("POST", "/Users", {"schemas": [USER], "userName": name, **more})
        assert status == 201, made
        return made["id"]

    def group(self, name, *members):
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}
        status, made = self.ask("POST", "/Groups", body)
        assert status == 201, made
        return made["id"]

    def patch(self, place, *operations):
        status, told = self.ask("PATCH", place, {"schemas": [PATCH], "Operations": list(operations)})
        assert status == 200, told
        return told


def person(ward, name):
    return next(each for each in ward.officer("GET", "people")["people"] if each["id"] == name)


def test_the_tester_of_the_standard_is_content(ward):
    provider = Provider(ward, "graded")
    headers = {"authorization": f"Bearer {provider.credential}"}
    with httpx2.Client(base_url=provider.base, headers=headers, timeout=60.0) as line:
        results = check_server(SyncSCIMClient(line))
    seen = Counter(result.status for result in results)
    wrong = [(result.title, result.resource_type, result.reason) for result in results if result.status is Status.ERROR]
    assert not wrong
    assert seen[Status.SUCCESS] >= 40, seen
    # it cleans up behind itself: nobody it made can do anything any more
    assert not any(each["is_active"] for each in ward.officer("GET", "people")["people"] if each["id"].startswith("p-"))


async def test_a_joiner_moves_and_leaves_in_one_entry_each_and_is_refused_on_the_next_call(ward):
    provider = Provider(ward, "directory")
    nia = provider.user("nia@clinic.example", displayName="N")
    assert person(ward, nia)["roles"] == []
    wards, billing = provider.group("Ward 7", nia), provider.group("Billing")
    assert person(ward, nia)["roles"] == ["nurse"]
    provider.patch(f"/Groups/{billing}", {"op": "add", "path": "members", "value": [{"value": nia}]})
    gone = {"op": "remove", "path": f'members[value eq "{nia}"]'}
    provider.patch(f"/Groups/{wards}", gone)
    assert person(ward, nia)["roles"] == ["billing"]
    key = create_key(ward.instance, [MODEL], owner=nia)
    assert (await at.ask(ward.instance.data, key, CHAT, MODEL, "x")).status == 200
    before = ward.size()
    provider.patch(f"/Users/{nia}", {"op": "replace", "value": {"active": False}})
    (entry,) = [each for each in ward.headers(before) if each["type"] == "control"]
    assert entry["actor"] == "scim:directory"
    answers = [await at.ask(ward.instance.data, key, CHAT, MODEL, "x") for _ in range(6)]
    assert {answer.code for answer in answers} == {"credential_revoked"}
    assert not person(ward, nia)["is_active"]
    # who comes back has what the groups give now, and no key of before
    provider.patch(f"/Users/{nia}", {"op": "replace", "path": "active", "value": True})
    assert person(ward, nia)["roles"] == ["billing"]
    assert (await at.ask(ward.instance.data, key, CHAT, MODEL, "x")).code == "credential_revoked"
    assert provider.ask("DELETE", f"/Users/{nia}")[0] == 204
    assert provider.ask("GET", f"/Users/{nia}")[0] == 404
    assert not person(ward, nia)["is_active"]
    assert b"clinic.example" not in b"".join(json.dumps(each).encode() for each in ward.headers())


def test_no_group_makes_an_officer_and_no_provider_touches_who_is_not_its_own(ward):
    provider, other = Provider(ward, "climber"), Provider(ward, "neighbour")
    eve = provider.user("eve")
    officers = provider.group("Officers", eve)
    assert person(ward, eve)["roles"] == []
    (asked,) = [each for each in ward.officer("GET", "access")["requests"] if each["person"] == eve]
    assert (asked["roles"], asked["status"], asked["asked_by"]) == (["security_officer"], "open", "scim:climber")
    # asked once, however often the provider says it again
    provider.patch(f"/Groups/{officers}", {"op": "replace", "path": "displayName", "value": "Officers"})
    assert len([each for each in ward.officer("GET", "access")["requests"] if each["person"] == eve]) == 1
    for method, place in (("DELETE", f"/Users/{FIRST}"), ("GET", f"/Users/{FIRST}"), ("PUT", f"/Users/{SECOND}")):
        assert provider.ask(method, place, {"userName": "x"} if method == "PUT" else None)[0] == 404
    assert other.ask("GET", f"/Users/{eve}")[0] == 404
    assert other.ask("GET", "/Users")[1]["totalResults"] == 0
    assert other.ask("POST", "/Groups", {"displayName": "g", "members": [{"value": eve}]})[0] == 404
    twice = provider.ask("POST", "/Users", {"schemas": [USER], "userName": "EVE"})
    assert (twice[0], twice[1]["scimType"]) == (409, "uniqueness")
    # fields that could be a way up are refused by name, not dropped
    for body in ({"userName": "m", "roles": [{"value": "administrator"}]}, {"userName": "m", "password": "x"}):
        assert provider.ask("POST", "/Users", {"schemas": [USER], **body})[0] == 400
    for hostile in ('userName eq "x" or 1 eq 1', 'userName sw "e"', "' OR 1=1 --"):
        status, told = provider.ask("GET", f"/Users?filter={urllib.request.quote(hostile)}")
        assert (status, told["scimType"]) == (400, "invalidFilter")
    assert provider.ask("GET", "/Users?filter=" + urllib.request.quote('userName eq "Eve"'))[1]["totalResults"] == 1


def test_only_an_active_provider_is_listened_to(ward):
    provider = Provider(ward, "ending")
    for wrong in (ward.api_key, ward.instance.credential(FIRST), provider.credential[:-1] + "0"):
        assert provider.ask("GET", "/Users", credential=wrong)[0] == 401
    (ward.instance.home / "credentials" / "imposter").write_text(provider.credential)
    with pytest.raises(InstanceError, match="credential_invalid"):
        ward.officer("GET", "people", officer="imposter")
    with pytest.raises(InstanceError, match="grant_exceeds_own"):
        Provider(ward, "greedy", Admins=["administrator"])
    ward.officer("POST", "scim-clients/ending/disable", {"reason": "changed"}, officer=SECOND)
    assert provider.ask("GET", "/Users")[0] == 401
    for file in ward.instance.home.rglob("*"):
        if file.is_file() and file.name != "imposter":
            assert provider.credential.encode() not in file.read_bytes()
