import os
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date

import orjson
import pytest
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import EVERYBODY, HASH, registry, working_registry
from tests.unit.storage.faulty_disk import FaultyDisk

from wardkeep.compliance import forms
from wardkeep.compliance.reading import AuditReader
from wardkeep.crypto.keys import data_keys
from wardkeep.identity.keys import find_key, find_person, new_credential
from wardkeep.model.registry import AgreementStatus
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission, permissions_of
from wardkeep.web.control import PREFIX, ROUTES, control_app

CANARY = "canary in the reason"
AGREEMENT = {
    "id": "baa-2",
    "kind": "baa",
    "vendor": "openai",
    "party": "OpenAI OpCo, LLC",
    "document_sha256": HASH,
    "effective_on": "2026-01-01",
    "expires_on": None,
    "scopes": [
        {
            "platform": "openai-api",
            "projects": ["proj-1"],
            "endpoints": ["/v1/chat/completions"],
            "features": [],
            "models": ["sim-echo"],
            "regions": ["us"],
            "purposes": ["TREAT"],
            "retention": "zero",
            "training_prohibited": True,
        }
    ],
}


class Api:
    """Speaks to the application as the server would."""

    def __init__(self, instance, credentials):
        self.instance = instance
        self.credentials = credentials
        reader = AuditReader(ledger=instance.ledger, entries=instance.entries)
        self.face = control_app(
            control=instance.control,
            reader=reader,
            keys=instance.keys,
            tenant="tenant-0",
            clock=instance.clock,
            searcher=instance.searcher,
            shredder=instance.shredder,
            backups=instance.backups,
        )

    async def raw(self, method, path, *, headers=(), body=b""):
        raw_path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": raw_path,
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": list(headers),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self.face(scope, receive, send)
        assert dict(sent[0]["headers"])[b"cache-control"] == b"no-store"
        return sent[0]["status"], orjson.loads(sent[1]["body"])

    async def ask(self, who, method, path, body=None):
        headers = [(b"authorization", b"Bearer " + self.credentials[who].encode())]
        if body is not None:
            headers.append((b"content-type", b"application/json"))
        return await self.raw(
            method, PREFIX + path, headers=headers, body=orjson.dumps(body) if body is not None else b""
        )

    async def get(self, who, path):
        return await self.ask(who, "GET", path)

    async def post(self, who, path, **body):
        return await self.ask(who, "POST", path, body)


@asynccontextmanager
async def api(tmp_path, held=None, **options):
    ring = keyring()
    mac_key = data_keys(ring).api_key_key
    held = held if held is not None else working_registry()
    made = {each.id: new_credential("user", mac_key, os.urandom) for each in EVERYBODY}
    people = {each.id: replace(each, credential_mac=made[each.id].mac) for each in EVERYBODY}
    async with running(tmp_path, ring, **options) as instance:
        await found(instance, replace(held, people=people))
        yield Api(instance, {name: credential.shown_once.reveal() for name, credential in made.items()})


def code(answer):
    status, body = answer
    assert body["error"].keys() == {"code", "what", "why", "fix", "ledger_index"}
    return status, body["error"]["code"]


def path_of(route):
    return route.path.replace("{}", "1")


def test_every_route_is_listed_once_and_named():
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert all(route.method in {"GET", "POST"} for route in ROUTES)
    assert all(re.fullmatch(r"[a-z]+(\.[a-z_]+)?", route.name) for route in ROUTES)
    assert {route.permission for route in ROUTES} == set(Permission)


async def test_no_route_answers_without_a_credential(tmp_path):
    async with api(tmp_path) as face:
        before = (await face.instance.ledger.head()).size
        for route in ROUTES:
            path = PREFIX + path_of(route)
            bearer = b"authorization"
            for headers in (
                [],
                [(bearer, b"")],
                [(bearer, b"Bearer nonsense")],
                [(bearer, b"Bearer \xff")],
                [(bearer, b"Basic " + face.credentials["admin"].encode())],
                [(bearer, b"Bearer " + face.credentials["admin"].encode())] * 2,
                [(b"x-api-key", face.credentials["admin"].encode())],
            ):
                status, body = await face.raw(route.method, path, headers=headers, body=b"{}")
                assert status == 401, route
                assert body["error"]["code"].startswith("credential_")
        assert (await face.instance.ledger.head()).size == before


