"""Cloud configuration checks against each platform's simulator: drift closes, an officer opens, silence is no pass."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.journeys.house import Answer, Bookkeeper, ask
from tests.simulators.cloud_settings import ADMIN_KEY, ANTHROPIC_ADMIN, GOOD, PRINCIPAL
from tests.simulators.platforms import Clouds, clouds
from tests.unit.cli.command import Shell

from wardkeep.compliance.geography import load_geography
from wardkeep.demo.instance import FIRST, SECOND, InstanceError
from wardkeep.model.inspection import Inspection
from wardkeep.model.registry import Deployment, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.inspect import ask_vendor
from wardkeep.routing.drift import findings_of
from wardkeep.settings import clock

MODEL = "sim-echo"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that a platform may tell wrongly; `told` is what the simulator is told to say, `moved` the
    same to another place."""

    platform: str
    aspect: str
    told: dict[str, Any]
    simulated: str = ""
    moved: dict[str, Any] | None = None

    @property
    def settings(self) -> str:
        return self.simulated or self.platform


CASES = (
    Case(platform="bedrock", aspect="region", told={"regions": ["us-east-1", "eu-west-1"]}),
    Case(platform="bedrock", aspect="region", told={"regions": [""]}),
    Case(platform="bedrock", aspect="retention", told={"retention": {"us-west-2": "default"}}),
    Case(platform="bedrock", aspect="retention", told={"retention": {"us-test-1": "provider_data_share"}}),
    Case(
        platform="bedrock",
        aspect="content_logging",
        told={"logging": {"us-east-1": {"s3Config": {"bucketName": "b"}, "textDataDeliveryEnabled": True}}},
        moved={"logging": {"us-east-1": {"s3Config": {"bucketName": "c"}, "textDataDeliveryEnabled": True}}},
    ),
    Case(platform="azure", aspect="deployment_type", told={"sku": "GlobalStandard"}),
    Case(platform="azure", aspect="storage_region", told={"location": "westeurope"}),
    Case(platform="azure", aspect="retention", told={"content_logging": None}),
    Case(platform="openai", aspect="retention", told={"organization": "modified_abuse_monitoring"}),
    Case(platform="openai", aspect="retention", told={"project": "none"}),
    Case(platform="openai", aspect="region", told={"residency": "GLOBAL"}),
    Case(platform="openai", aspect="standing", told={"status": "archived"}),
    Case(platform="anthropic", aspect="region", told={"allowed": ["global"]}),
    Case(platform="anthropic", aspect="standing", told={"archived_at": "2026-11-01T00:00:00Z"}),
    Case(
        platform="vertex-gemini",
        simulated="vertex",
        aspect="content_logging",
        told={"logging": {"enabled": True, "bigqueryDestination": {"outputUri": "bq://clinic.log"}}},
        moved={"logging": {"enabled": True, "bigqueryDestination": {"outputUri": "bq://other.log"}}},
    ),
    Case(platform="vertex-gemini", simulated="vertex", aspect="cache", told={"disable_cache": False}),
    Case(platform="local", aspect="prompts_shown", told={"slots": True}),
    Case(platform="local", aspect="prompts_shown", told={"kind": "vllm", "slots": True}),
    Case(platform="local", aspect="forwarding", told={"kind": "ollama", "remote_host": "https://ollama.example:443"}),
)
# Where nothing that can be learned is left open; the servers of one's own do not tell whether they log.
TELLING = ("bedrock", "azure", "openai", "anthropic", "vertex-gemini")
PLATFORMS = (*TELLING, "local")
RIGHT = {
    "openai": {**GOOD["openai"], "residency": "US-TEST-1_STORAGE_PROCESSING"},
    "anthropic": {**GOOD["anthropic"], "workspace_geo": "us-test-1", "allowed": ["us-test-1"]},
}


def asking(url: str) -> dict[str, dict[str, Any]]:
    """How each vendor is asked, where its own address and key do not do."""
    return {
        "bedrock": {"base_url": url},
        "azure": {
            "base_url": url,
            "token_url": f"{url}/tenant-1/oauth2/v2.0/token",
            "account": {"subscription": "sub-1", "resource_group": "group-1", "resource": "demo"},
            "credential": json.dumps(PRINCIPAL),
        },
        "openai": {"account": {"project": "demo"}, "credential": ADMIN_KEY},
        "anthropic": {"account": {"workspace": "demo"}, "credential": ANTHROPIC_ADMIN},
    }


