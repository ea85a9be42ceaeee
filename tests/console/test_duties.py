"""Duties from the first click to their effect on calls: real Chromium, real processes, one hospital on its 24th day.

A BAA ends and is renewed by two; an auditor takes a pack and checks it with no server; an incident becomes letters; a
reviewer ends access and the review closes. In this order, because each changes what the hospital permits.
"""

import json
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from tests.console.browser import chromium, code, do, enrol, needs_chromium, origin
from tests.console.hospital import MODEL, happen, hospital, today_there

from wardkeep.demo.instance import FIRST, SECOND, InstanceError

# The agreements of this hospital hold for 23 days more (`hospital`).
DAYS = 24
# Whom the reviewer decides on in the page, and what.
CHOSEN = {"dr-amari": ("review.confirm", "works on the ward"), "nia": ("review.revoke", "left the ward in spring")}


@pytest.fixture(scope="module")
def house():
    needs_chromium()
    with hospital() as found:
        happen(found)
        assert found.call()[0] == 200
        found.instance.stop()
        usual = found.instance.command
        found.instance.command = (sys.executable, "-m", "wardkeep.demo.later", str(DAYS))
        found.instance.start()
        found.instance.command = usual
        yield found


@pytest.fixture(scope="module")
def people(house):
    """A page for each officer and for the auditor, signed in."""
    made = house.api("POST", "people/ana/credential", {"reason": "first one lost"})
    (house.instance.home / "credentials" / "ana").write_text(made["credential"])
    with chromium() as browser:
        pages = {}
        for person in (FIRST, SECOND, "ana"):
            pages[person] = browser.new_context(accept_downloads=True).new_page()
            enrol(pages[person], house.instance, person, days_ahead=DAYS)
        yield pages


def test_an_agreement_ends_calls_are_refused_and_two_people_renew_it(house, people):
    base, today = origin(house.instance), today_there() + timedelta(DAYS)
    status, index, body = house.call()
    assert (status, json.loads(body)["error"]["code"]) == (403, "baa_expired")
    first, second = people[FIRST], people[SECOND]
    first.goto(f"{base}/today")
    assert "baa-northwind with Northwind Models, Inc. ended on" in first.locator("main").inner_text()
    first.goto(f"{base}/ledger/{index}")
    assert "baa_expired" in first.locator("main").inner_text()

    first.goto(f"{base}/vendors/record?vendor=northwind")
    do(
        first, "agreement.add", None, "renewed for a year",
        **{
            "party": "Northwind Models, Inc.", "id": "baa-northwind-2", "document_sha256": "ab" * 32,
            "effective_on": today.isoformat(), "expires_on": (today + timedelta(365)).isoformat(),
            "scopes.0.platform": "direct", "scopes.0.projects": "demo", "scopes.0.models": MODEL,
            "scopes.0.regions": "us-test-1", "scopes.0.endpoints./v1/chat/completions": True,
            "scopes.0.purposes.TREAT": True, "scopes.0.purposes.ETREAT": True,
            "scopes.0.retention": "zero", "scopes.0.training_prohibited": True,
        },
    )  # fmt: skip
    assert house.call()[0] == 403  # a draft opens nothing
    second.goto(f"{base}/approvals")
    card = second.get_by_role("region", name="Agreement baa-northwind-2")
    card.get_by_label("Reason").fill("read, signed by both")
    card.get_by_role("button", name="Activate").click()
    card.wait_for(state="detached")
    status, index, _ = house.call()
    assert status == 200
    first.goto(f"{base}/ledger/{index}")
    assert "baa-northwind-2" in first.locator("main").inner_text()