async def test_each_role_reaches_exactly_its_routes_and_refusals_are_recorded(tmp_path):
    async with api(tmp_path) as face:
        for person in EVERYBODY:
            held = permissions_of(person.roles)
            for route in ROUTES:
                answer = await face.ask(person.id, route.method, path_of(route), {} if route.method == "POST" else None)
                if route.permission in held:
                    assert answer[0] != 401, route
                    assert answer[0] == 200 or answer[1]["error"]["code"] != "role_not_permitted", route
                else:
                    assert code(answer) == (403, "role_not_permitted"), route
                    entry = await face.instance.ledger.read(answer[1]["error"]["ledger_index"])
                    told = orjson.loads(entry.header)
                    assert (told["decision"], told["detail"]["action"]) == ("role_not_permitted", route.name)


async def test_an_application_key_is_no_personal_credential(tmp_path):
    async with api(tmp_path) as face:
        made = (await face.post("admin", "keys", name="App", owner="developer", models=["chat"], purposes=["TREAT"]))[1]
        face.credentials["key"] = made["credential"]
        assert code(await face.get("key", "health")) == (401, "credential_invalid")


async def test_what_is_not_listed_is_denied(tmp_path):
    async with api(tmp_path) as face:
        for method, path, expected in (
            ("GET", "nothing", 404),
            ("GET", "", 404),
            ("GET", "agreements/", 404),
            ("GET", "agreements/x/activate", 405),
            ("DELETE", "agreements", 405),
            ("PUT", "people", 405),
            ("POST", "health", 405),
            ("GET", "../health", 404),
        ):
            assert (await face.ask("admin", method, path))[0] == expected, path
        headers = [(b"authorization", b"Bearer " + face.credentials["admin"].encode())]
        assert (await face.raw("GET", "/health", headers=headers))[0] == 404


async def test_an_agreement_from_record_to_termination(tmp_path):
    async with api(tmp_path, registry()) as face:
        status, added = await face.post("privacy", "agreements", **AGREEMENT, reason="signed by both")
        assert status == 200
        assert added["ledger_index"] == 1
        assert code(await face.post("privacy", "agreements/baa-2/activate")) == (403, "second_person_required")
        assert (await face.post("security", "agreements/baa-2/activate"))[0] == 200
        assert (await face.post("security", "agreements/baa-2/suspend", reason=CANARY))[0] == 200
        held = face.instance.control.registry
        assert held.agreements["baa-2"].status is AgreementStatus.SUSPENDED
        assert code(await face.post("security", "agreements/baa-2/resume", reason="x"))[0] == 403
        assert (await face.post("admin", "agreements/baa-2/resume", reason="settled"))[0] == 200
        assert (await face.post("security", "agreements/baa-2/terminate", reason="ended"))[0] == 200
        (listed,) = (await face.get("auditor", "agreements"))[1]["agreements"]
        assert (listed["status"], listed["added_by"], listed["activated_by"]) == ("terminated", "privacy", "security")
        assert not any(b"canary" in header for header in await face.instance.headers())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "json_malformed"),
        (b"[]", "json_malformed"),
        (b'{"reason":"a","reason":"b"}', "json_duplicate_key"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "json_too_deep"),
        (b'{"reason":1}', "form_invalid"),
        (b"{}", "form_invalid"),
        (b'{"reason":"x","extra":1}', "form_invalid"),
        (b'{"reason":"' + b"x" * 1024 * 1024 + b'"}', "body_too_large"),
    ],
)
async def test_a_body_that_is_not_the_form_changes_nothing(tmp_path, body, expected):
    async with api(tmp_path) as face:
        headers = [
            (b"authorization", b"Bearer " + face.credentials["privacy"].encode()),
            (b"content-type", b"application/json"),
        ]
        answer = await face.raw("POST", PREFIX + "agreements/baa-1/suspend", headers=headers, body=body)
        assert code(answer)[1] == expected
        assert face.instance.control.registry.agreements["baa-1"].status is AgreementStatus.ACTIVE