@pytest.fixture(scope="module")
def running() -> Iterator[Clouds]:
    with clouds(only=PLATFORMS, models=(MODEL,)) as found:
        for name, body in asking(found.vendor.url).items():
            found.house.instance.api(FIRST, "POST", f"deployments/{name}-{MODEL}/inspection", {**body, "reason": "t"})
        yield found


@pytest.fixture(autouse=True)
def _told_rightly(running: Clouds) -> None:
    say(running, {})
    say(running, RIGHT)


def say(running: Clouds, settings: dict[str, Any]) -> None:
    running.vendor._control("POST", "/_sim/settings", settings)


def check(running: Clouds, platform: str) -> dict[str, Any]:
    found: dict[str, Any] = running.house.instance.api(FIRST, "POST", f"deployments/{platform}-{MODEL}/check", {})
    return found


def confirm(running: Clouds, platform: str, *accept: str) -> object:
    body = {"reason": "looked at with the vendor's console", "accept": list(accept)}
    return running.house.instance.api(SECOND, "POST", f"deployments/{platform}-{MODEL}/confirm", body)


async def call(running: Clouds, platform: str) -> Answer:
    house, path = running.house, running.platforms[platform].surfaces[0]
    return await ask(house.instance.data, house.api_key, path, f"{platform}/{MODEL}", "chest pain")


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_a_vendor_tells_rightly_agrees_and_opens_the_road_as_before(running, platform):
    found = check(running, platform)
    assert found["verdict"] == ("agrees" if platform in TELLING else "inconclusive"), found
    assert not found["closed"]
    assert found["source"] == "vendor-reported"
    assert (await call(running, platform)).status == 200


def told_by(running: Clouds, platform: str) -> dict[str, set[str]]:
    """Ask the vendor as the keeper does, without recording it: aspect -> its verdicts."""
    place, url = running.platforms[platform], running.vendor.url
    deployment = Deployment(
        id=platform, vendor=platform, platform=place.platform, project="demo", dialect=place.dialect,
        base_url=url + place.path, model=place.prefix + MODEL, region=place.region, **place.more,
    )  # fmt: skip
    body = asking(url).get(platform, {})
    credential = body.pop("credential", None)
    inspection = Inspection(id=platform, credential="held" if credential else None, **body)
    said = ask_vendor(deployment, inspection, Secret(credential or place.credential), clock)
    found: dict[str, set[str]] = {}
    for each in findings_of(Registry(epoch=0), deployment, said, load_geography()):
        found.setdefault(each.aspect.value, set()).add(each.verdict.value)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.platform} {case.aspect}")
def test_each_thing_that_is_told_wrongly_is_drift_of_that_aspect_alone(running, case):
    say(running, {case.settings: case.told})
    drifted = {aspect for aspect, verdicts in told_by(running, case.platform).items() if "drift" in verdicts}
    assert drifted == {case.aspect}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("status", [403, 500])
def test_a_vendor_that_does_not_answer_is_inconclusive_and_never_a_pass(running, platform, status):
    say(running, {platform.partition("-")[0]: {"status_code": status}})
    found = told_by(running, platform)
    assert found
    assert all(verdicts == {"inconclusive"} for verdicts in found.values())


FIRST_OF_EACH = tuple({case.platform: case for case in reversed(CASES)}.values())