def test_an_auditor_takes_a_pack_and_checks_it_with_no_server(house, people, tmp_path):
    page = people["ana"]
    answer = page.goto(f"{origin(house.instance)}/evidence")
    assert (answer.status, page.url) == (200, f"{origin(house.instance)}/evidence"), page.content()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download ledger.pub").click()
    key = tmp_path / "ledger.pub"
    key.write_bytes(waiting.value.path().read_bytes())
    assert key.read_text().strip() == (house.instance.home / "ledger.pub").read_text().strip()
    page.get_by_label("Controls").select_option("HSR-312*")
    page.get_by_label("printed report").uncheck()
    page.get_by_label("For whom it is").fill("yearly audit")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Make the pack").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(tmp_path)
    pack = tmp_path / "evidence"
    command = [sys.executable, "-I", str(pack / "verify_pack.py"), str(pack), "--public-key", str(key), "--json"]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["wrong"], told["key"]) == (0, True, [], "given")
    assert waiting.value.suggested_filename == f"wardkeep-evidence-{told['sealed_in']}.zip"
    assert {each["id"][:7] for each in json.loads((pack / "facts.json").read_bytes())["controls"]} == {"HSR-312"}
    excerpt = pack / "ledger-excerpt.jsonl"
    excerpt.write_bytes(excerpt.read_bytes().replace(b"permitted", b"Permitted", 1))
    assert subprocess.run(command, cwd=tmp_path, env={}, capture_output=True).returncode == 1


def test_an_incident_is_judged_by_two_and_becomes_letters(house, people):
    first, second = people[FIRST], people[SECOND]
    place = f"{origin(house.instance)}/incidents/misdirected"
    first.goto(f"{origin(house.instance)}/report")
    first.get_by_label("Short name").fill("misdirected")
    first.get_by_label("What happened").fill("A list of names went to a wrong fax <b>number</b>.")
    first.get_by_role("button", name="Report").click()
    first.goto(place)
    do(first, "incident.count", "misdirected", "by hand", individuals="12", residents="NY=12")
    for factor in range(4):
        first.goto(place)
        item = first.locator("#factors").locator("..").locator("ol > li").nth(factor)
        item.locator("summary").click()
        item.get_by_label("high").check()
        item.get_by_label("Why this level").fill("it was read")
        item.get_by_role("button", name="Judge").click()
        first.goto(place)
        assert item.locator(".tag").inner_text() == "high"
    do(first, "incident.sign", "misdirected", "it was read", conclusion="breach")
    second.goto(place)
    do(second, "incident.countersign", "misdirected", "agreed")
    second.goto(place)
    assert "individuals" in second.get_by_role("region", name="Notices and their last days").inner_text()
    first.goto(place)
    do(
        first, "incident.letter", "misdirected", "to the twelve",
        **{
            "what_happened": "A list went to a wrong number.", "types_of_information": "Names and visit days.",
            "steps_for_individuals": "Look at your statements.", "what_we_do": "We called the recipient.",
            "contact.toll_free": "1-800-555-0100",
        },
    )  # fmt: skip
    letter = first.locator("pre").inner_text()
    assert "A list went to a wrong number." in letter
    assert "1-800-555-0100" in letter
    entry = house.api("GET", f"ledger/entries?from={(n := newest(house))}&to={n + 1}")["entries"][0]
    assert entry["detail"]["action"] == "incident.letter"
    second.goto(place)
    do(second, "incident.notice", "misdirected", "by first-class mail", name="individuals")
    second.goto(place)
    row = second.get_by_role("row").filter(has_text="individuals")
    assert row.get_by_text("given").is_visible()


def test_a_reviewer_ends_access_and_the_review_closes(house, people):
    made = house.api("POST", "people/nia/credential", {"reason": "first one lost"})
    (house.instance.home / "credentials" / "nia").write_text(made["credential"])
    assert house.instance.api("nia", "GET", "my-reviews") == {"items": []}
    left = []
    for officer in (FIRST, SECOND):
        mine = [each for each in house.api("GET", "my-reviews", officer=officer)["items"] if each["review"] == "autumn"]
        # What nobody decided for long waits for the other officer too.
        seen = {each["item"] for _, each in left}
        left += [(officer, each) for each in mine if each["subject"] in CHOSEN and each["item"] not in seen]
        kept = [each["item"] for each in mine if each["subject"] not in CHOSEN]
        if kept:
            body = {"items": kept, "reason": "still needed"}
            house.api("POST", "reviews/autumn/confirm", body, officer=officer)
    assert left
    for officer, item in left:
        page = people[officer]
        page.goto(f"{origin(house.instance)}/my-reviews")
        deed, why = CHOSEN[item["subject"]]
        # To end a person's access ends their roles too, and those items with it.
        if page.locator(f"input[name='items'][value='{item['item']}']").count():
            do(page, deed, "autumn", why, holding=("items", item["item"]))
    page = people[FIRST]
    page.goto(f"{origin(house.instance)}/reviews")
    do(page, "review.close", "autumn", "all asked")
    assert "recorded as" in page.get_by_role("status").inner_text()
    with pytest.raises(InstanceError, match=r"40[13]"):
        house.instance.api("nia", "GET", "my-reviews")
    people_now = {each["id"]: each for each in house.api("GET", "people")["people"]}
    assert (people_now["nia"]["is_active"], people_now["dr-amari"]["is_active"]) == (False, True)
    assert house.call()[0] == 200