async def test_a_form_is_sent_as_json(tmp_path):
    async with api(tmp_path) as face:
        headers = [
            (b"authorization", b"Bearer " + face.credentials["privacy"].encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ]
        answer = await face.raw("POST", PREFIX + "agreements/baa-1/suspend", headers=headers, body=b'{"reason":"x"}')
        assert code(answer) == (415, "media_type_unsupported")


async def test_an_error_repeats_nothing_that_was_sent(tmp_path):
    async with api(tmp_path) as face:
        for body in (
            {**AGREEMENT, "canary-field": 1},
            {**AGREEMENT, "kind": "canary"},
            {**AGREEMENT, "id": "Canary Value"},
            {**AGREEMENT, "vendor": "canary"},
            {**AGREEMENT, "effective_on": "canary"},
            {**AGREEMENT, "scopes": [{**AGREEMENT["scopes"][0], "endpoints": ["/canary"]}]},
        ):
            status, answer = await face.ask("privacy", "POST", "agreements", body)
            assert status in {400, 404}
            assert "canary" not in orjson.dumps(answer).decode().lower()


async def test_lists_show_no_secret(tmp_path):
    async with api(tmp_path) as face:
        deployment = {
            "id": "with-key", "vendor": "openai", "platform": "openai-api", "project": "proj-1", "dialect": "openai",
            "base_url": "https://us.api.openai.com/v1", "model": "sim-echo", "region": "us",
            "credential": "sk-canary-0123456789",
        }  # fmt: skip
        assert (await face.ask("operator", "POST", "deployments", deployment))[0] == 200
        assert (await face.post("operator", "routes", model="org/fast", deployment="with-key"))[0] == 200
        key = {"name": "App", "owner": "developer", "models": ["org/fast"], "purposes": ["TREAT"]}
        made = (await face.ask("security", "POST", "keys", key))[1]
        lists = [await face.get("auditor", route.path) for route in ROUTES if route.name.endswith(".list")]
        assert len(lists) >= 6
        shown = orjson.dumps(lists).decode()
        held = face.instance.control.registry
        assert "canary" not in shown
        assert made["credential"] not in shown
        assert held.keys[made["id"]].mac.hex() not in shown
        assert "mac" not in {
            name for each in next(body["keys"] for _, body in lists if "keys" in body) for name in each
        }
        assert held.deployments["with-key"].credential in held.secrets
        assert (await face.post("operator", "routes/org%2Ffast/remove", reason="unused"))[0] == 200
        assert "org/fast" not in face.instance.control.registry.routes
        for file in tmp_path.iterdir():
            assert b"sk-canary" not in file.read_bytes()


async def test_credentials_are_shown_once_and_work(tmp_path):
    async with api(tmp_path) as face:
        mac_key = face.instance.keys.api_key_key
        made = (await face.post("admin", "people", id="nurse1", roles=["nurse"]))[1]
        assert find_person(Secret(made["credential"]), face.instance.control.registry, mac_key).id == "nurse1"
        new = (await face.post("admin", "people/nurse1/credential"))[1]["credential"]
        assert find_person(Secret(new), face.instance.control.registry, mac_key).id == "nurse1"
        assert (await face.post("admin", "people/nurse1/roles", roles=["billing"]))[0] == 200
        body = {
            "name": "App", "owner": "developer", "models": ["chat"], "purposes": ["TREAT"],
            "expires_at": "2027-01-01T00:00:00Z",
        }  # fmt: skip
        key = (await face.ask("admin", "POST", "keys", body))[1]
        now = face.instance.clock().wall
        assert find_key(Secret(key["credential"]), face.instance.control.registry, mac_key, now).id == key["id"]
        assert (await face.post("admin", f"keys/{key['id']}/revoke", reason="rotated"))[0] == 200
        assert (await face.post("admin", "people/nurse1/disable", reason="left"))[0] == 200
        face.credentials["nurse1"] = new
        assert code(await face.get("nurse1", "health"))[0] == 401


async def test_the_forecast_is_asked_for_a_day(tmp_path):
    async with api(tmp_path) as face:
        answer = (await face.get("auditor", "simulate?on=2027-03-01"))[1]
        assert {row["reason"] for row in answer["routes"]} == {"baa_expired"}
        assert [row["agreement"] for row in answer["expiring"]] == ["baa-1"]
        for query in ("", "?on=", "?on=tomorrow", "?on=2027-03-01&on=2027-03-02", "?on"):
            assert code(await face.get("auditor", "simulate" + query)) == (400, "value_invalid")
        assert date.fromisoformat(answer["on"]) == date(2027, 3, 1)


async def test_reading_headers_is_recorded_before_they_are_shown(tmp_path):
    async with api(tmp_path) as face:
        status, shown = await face.get("auditor", "ledger/entries?from=0&to=10")
        assert status == 200
        assert [entry["index"] for entry in shown["entries"]] == [0, 1]
        assert shown["entries"][1]["type"] == "read"
        assert shown["entries"][1]["actor"] == "person:auditor"
        assert shown["read_index"] == 1
        for query in ("", "?from=0", "?from=5&to=5", "?from=-1&to=3", "?from=0&to=501", "?from=a&to=b"):
            assert code(await face.get("auditor", "ledger/entries" + query)) == (400, "value_invalid")
        head = (await face.get("auditor", "ledger/head"))[1]
        assert head["size"] == 2
        assert head["note"].startswith("ledger.example/test\n2\n")


async def test_opening_an_entry_needs_permission_and_reason_and_is_recorded(tmp_path):
    async with api(tmp_path) as face:
        await face.post("privacy", "agreements/baa-1/suspend", reason=CANARY)
        assert code(await face.post("admin", "ledger/entries/1/open", reason="x")) == (403, "role_not_permitted")
        assert code(await face.post("privacy", "ledger/entries/1/open")) == (400, "form_invalid")
        assert code(await face.post("privacy", "ledger/entries/1/open", reason=" ")) == (400, "value_invalid")
        assert code(await face.post("privacy", "ledger/entries/99/open", reason="x")) == (404, "not_found")
        status, shown = await face.post("privacy", "ledger/entries/1/open", reason="quarterly review")
        assert status == 200
        assert shown["content"]["reason"] == CANARY
        entry = await face.instance.ledger.read(shown["read_index"])
        assert orjson.loads(entry.header)["detail"] == {"action": "open", "entry": 1}
        assert orjson.loads(face.instance.entries.opened(entry.header, entry.payload)) == {"reason": "quarterly review"}


async def test_an_opened_change_shows_no_credential_and_no_mac(tmp_path):
    async with api(tmp_path) as face:
        body = {
            "id": "with-key", "vendor": "openai", "platform": "openai-api", "project": "proj-1", "dialect": "openai",
            "base_url": "https://us.api.openai.com/v1", "model": "sim-echo", "region": "us", "credential": "sk-canary",
        }  # fmt: skip
        added = (await face.ask("operator", "POST", "deployments", body))[1]
        made = (await face.post("admin", "people", id="nurse1", roles=["nurse"]))[1]
        for index in (0, added["ledger_index"], made["ledger_index"]):
            content = (await face.post("privacy", f"ledger/entries/{index}/open", reason="review"))[1]["content"]
            for change in content["changes"]:
                record = change["record"]
                assert record == "<hidden>" or change["kind"] != "secrets"
                assert change["kind"] != "people" or record["credential_mac"] == "<hidden>"


async def test_nothing_is_shown_and_nothing_changes_while_the_ledger_cannot_be_written(tmp_path):
    disk = FaultyDisk()
    async with api(tmp_path, vfs=disk.name) as face:
        disk.fault = "full"
        for answer in (
            await face.get("auditor", "ledger/entries?from=0&to=1"),
            await face.post("privacy", "ledger/entries/0/open", reason="x"),
            await face.post("privacy", "agreements/baa-1/suspend", reason="x"),
        ):
            assert code(answer) == (503, "ledger_unavailable")
        refused = await face.post("operator", "agreements/baa-1/suspend", reason="x")
        assert code(refused) == (403, "role_not_permitted")
        assert refused[1]["error"]["ledger_index"] is None
        assert (await face.get("auditor", "health"))[1]["ledger_writable"] is False
        disk.fault = ""
        assert (await face.post("privacy", "agreements/baa-1/suspend", reason="x"))[0] == 200


async def test_health_counts_and_says_who_answers(tmp_path):
    async with api(tmp_path) as face:
        health = (await face.get("auditor", "health"))[1]
        assert health["ledger_writable"] is True
        assert health["organisation"]["single_officer_accepted_by"] is None
        assert health["records"]["people"] == len(EVERYBODY)


async def test_the_document_describes_every_route_and_form_and_nothing_else(tmp_path):
    async with api(tmp_path) as face:
        status, document = await face.get("auditor", "openapi.json")
        assert code(await face.get("developer", "openapi.json")) == (403, "role_not_permitted")
    assert (status, document["openapi"], document["security"]) == (200, "3.1.0", [{"personal": []}])
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == {(route.method, PREFIX + route.path.replace("{}", "{id}")) for route in ROUTES}
    schemas = document["components"]["schemas"]
    for route in ROUTES:
        operation = described[route.method, PREFIX + route.path.replace("{}", "{id}")]
        assert operation["operationId"] == route.name
        assert route.permission.value in operation["description"]
        named = [(each["name"], each["in"]) for each in operation["parameters"]]
        in_path = [("id", "path")] if "{}" in route.path else []
        assert named == in_path + [(name, "query") for name in (*route.query, *route.optional)]
        assert [each["required"] for each in operation["parameters"]].count(False) == len(route.optional)
        assert route.path.count("{}") <= 1
        if route.form is None:
            assert "requestBody" not in operation
            continue
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = schemas[reference.removeprefix("#/components/schemas/")]
        assert tuple(schema["properties"]) == route.form.__struct_fields__
        assert schema["additionalProperties"] is False
    used = re.findall(r'"#/components/schemas/(\w+)"', orjson.dumps(document).decode())
    assert set(used) == schemas.keys()


def test_every_form_refuses_unknown_fields():
    named = [each for each in vars(forms).values() if isinstance(each, type) and each.__name__.endswith("Form")]
    assert len(named) >= 10
    assert all(each.__struct_config__.forbid_unknown_fields for each in named)