@pytest.mark.parametrize("case", FIRST_OF_EACH, ids=lambda case: f"{case.platform} {case.aspect}")
async def test_drift_closes_the_deployment_until_it_is_mended_checked_and_confirmed(running, case):
    before = check(running, case.platform)
    say(running, {case.settings: case.told})
    found = check(running, case.platform)
    drifted = {each["aspect"] for each in found["findings"] if each["verdict"] == "drift"}
    assert (found["verdict"], found["closed"], drifted) == ("drift", True, {case.aspect})
    refused = await call(running, case.platform)
    assert (refused.status, refused.code) == (403, "route_drifted")
    with pytest.raises(InstanceError, match="drift_stands"):
        confirm(running, case.platform)

    say(running, {case.settings: {"status_code": 503}})
    assert check(running, case.platform)["closed"], "a vendor that is silent opens nothing"
    with pytest.raises(InstanceError, match="drift_stands"):
        confirm(running, case.platform)

    say(running, {})
    say(running, RIGHT)
    mended = check(running, case.platform)
    assert mended["closed"], "agreement alone opens nothing either"
    assert (await call(running, case.platform)).code == "route_drifted"
    confirm(running, case.platform)
    assert (await call(running, case.platform)).status == 200
    assert mended["ledger_index"] > found["ledger_index"] > before["ledger_index"]


@pytest.mark.parametrize("case", [case for case in CASES if case.moved], ids=lambda case: case.platform)
async def test_an_officer_may_take_a_log_of_their_own_for_intended_and_any_other_drifts_again(running, case):
    say(running, {case.settings: case.told})
    found = check(running, case.platform)
    accept = [f"{each['aspect']}={each['told']}" for each in found["findings"] if each["verdict"] == "drift"]
    confirm(running, case.platform, *accept)
    again = check(running, case.platform)
    assert (again["verdict"], again["closed"]) == ("agrees", False)
    assert (await call(running, case.platform)).status == 200
    say(running, {case.settings: case.moved})
    assert check(running, case.platform)["closed"], "the same log to another place is another"
    say(running, {})
    check(running, case.platform)
    confirm(running, case.platform)


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        ("azure", {"content_logging": "false", "more": [{"name": ["x"]}, {"name": {}}, {}]}),
        ("azure", {"more": ["x", None, 1]}),
    ],
)
def test_an_odd_answer_spoils_nothing(running, platform, told):
    say(running, {platform: told})
    assert told_by(running, platform)["retention"] == {"agrees"}
    say(running, {platform: {"more": []}})


def test_prompts_are_not_fetched_where_the_server_tells_that_it_shows_them(running):
    for is_open in (True, False):
        say(running, {"local": {"slots": is_open}})
        before = len(running.vendor.seen())
        assert told_by(running, "local")["prompts_shown"] == {"drift" if is_open else "agrees"}
        assert [each.path for each in running.vendor.seen()[before:]] == ["/props"]
    for is_open in (True, False):
        say(running, {"local": {"slots": is_open, "is_silent": True}})
        assert told_by(running, "local")["prompts_shown"] == {"drift" if is_open else "agrees"}
    say(running, {"local": {"is_silent": False}})


def test_each_check_is_a_dated_entry_and_what_the_vendor_was_asked_with_is_nowhere(running):
    found = check(running, "azure")
    books = Bookkeeper(running.house.instance.home)
    (entry,) = [each for each in books.stored(found["ledger_index"]) if each.index == found["ledger_index"]]
    assert entry.header["detail"]["action"] == "deployment.check"
    assert entry.header["detail"]["note"] == "agrees"
    assert PRINCIPAL["client_secret"] not in books.opened(entry).decode()
    shown = json.dumps(running.house.instance.api(FIRST, "GET", "checks"))
    assert PRINCIPAL["client_secret"] not in shown
    assert "vendor-reported" in shown


def test_the_command_exits_0_only_when_everything_agrees_and_route_show_has_it(running, capsys):
    instance, shell = running.house.instance, Shell(capsys)
    whose = ("--home", instance.home, "--as", FIRST)
    names = (f"bedrock-{MODEL}", f"azure-{MODEL}")
    good = shell("route", "check", *names, "--json", *whose)
    assert good.status == 0, good.err
    assert {each["verdict"] for each in good.json} == {"agrees"}
    say(running, {"azure": {"sku": "GlobalStandard"}})
    bad = shell("route", "check", *names, *whose)
    assert bad.status == 1
    assert "GlobalStandard" in bad.out
    assert "CLOSED since" in bad.out
    assert "CLOSED until an officer confirms" in shell("route", "show", f"azure/{MODEL}", *whose).out
    assert "CLOSED since" in shell("route", "checks", *whose).out
    gates = instance.api(FIRST, "GET", "simulate?on=2026-12-01")["routes"]
    assert {each["reason"] for each in gates if each["deployment"] == f"azure-{MODEL}"} == {"route_drifted"}
    say(running, {})
    assert shell("route", "check", f"azure-{MODEL}", *whose).status == 0
    done = shell("route", "confirm", f"azure-{MODEL}", "--reason", "set back", "--home", instance.home, "--as", SECOND)
    assert done.status == 0, done.err


def yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def used(kind: str, *results: dict[str, Any]) -> dict[str, Any]:
    """Two pages: the day before yesterday is empty, yesterday has the results."""
    days = (yesterday() - timedelta(days=1), yesterday())
    return {"usage": {kind: [{"day": str(days[0]), "results": []}, {"day": str(days[1]), "results": list(results)}]}}


REPORTED = {
    "openai": ("openai", {"model": MODEL, "num_model_requests": 3, "input_tokens": 90, "output_tokens": 10}),
    "anthropic": ("anthropic", {"model": MODEL, "uncached_input_tokens": 90, "output_tokens": 10}),
}


@pytest.mark.parametrize("platform", REPORTED)
def test_what_a_vendor_counted_and_the_ledger_did_not_is_open_until_it_is_settled(running, platform, capsys):
    kind, result = REPORTED[platform]
    instance, shell = running.house.instance, Shell(capsys)
    days = ("--from", str(yesterday() - timedelta(days=1)), "--to", str(yesterday()))
    whose = ("--home", instance.home, "--as", FIRST)
    say(running, used(kind))
    nothing = shell("audit", "reconcile", platform, *days, *whose)
    assert (nothing.status, "agree" in nothing.out) == (0, True), nothing.err
    say(running, used(kind, result))
    found = shell("audit", "reconcile", platform, *days, "--json", *whose)
    assert found.status == 1
    assert found.json["open"]
    (difference,) = found.json["differences"]
    assert (difference["day"], difference["model"], difference["vendor_tokens"]) == (str(yesterday()), MODEL, 100)
    books = Bookkeeper(instance.home)
    (entry,) = [each for each in books.stored(found.json["ledger_index"]) if each.index == found.json["ledger_index"]]
    assert entry.header["detail"]["note"] == "unrecorded_use"
    settled = shell("audit", "settle", found.json["id"], "--reason", "a load test with another key", *whose)
    assert settled.status == 0, settled.err
    listed = shell("audit", "reconciliations", "--json", *whose).json
    assert [each["open"] for each in listed if each["id"] == found.json["id"]] == [False]


@pytest.mark.parametrize("broken", [{"status_code": 500}, {"openai": [{"day": "2026-11-01", "results": [{}]}]}])
def test_a_report_that_cannot_be_had_whole_is_no_report(running, broken):
    say(running, {"usage": broken})
    body = {"first": str(yesterday()), "last": str(yesterday()), "reason": "t"}
    with pytest.raises(InstanceError, match="report_unavailable"):
        running.house.instance.api(FIRST, "POST", "vendors/openai/reconcile", body)
    with pytest.raises(InstanceError, match="report_unavailable"):
        running.house.instance.api(FIRST, "POST", "vendors/local/reconcile", body)


def test_a_report_in_a_file_is_compared_as_the_vendors_own(running, tmp_path, capsys):
    instance, shell = running.house.instance, Shell(capsys)
    whose = ("--home", instance.home, "--as", FIRST)
    days = ("--from", str(yesterday()), "--to", str(yesterday()))
    file = tmp_path / "report.csv"
    file.write_text(f"day,model,requests,input_tokens,output_tokens\n{yesterday()},{MODEL},,1,2\n")
    found = shell("audit", "reconcile", "local", *days, "--file", file, "--json", *whose)
    assert (found.status, found.json["source"]) == (1, "file")
    assert found.json["differences"][0]["kind"] == "tokens_unrecorded"
    file.write_text("day,model\n2026-11-01,m\n")
    assert shell("audit", "reconcile", "local", *days, "--file", file, *whose).status != 0
    today = str(datetime.now(UTC).date() + timedelta(days=1))
    assert shell("audit", "reconcile", "local", "--from", today, "--to", today, "--json", *whose).status != 0
