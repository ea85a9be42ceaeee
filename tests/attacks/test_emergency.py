"""Care goes on while the ledger is down: only declared by two, only for people, on record all the same, merged whole.

45 CFR 164.308(a)(7)(ii)(C), 164.312(a)(2)(ii). A real instance whose ledger may not grow: each file of the process ends
at a size that a commit is larger than, and the spool is not.
"""

import contextlib
import hashlib
import json
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, House, body_for, key_headers

from wardkeep.demo.furnish import OPENAI_VENDOR, PARTIES, scope
from wardkeep.demo.instance import FIRST, SECOND, InstanceError

MODEL, SLOW = "sim-echo", "sim-slow"
CANARY = "Leopold Okafor-Brandt"
WHY = {"reason": "the ledger's disk has failed, patients wait"}
PURPOSE = {"wardkeep-purpose": "ETREAT", "wardkeep-subject": "s-1"}
#: A commit writes several pages of 16 KB; a few records of the spool are less.
SPOOL_FITS_BYTES = 40_000
NOTHING_FITS_BYTES = 64
DOWN = {"ledger_unavailable", "ledger_timeout"}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


#: The other number of workers is for the long run.
@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.slow)])
def ward(request, place) -> Iterator[House]:
    with at.house(MODEL, SLOW, workers=request.param, settings={'spool = ""': f'spool = "{place}"'}) as found:
        made = found.officer("POST", "people", {"id": "nia", "roles": ["nurse"], "reason": "joined"})
        (found.instance.home / "credentials" / "nia").write_text(made["credential"])
        terms = {
            "id": "ward", "name": "Ward", "owner": FIRST, "members": ["nia"], "purposes": ["TREAT", "ETREAT"],
            "models": None, "requires": ["verified_person"],
        }  # fmt: skip
        found.officer("POST", "workspaces", terms)
        app = {"id": "portal", "name": "P", "owner": SECOND, "workspace": "ward", "roles": ["nurse"]}
        found.officer("POST", "applications", app)
        body = {
            "id": "baa-emergency", "kind": "baa", "vendor": OPENAI_VENDOR, "party": PARTIES[OPENAI_VENDOR],
            "document_sha256": hashlib.sha256(b"e").hexdigest(), "effective_on": at.today().isoformat(),
            "expires_on": None, "scopes": [scope([MODEL, SLOW], purposes=["ETREAT"])],
        }  # fmt: skip
        found.officer("POST", "agreements", body)
        found.officer("POST", "agreements/baa-emergency/activate", WHY, officer=SECOND)
        yield found


@pytest.fixture(scope="module")
def key(ward) -> str:
    form = {
        "name": "portal", "owner": SECOND, "workspace": "ward", "application": "portal", "models": [MODEL, SLOW],
        "purposes": ["ETREAT", "TREAT"],
    }  # fmt: skip
    return ward.officer("POST", "keys", form)["credential"]


@pytest.fixture(scope="module")
def codes(ward) -> dict[str, list[str]]:
    """Sealed envelopes, made by somebody else each."""

    def made(person, by):
        return ward.officer("POST", "offline-codes", {"person": person, **WHY}, officer=by)["codes"]

    return {"nia": made("nia", SECOND), SECOND: made(SECOND, FIRST)}


@contextlib.contextmanager
def down(ward: House) -> Iterator[None]:
    """The ledger takes nothing inside the block; the spool does."""
    pid = ward.instance.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SPOOL_FITS_BYTES, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


async def call(ward, key, ticket=None, *, stream=False):
    sent = {**PURPOSE, **({} if ticket is None else {"wardkeep-person-token": ticket})}
    async with at.line_to(ward.instance.data) as line:
        return await line.ask("POST", CHAT, key_headers(key) | sent, body_for(CHAT, MODEL, CANARY, stream=stream))


def refused(call, *given, **named):
    with pytest.raises(InstanceError) as error:
        call(*given, **named)
    return json.loads(str(error.value).partition(" ")[2].split(" ", 2)[2])["error"]


def glass(ward, code):
    return ward.officer("POST", "break-glass", {"workspace": "ward", "code": code, **WHY}, officer="nia")["ticket"]


async def until_down(ward, key):
    async def is_down() -> bool:
        return (await call(ward, ward.api_key)).code in DOWN | {
            "purpose_not_permitted"
        } and b"wardkeep_ledger_writable 0" in (ward.operations("/metrics")[1])

    await at.eventually(is_down)


def spools(place: Path) -> list[Path]:
    return sorted(place.glob("*.spool"))