def newest(house):
    """The newest change's index."""
    size = house.api("GET", "ledger/head")["size"]
    entries = house.api("GET", f"ledger/entries?from={max(0, size - 200)}&to={size}")["entries"]
    return next(each["index"] for each in reversed(entries) if each["type"] == "control")


WHY = "unconscious in bay four, history needed"


@pytest.fixture
def nurse(house, people):
    """Kai's page, signed in, her authenticator, and a key of the ward's portal: nothing opens the ward."""
    made = house.api("POST", "people", {"id": "kai", "roles": ["nurse"], "reason": "joined"})
    (house.instance.home / "credentials" / "kai").write_text(made["credential"])
    terms = {
        "id": "ward", "name": "Ward", "owner": FIRST, "members": ["kai"], "purposes": ["TREAT", "ETREAT"],
        "models": None, "requires": ["verified_person", "training", "acknowledgement", "care_team"], "reason": "x",
    }  # fmt: skip
    house.api("POST", "workspaces", terms)
    portal = {"id": "portal", "name": "P", "owner": SECOND, "workspace": "ward", "roles": ["nurse"], "reason": "x"}
    house.api("POST", "applications", portal)
    form = {"name": "portal", "owner": SECOND, "workspace": "ward", "application": "portal", "models": [MODEL],
            "purposes": ["ETREAT", "TREAT"], "reason": "x"}  # fmt: skip
    key = house.api("POST", "keys", form)["credential"]
    page = people[FIRST].context.browser.new_context().new_page()
    secret, _ = enrol(page, house.instance, "kai", days_ahead=DAYS)
    yield page, secret, key
    page.context.close()


def test_the_glass_is_broken_and_another_officer_reviews_it(house, people, nurse):
    page, secret, key = nurse
    base, second = origin(house.instance), people[SECOND]

    def called(ticket=None):
        headers = {"authorization": f"Bearer {key}", "wardkeep-purpose": "ETREAT", "wardkeep-subject": "s-1"}
        status, _, body = house.call(headers=headers | ({"wardkeep-person-token": ticket} if ticket else {}))
        return status, json.loads(body).get("error", {}).get("code")

    assert called() == (403, "person_missing")
    page.goto(f"{base}/break-glass")
    do(page, "glass.begin", None, WHY, workspace="ward", code=code(secret, DAYS * 2880), minutes="60")
    ticket = page.locator("code.secret").inner_text()
    assert called(ticket) == (200, None)
    assert house.call(headers={"wardkeep-person-token": ticket})[0] == 403  # of another workspace it says nothing
    page.get_by_role("link", name="I have it safe").click()
    assert "Break the glass" in page.get_by_role("heading", level=1).inner_text()
    (glass,) = house.api("GET", "break-glass")["break_glass"]
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=glass["id"]))
    assert "Is open" in row.inner_text()
    # Why it was done is sealed in the entry, not on a page that every officer passes.
    assert WHY not in page.locator("main").inner_text()

    second.goto(f"{base}/today")
    assert second.get_by_role("link", name="See it").count() == 1
    second.goto(f"{base}/registers/break-glass")
    do(second, "glass.end", glass["id"], "the family doctor has called back")
    assert called(ticket) == (403, "person_token_invalid")
    second.goto(f"{base}/registers/break-glass")
    do(second, "glass.review", glass["id"], "the chart shows the emergency", outcome="justified")
    (glass,) = house.api("GET", "break-glass")["break_glass"]
    assert (glass["reviewed_by"], glass["outcome"]) == (SECOND, "justified")
    second.goto(f"{base}/today")
    assert second.get_by_role("link", name="See it").count() == 0

    # And sessions end when whoever answers for access says so.
    second.goto(f"{base}/registers/sessions")
    do(second, "session.endall", "kai", "shift is over, the tablet stays")
    page.goto(f"{base}/break-glass")
    assert page.url == f"{base}/sign-in"