async def test_from_the_failure_to_the_merge(ward, place, key, codes):
    begun = ward.size()
    assert refused(ward.officer, "POST", "emergency", {"minutes": 30, **WHY})["code"] == "wrong_status"
    with down(ward):
        await until_down(ward, key)
        # by nobody alone, and by nobody who may not
        assert refused(ward.officer, "POST", "emergency", WHY, officer="nia")["code"] == "role_not_permitted"
        asked = ward.officer("POST", "emergency", {"minutes": 30, **WHY})
        assert asked["waits_for_second_person"]
        assert not asked["is_open"]
        path = f"emergency/{asked['id']}/confirm"
        assert refused(ward.officer, "POST", path, WHY)["code"] == "second_person_required"
        assert (
            refused(
                ward.officer,
                "POST",
                "break-glass",
                {"workspace": "ward", "code": codes["nia"][0], **WHY},
                officer="nia",
            )["code"]
            in DOWN
        )
        assert ward.officer("POST", path, WHY, officer=SECOND)["is_open"]

        # for people who broke the glass, and never for a key alone
        ticket = glass(ward, codes["nia"][0])
        answers = [await call(ward, key, ticket, stream=stream) for stream in (False, True, False)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert all("wardkeep-spooled" in answer.headers for answer in answers)
        assert all("wardkeep-ledger-index" not in answer.headers for answer in answers)
        sent = ward.vendor.stats()["requests"]
        assert (await call(ward, ward.api_key)).status != 200
        assert (await call(ward, key)).status != 200
        # what opens a road waits for the ledger
        assert refused(ward.officer, "POST", "agreements/baa-emergency/suspend", WHY)["code"] in DOWN
        await at.eventually(lambda: b"wardkeep_alarm_emergency 1" in ward.operations("/metrics")[1])
        (spool,) = spools(place)
        assert CANARY.encode() not in spool.read_bytes()
        assert b"nia" not in spool.read_bytes()

        # both paths gone: nothing leaves
        hard = resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(ward.instance.pid, resource.RLIMIT_FSIZE, (NOTHING_FITS_BYTES, hard))
        assert (await call(ward, key, ticket)).code in DOWN
        assert ward.vendor.stats()["requests"] == sent
    await at.eventually(lambda: not spools(place))
    entries = ward.headers(begun)
    merged = [each for each in entries if "spool" in each]
    assert [each["spool"] for each in merged] == sorted(each["spool"] for each in merged)
    assert [each["detail"]["action"] for each in merged if each["type"] == "control"] == [
        "emergency.declare",
        "emergency.confirm",
        "glass.begin",
    ]
    requests = [each for each in merged if each["type"] == "request"]
    assert len(requests) == 3
    assert {each["parent"] for each in merged if each["type"] == "response"} == {each["id"] for each in requests}
    assert all(each["detail"]["person"] == "nia" for each in requests)
    assert ward.open_entry(requests[0]["index"])["asked"].count(CANARY) == 1
    (told,) = [each for each in entries if each.get("detail", {}).get("action") == "emergency.merged"]
    assert told["detail"]["merged"] == 1 + merged[-1]["spool"]
    assert told["index"] > merged[-1]["index"]
    # what was done in it holds, as if it had been recorded here at once
    assert refused(glass, ward, codes["nia"][0])["code"] == "mfa_stale"
    (shown,) = ward.officer("GET", "break-glass")["break_glass"]
    assert shown["is_open"]
    assert "wardkeep-ledger-index" in (await call(ward, key, ticket)).headers
    assert ward.officer("POST", "emergency/end", WHY)["ended_at"]
    await at.eventually(lambda: b"wardkeep_alarm_emergency 0" in ward.operations("/metrics")[1])
    assert at.check_ledger(ward.instance.home)


async def test_a_host_that_dies_in_it_loses_nothing(ward, place, key, codes):
    """One officer alone, with the sealed code; killed with a call under way; the next start merges and closes."""
    begun = ward.size()
    with down(ward):
        await until_down(ward, key)
        wrong = {"minutes": 30, "code": "WRONG-WRONG-WRONG", **WHY}
        assert refused(ward.officer, "POST", "emergency", wrong, officer=SECOND)["code"] == "mfa_stale"
        form = {"minutes": 30, "code": codes[SECOND][0], **WHY}
        assert ward.officer("POST", "emergency", form, officer=SECOND)["is_open"]
        ticket = glass(ward, codes["nia"][1])
        assert (await call(ward, key, ticket)).status == 200
        ward.vendor.configure(delay_ms=60_000)
        sent = ward.vendor.stats()["requests"]
        async with at.line_to(ward.instance.data) as line:
            headers = key_headers(key) | PURPOSE | {"wardkeep-person-token": ticket}
            line.send("POST", CHAT, headers, body_for(CHAT, SLOW, CANARY))
            await at.eventually(lambda: ward.vendor.stats()["requests"] == sent + 1)
            ward.instance.kill()
    (spool,) = spools(place)
    with spool.open("ab") as file:
        file.write(b"\x00\x00\x10\x00cut off in the middle of a write")
    ward.vendor.configure(delay_ms=0)
    ward.instance.start()
    assert not spools(place)
    entries = [each for each in ward.headers(begun) if "spool" in each or each["type"] == "aborted"]
    requests = {each["id"]: each for each in entries if each["type"] == "request"}
    closed = {each["parent"]: each["type"] for each in entries if each["type"] in {"response", "aborted"}}
    assert len(requests) == 2
    assert {closed[name] for name in requests} == {"response", "aborted"}
    assert not ward.officer("GET", "emergency")["emergency"]
    assert at.check_ledger(ward.instance.home)
