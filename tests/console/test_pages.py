"""Every page of the console in a real Chromium: light, dark, 320 px, print, keyboard, without JavaScript; axe clean.

One instance and one browser for all; a table of pages. Hostile words stand in every field that people may fill.
"""

import contextlib
import hashlib
import json
import re
from urllib.parse import quote, urlsplit

import pytest
from tests.console.browser import chromium, enrol, needs_chromium, origin
from tests.console.hospital import happen, hospital
from tests.console.hostile import ALL, CORPUS, NEVER, Reader, sent_as
from tests.unit.privacy import made_files

from wardkeep.audit.verify import verify_proof
from wardkeep.compliance.exploring import FIELDS
from wardkeep.demo.instance import FIRST, SECOND, InstanceError
from wardkeep.web.console.listing import is_list
from wardkeep.web.console.registers import REGISTERS
from wardkeep.web.control import ROUTES
from wardkeep.web.pages import ROUTES as PAGE_ROUTES

MOST_BYTES = 150_000
# What the API tells at once and is no list.
NO_LISTS = {"health", "emergency.show", "ledger.head", "duties.show", "policy.signatures", "usage.show", "audit.search"}
# path -> heading
PAGES = {
    "/today": "Today",
    "/today?days=90": "Today",
    "/ledger": "Ledger",
    "/ledger?type=refusal": "Ledger",
    "/ledger/3?check=1": "Ledger entry 3",
    "/ledger/{request}?check=1": "Ledger entry {request}",
    "/ledger/{refusal}": "Ledger entry {refusal}",
    "/approvals": "Approvals",
    "/account": "Your account",
    "/step-up": "Confirm that it is you",
    "/setup": "Set-up",
    "/vendors": "Vendors and agreements",
    "/vendors/record": "Record an agreement",
    "/vendors/forecast?on=2031-01-01": "What breaks on 2031-01-01",
    "/routes": "Routes",
    "/people": "People",
    "/keys": "Applications and keys",
    "/incidents": "Incidents",
    "/incidents/inc-1": "Incident inc-1",
    "/report": "Report an incident",
    "/controls": "Controls",
    "/assistant": "Assistant",
    "/policies": "Policies",
    "/policies/ai-acceptable-use": "Acceptable use of AI",
    "/training": "Training",
    "/training/hipaa-basics": "HIPAA basics",
    "/reviews": "Access reviews",
    "/reviews/autumn": "Access review autumn",
    "/vendors/agreements/baa-northwind": "Clauses of baa-northwind",
    "/activity/first-look": "Activity review first-look",
    "/my-reviews": "For you to review",
    "/activity": "Activity review",
    "/risks": "Risks",
    "/assets": "Assets",
    "/uses": "Uses of AI",
    "/rights": "Requests of individuals",
    "/checklists": "Joiners and leavers",
    "/evidence": "Auditor's room",
    "/registers": "All registers",
    "/refusals": "Refusals",
    "/individual": "One individual",
    "/host": "This instance",
    "/registers/terms": "Vendors' terms",
    "/registers/retention": "Retention",
    "/registers/representatives": "Personal representatives",
    "/denials": "Denials to review",
}


@pytest.fixture(scope="module")
def house():
    needs_chromium()
    with hospital() as found:
        happen(found)
        yield found


@pytest.fixture(scope="module")
def browser():
    needs_chromium()
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def officer(house, browser):
    """A context in which an officer is signed in, second factor fresh."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    enrol(context.new_page(), house.instance, FIRST)
    return context


class Seen:
    """What a page did: console errors, policy violations, requests, dialogs."""

    def __init__(self, page):
        self.errors, self.hosts, self.bytes = [], set(), 0
        page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append("a dialog opened"), dialog.dismiss()))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("response", self.count)

    def count(self, response):
        with contextlib.suppress(ValueError, TypeError):
            self.bytes += int(response.headers.get("content-length", 0))


def filled(house, text: str) -> str:
    """Put the newest entry of a type in place of its name."""
    return re.sub(r"\{(\w+)\}", lambda named: str(newest(house, named[1])["index"]), text)


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]


def width(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth")


def test_the_keyboard_reaches_the_page_and_the_menu(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/today")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    # on a narrow screen the menu opens without a script
    page.set_viewport_size({"width": 320, "height": 800})
    assert not page.get_by_role("link", name="Approvals").is_visible()
    page.get_by_role("link", name="Menu").press("Enter")
    assert page.get_by_role("link", name="Approvals").is_visible()
    page.close()


def test_every_link_of_today_leads_to_a_page(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/today")
    links = set(page.eval_on_selector_all("a", "all => all.map(each => each.getAttribute('href'))"))
    for link in sorted({each.partition("#")[0] for each in links if each.startswith("/")}):
        assert page.goto(origin(house.instance) + link).status == 200, link
    page.close()


def test_who_may_not_see_a_page_is_refused_and_it_is_recorded(house, browser):
    made = house.api("POST", "people/nia/credential", {"reason": "first one lost"})
    (house.instance.home / "credentials" / "nia").write_text(made["credential"])
    context = browser.new_context()
    page = context.new_page()
    enrol(page, house.instance, "nia")
    page.goto(origin(house.instance) + "/account")
    assert page.get_by_role("link", name="Today").count() == 0
    refused = page.request.post(
        origin(house.instance) + "/lists", form={"list": "person.list", "format": "csv"},
        headers={"origin": origin(house.instance), "sec-fetch-site": "same-origin"},
    )  # fmt: skip
    assert (refused.status, b"privacy-officer" in refused.body()) == (403, False)
    before = house.api("GET", "ledger/head")["size"]
    assert page.goto(origin(house.instance) + "/today").status == 403
    entry = house.api("GET", f"ledger/entries?from={before}&to={before + 1}")["entries"][0]
    assert (entry["type"], entry["actor"], entry["detail"]["action"]) == ("refusal", "person:nia", "page.today")
    context.close()


def newest(house, kind, **wanted):
    """The newest entry of a kind with these header fields."""
    size = house.api("GET", "ledger/head")["size"]
    entries = house.api("GET", f"ledger/entries?from={max(0, size - 400)}&to={size}")["entries"]
    return next(
        each
        for each in reversed(entries)
        if each["type"] == kind and all(each.get(name) == value for name, value in wanted.items())
    )


def test_one_call_is_found_followed_checked_and_opened(house, officer):
    """Filters in the address, the call's life, the proof in the page and as a file, reveal with a typed reason."""
    page = officer.new_page()
    house.call("Rosalind Okafor, MRN 40718265, was seen for chest pain.", headers={"wardkeep-purpose": "HPAYMT"})
    page.goto(origin(house.instance) + "/ledger")
    page.get_by_label("Type").select_option("request")
    page.get_by_label("Purpose").select_option("HPAYMT")
    page.get_by_role("button", name="Look", exact=True).click()
    assert "purpose=HPAYMT" in page.url
    rows = page.locator("tbody tr")
    assert set(rows.locator("td:nth-child(7)").all_inner_texts()) == {"HPAYMT"}
    rows.first.get_by_role("link").click()
    text = page.locator("main").inner_text()
    assert "baa-northwind" in text
    assert "NAME" in text
    assert "answered, status 200" in text
    assert "Rosalind" not in text
    page.get_by_role("link", name="Check this entry now").click()
    assert page.get_by_text("Proven.").is_visible()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the proof").click()
    proof = waiting.value.path()
    assert verify_proof(proof, public_key=house.instance.home / "ledger.pub").ok

    before = house.api("GET", "ledger/head")["size"]
    page.get_by_label("Reason").fill("patient's complaint <b>12</b>")
    page.get_by_label("Reveal originals for").select_option("HOPERAT")
    page.get_by_role("button", name="Open", exact=True).click()
    asked, sent = page.locator("pre").nth(0).inner_text(), page.locator("pre").nth(1).inner_text()
    assert "Rosalind Okafor" in asked
    assert "Okafor" not in sent
    assert "40718265" not in sent
    opening = house.api("GET", f"ledger/entries?from={before}&to={before + 1}")["entries"][0]
    assert (opening["type"], opening["actor"]) == ("read", f"person:{FIRST}")
    assert opening["detail"]["action"] == "open"
    page.close()


def test_an_export_is_on_record_by_its_hash(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/ledger?type=refusal")
    for name, ending in (("Export CSV", "csv"), ("Export JSON with the signed head", "json")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name).click()
        body = waiting.value.path().read_bytes()
        entry = newest(house, "read")
        assert waiting.value.suggested_filename == f"wardkeep-ledger-export-{entry['index']}.{ending}"
        assert entry["detail"]["sha256"] == hashlib.sha256(body).hexdigest()
        if ending == "json":
            told = json.loads(body)
            assert {each["header"]["type"] for each in told["entries"]} == {"refusal"}
            assert told["checkpoint"].startswith("wardkeep/")
        else:
            assert body.splitlines()[0].startswith(b"index,at,type,actor")
            assert all(b",refusal," in line for line in body.splitlines()[1:])
    page.close()


def taken(page, label):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    return waiting.value.suggested_filename, waiting.value.path()


def test_a_list_leaves_as_a_file_that_is_checked_offline(house, officer, tmp_path):
    """CSV without formulas, JSON that the ledger's key signed; each on record by its hash before it leaves."""
    page = officer.new_page()
    page.goto(origin(house.instance) + "/vendors")
    name, csv_file = taken(page, "Export vendors as CSV")
    entry = newest(house, "read")
    assert name == f"wardkeep-vendor-list-{entry['index']}.csv"
    assert entry["detail"]["sha256"] == hashlib.sha256(csv_file.read_bytes()).hexdigest()
    assert not [line for line in csv_file.read_text().splitlines() if line.startswith(("=", "+", "@"))]
    name, json_file = taken(page, "Export vendors as signed JSON")
    entry = newest(house, "read")
    assert name == f"wardkeep-vendor-list-{entry['index']}.json"
    assert (entry["actor"], entry["detail"]["list"]) == (f"person:{FIRST}", "vendor.list")
    told = json.loads(house.instance.run("verify", "--list", str(json_file), "--json"))
    assert (told["ok"], told["list"], told["by"]) == (True, "vendor.list", FIRST)
    changed = tmp_path / "changed.json"
    changed.write_bytes(json_file.read_bytes().replace(b"Northwind", b"Southwind"))
    with pytest.raises(InstanceError, match="wardkeep verify failed"):
        house.instance.run("verify", "--list", str(changed), "--json")
    page.close()


def test_every_place_that_is_a_list_leaves_as_a_file(house, officer):
    """The API's lists that need no more to be said: none fails, and each file holds under the key."""
    page = officer.new_page()
    page.goto(origin(house.instance) + "/registers")
    for name in sorted({route.name for route in ROUTES if is_list(route)} - NO_LISTS):
        answer = page.request.post(
            origin(house.instance) + "/lists", form={"list": name, "format": "json"},
            headers={"origin": origin(house.instance), "sec-fetch-site": "same-origin"},
        )  # fmt: skip
        assert answer.status == 200, name
        assert json.loads(answer.body())["list"]["name"] == name
    page.close()


def test_opening_needs_a_fresh_second_factor_and_a_reason(house, officer):
    """Without a reason nothing opens; `tests/attacks` shows that an old second factor does not either."""
    index = newest(house, "request")["index"]
    page = officer.new_page()
    page.goto(origin(house.instance) + f"/ledger/{index}")
    page.evaluate("document.querySelector('#reason').removeAttribute('required')")
    page.get_by_role("button", name="Open", exact=True).click()
    assert "The reason is not valid." in page.locator("main").inner_text()
    page.close()


def test_an_auditor_sees_headers_and_opens_nothing(house, browser):
    made = house.api("POST", "people/ana/credential", {"reason": "first one lost"})
    (house.instance.home / "credentials" / "ana").write_text(made["credential"])
    context = browser.new_context()
    page = context.new_page()
    enrol(page, house.instance, "ana")
    index = newest(house, "request")["index"]
    page.goto(origin(house.instance) + f"/ledger/{index}")
    assert page.get_by_role("heading", name="The life of this call").is_visible()
    assert page.get_by_role("heading", name="Open what is sealed").count() == 0
    context.close()


def enrolled(house, browser, person, **settings):
    """A context in which a person who joined is signed in."""
    made = house.api("POST", f"people/{person}/credential", {"reason": "first one lost"}, officer=SECOND)
    (house.instance.home / "credentials" / person).write_text(made["credential"])
    context = browser.new_context(**settings)
    enrol(context.new_page(), house.instance, person)
    return context


NOTE = "Patient Rosalind Okafor (MRN 40718265) seen 03/14/2026 for Parkinson disease; phone 415-201-7788."


@pytest.fixture(scope="module")
def clinician(house, browser):
    return enrolled(house, browser, "dr-amari")


@pytest.mark.parametrize("has_script", [True, False], ids=["streamed", "whole"])
def test_a_clinician_sees_what_the_model_sees_and_then_sends(house, browser, clinician, has_script):
    context = clinician
    if not has_script:
        context = browser.new_context(java_script_enabled=False, storage_state=clinician.storage_state())
    house.vendor.reset()
    page = context.new_page()
    seen = Seen(page)
    page.goto(origin(house.instance) + "/home")
    assert page.get_by_role("heading", level=1).inner_text() == "Assistant"
    page.get_by_label("What is it for?").select_option("TREAT")
    page.locator("#subject").fill("pat-77")
    page.get_by_label("Your question or note").fill(NOTE + " <b>bold</b>")
    page.get_by_role("button", name="See what the model will see").click()
    yours, sees = page.locator(".note").nth(0), page.locator(".note").nth(1)
    assert "Rosalind Okafor" in yours.inner_text()
    assert yours.locator("mark", has_text="40718265").get_attribute("title").startswith("medical record number")
    assert "Okafor" not in sees.inner_text()
    assert "40718265" not in sees.inner_text()
    assert "03/14/2026" in sees.inner_text()
    assert "Parkinson" in sees.inner_text()
    assert not has_script or violations(page) == []
    assert house.vendor.seen() == []
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/assistant/*")
    assert "Rosalind Okafor" in page.locator(".assistant .note").inner_text()
    assert not has_script or violations(page) == []

    # the conversation goes on, and the same person keeps the surrogate
    page.get_by_label("Go on").fill("What did Ms. Okafor come for?")
    page.get_by_role("button", name="Send").click()
    page.locator(".talk > li").nth(3).wait_for()
    assert "Ms. Okafor" in page.locator(".talk > li").nth(3).inner_text()
    assert all(b"Okafor" not in each.body for each in house.vendor.seen())
    assert [each.json().get("stream") for each in house.vendor.seen()] == [None, True if has_script else None]
    entry = newest(house, "request")
    assert (entry["detail"]["person"], entry["detail"]["assurance"]) == ("dr-amari", "verified")
    assert page.locator("main b").count() == 0
    assert seen.errors == []
    page.get_by_role("button", name="End this conversation").click()
    assert page.get_by_role("heading", name="Your conversations").count() == 0
    page.close()


def test_a_file_is_read_here_and_what_the_model_sees_of_it_is_shown_first(house, clinician):
    pytest.importorskip("pypdfium2")
    house.vendor.reset()
    page = clinician.new_page()
    seen = Seen(page)
    page.goto(origin(house.instance) + "/assistant")
    page.locator("#subject").fill("pat-77")
    page.get_by_label("Your question or note").fill("Summarise the letter.")
    letter = {"name": "<b>letter</b>.pdf", "mimeType": "text/html", "buffer": made_files.pdf(NOTE)}
    page.get_by_label("File").set_input_files(letter)
    page.get_by_role("button", name="See what the model will see").click()
    read, sees = page.get_by_role("region", name="What was read from"), page.get_by_role("region", name="sees of it")
    assert "Rosalind Okafor" in read.inner_text()
    assert read.locator("mark", has_text="40718265").count() == 1
    assert "Okafor" not in sees.inner_text()
    assert "Parkinson" in sees.inner_text()
    assert "<b>letter</b>.pdf" in page.locator("#file").inner_text()
    assert violations(page) == []
    assert house.vendor.seen() == []
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/assistant/*")
    (sent,) = house.vendor.seen()
    assert b"Parkinson" in sent.body
    assert b"Okafor" not in sent.body
    # What was read stays in the conversation; a file chosen now is looked at before it is sent.
    page.get_by_label("Go on").fill("And compare it with this one.")
    page.get_by_label("File").set_input_files(letter)
    page.get_by_role("button", name="Send").click()
    assert page.get_by_role("heading", level=1).inner_text() == "What the model will see"
    assert len(house.vendor.seen()) == 1
    page.get_by_role("button", name="Send").click()
    page.locator(".talk > li").nth(3).wait_for()
    assert house.vendor.seen()[1].body.count(b"[Attached file") == 3  # the first, the model's echo of it, the second
    assert b"Okafor" not in house.vendor.seen()[1].body
    assert seen.errors == []
    page.close()


def test_words_in_a_file_name_and_an_answer_stay_words(house, clinician):
    """The model says what it was told to say; the file is called what somebody likes; the browser says what it is."""
    page = clinician.new_page()
    page.goto(origin(house.instance) + "/assistant")
    page.get_by_label("Your question or note").fill(ALL)
    page.get_by_label("File").set_input_files({"name": ALL[:150], "mimeType": "text/html", "buffer": ALL.encode()})
    page.get_by_role("button", name="See what the model will see").click()
    assert Reader(page.content()).wrong == []
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/assistant/*")
    assert "wkx" in page.locator(".assistant .note").inner_text()
    assert hidden_in_pages(house, page, [urlsplit(page.url).path, "/assistant", "/account"]) == {}
    page.close()


def test_the_assistant_says_what_to_do_when_the_road_is_closed(house, officer):
    """An officer has no role over data: the refusal is shown with its fix, and the vendor hears nothing."""
    house.vendor.reset()
    page = officer.new_page()
    page.goto(origin(house.instance) + "/assistant")
    page.get_by_label("Your question or note").fill(NOTE)
    page.get_by_role("button", name="See what the model will see").click()
    assert page.get_by_role("alert").inner_text().strip()
    assert page.get_by_label("Your question or note").input_value() == NOTE
    assert house.vendor.seen() == []
    page.close()


def test_nobody_opens_the_conversation_of_another(house, clinician, officer):
    page = clinician.new_page()
    page.goto(origin(house.instance) + "/assistant")
    page.get_by_label("Your question or note").fill("How are potassium and creatinine related?")
    page.get_by_role("button", name="See what the model will see").click()
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/assistant/*")
    other = officer.new_page()
    other.goto(page.url)
    assert other.get_by_role("heading", level=1).inner_text() == "Assistant"
    assert "potassium" not in other.content()
    other.close()
    page.close()


def test_a_suspension_takes_a_reason_and_another_person_ends_it(house, officer):
    """Two people, real forms: suspend a vendor, see the call refused, and be refused to resume it oneself."""
    page = officer.new_page()
    page.goto(origin(house.instance) + "/vendors")
    card = page.get_by_role("region", name="Northwind Models, Inc.")
    card.get_by_text("Suspend the vendor", exact=False).first.click()
    card.get_by_label("Reason").last.fill("an audit of theirs <i>failed</i>")
    card.get_by_role("button", name="Suspend the vendor").click()
    assert "recorded as" in page.get_by_role("status").inner_text()
    assert house.call()[0] == 403
    assert newest(house, "refusal")["decision"] == "vendor_suspended"
    card.get_by_text("Resume the vendor", exact=False).first.click()
    card.get_by_label("Reason").last.fill("it was a mistake")
    card.get_by_role("button", name="Resume the vendor").click()
    assert "another person" in page.locator("main").inner_text()
    house.api("POST", "vendors/northwind/resume", {"reason": "cleared"}, officer=SECOND)
    page.close()


def test_refusals_are_followed_as_they_come(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/refusals")
    page.get_by_role("button", name="Follow for five minutes").click()
    _, index, _ = house.call(headers={"wardkeep-purpose": "HRESCH"})
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(index), exact=True))
    row.wait_for(timeout=120_000)
    assert "purpose_not_permitted" in row.inner_text()
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_role("status").inner_text() == "Stopped."
    page.close()


def test_who_saw_an_individual_is_told_and_recorded(house, officer):
    page = officer.new_page()
    for report, expected in (("Who saw their data", "Vendors"), ("Accounting of disclosures", "Since")):
        page.goto(origin(house.instance) + "/individual")
        page.get_by_label("Report").select_option(report)
        page.get_by_label("Handle of the individual").fill("pat-1")
        page.get_by_label("Reason").fill("she asked <b>twice</b>")
        page.get_by_role("button", name="Make the report").click()
        assert page.get_by_role("heading", name=report).is_visible()
        assert expected in page.locator("section", has=page.locator("#made")).inner_text()
        entry = newest(house, "read")
        assert f"ledger entry {entry['index']}" in page.locator("main").inner_text()
        assert "pat-1" not in page.url
    assert violations(page) == []
    page.close()


def test_a_key_is_shown_once_with_lines_to_copy(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/keys")
    page.get_by_text("Make a key").first.click()
    form = page.locator("form", has=page.locator("input[value='key.create']"))
    form.get_by_label("Name").fill("first application")
    form.get_by_label("Reason").fill("first application")
    form.get_by_role("button", name="Make a key").click()
    key = page.locator("code.secret").inner_text()
    assert key.startswith("wk_live_")
    assert f'api_key="{key}"' in page.locator("pre").first.inner_text()
    assert violations(page) == []
    page.goto(origin(house.instance) + "/keys")
    assert key not in page.content()
    page.close()


def test_an_incident_is_judged_and_signed_by_two(house, officer, browser):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/report")
    page.get_by_label("Short name").fill("inc-2")
    page.get_by_label("What happened").fill("A print-out was left in a lift.")
    page.get_by_role("button", name="Report").click()
    page.goto(origin(house.instance) + "/incidents/inc-2")
    for number in range(4):
        factor = page.locator("#factors").locator("..").locator("ol > li").nth(number)
        factor.locator("summary").click()
        factor.get_by_label("low").check()
        factor.get_by_label("Why this level").fill("found again within the hour")
        factor.get_by_role("button", name="Judge").click()
    page.get_by_text("Sign", exact=False).locator("xpath=self::summary").first.click()
    page.get_by_label("Conclusion").first.select_option("low_probability")
    page.locator("form", has=page.locator("input[value='incident.sign']")).get_by_label("Reason").fill("all low")
    page.get_by_role("button", name="Sign", exact=True).click()
    assert "a second person is needed" in page.locator("main").inner_text()
    assert page.get_by_role("button", name="Countersign").count() == 0
    conclusion = {"conclusion": "low_probability", "reason": "agreed"}
    house.api("POST", "incidents/inc-2/countersign", conclusion, officer=SECOND)
    page.reload()
    assert "No clock runs" in page.locator("main").inner_text()
    page.close()


def test_a_course_is_taken_and_a_policy_signed(house, officer):
    """Wrong answers are told why; the policy's text is what is signed."""
    page = officer.new_page()
    page.goto(origin(house.instance) + "/training/hipaa-basics")
    for question in page.locator("form[action$=answers] fieldset").all():
        question.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer").click()
    assert "Not passed" in page.get_by_role("alert").inner_text()
    assert page.locator("#wrong").is_visible()
    page.goto(origin(house.instance) + "/policies/ai-acceptable-use")
    form = page.locator("form", has=page.locator("input[value='policy.sign']"))
    form.get_by_label("In your words").fill("read")
    form.get_by_role("button").click()
    assert "You signed this version." in page.locator("main").inner_text()
    entry = newest(house, "control")
    assert entry["detail"]["action"] == "policy.sign"
    page.close()


def test_a_duty_is_done_with_the_form_of_its_type(house, officer):
    page = officer.new_page()
    page.goto(origin(house.instance) + "/assets")
    page.get_by_text("Record an asset").first.click()
    form = page.locator("form", has=page.locator("input[value='asset.add']"))
    form.get_by_label("Id", exact=True).fill("scanner-3")
    form.get_by_label("Kind").select_option("device")
    form.get_by_label("Owner").select_option(FIRST)
    form.get_by_label("Is encrypted").check()
    form.get_by_label("Place").fill("eye-clinic")
    form.get_by_label("Reason").fill("bought")
    form.get_by_role("button", name="Record an asset").click()
    assert "recorded as" in page.get_by_role("status").inner_text()
    assert page.get_by_role("heading", name="scanner-3").is_visible()
    page.close()


# What sweeps over all pages comes after what changes something: that needs a second factor of the last ten minutes.


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_everybody(house, officer, path):
    page = officer.new_page()
    seen = Seen(page)
    try:
        answer = page.goto(origin(house.instance) + filled(house, path))
        assert answer.status == 200
        assert page.get_by_role("heading", level=1).inner_text() == filled(house, PAGES[path])
        problems = {"light": violations(page)}
        page.emulate_media(color_scheme="dark")
        problems["dark"] = violations(page)
        page.set_viewport_size({"width": 320, "height": 800})
        problems["320 px"] = violations(page)
        assert width(page) <= 320
        page.emulate_media(media="print", color_scheme="light")
        problems["print"] = violations(page)
        assert {mode: found for mode, found in problems.items() if found} == {}
        assert seen.errors == []
        assert seen.hosts == {urlsplit(origin(house.instance)).netloc}
        assert seen.bytes <= MOST_BYTES
    finally:
        page.close()


def test_hostile_words_stay_words(house, officer):
    """No element of a page was ever typed by anybody: every script is ours, and nothing has a handler or a style."""
    page = officer.new_page()
    assert hidden_in_pages(house, page, addresses(house)) == {}
    page.close()


def test_every_page_works_without_javascript(house, browser, officer):
    plain = browser.new_context(java_script_enabled=False, storage_state=officer.storage_state())
    page = plain.new_page()
    for path, heading in PAGES.items():
        assert page.goto(origin(house.instance) + filled(house, path)).status == 200
        assert page.get_by_role("heading", level=1).inner_text() == filled(house, heading)
    plain.close()


def test_every_register_opens_and_is_for_everybody(house, officer):
    page = officer.new_page()
    for duty in (each for each in REGISTERS if each.path not in PAGES):
        assert page.goto(origin(house.instance) + duty.path).status == 200
        assert page.get_by_role("heading", level=1).inner_text() == duty.title
        assert violations(page) == [], duty.path
    page.close()


def hidden_in_pages(house, page, paths, **settings):
    """What stands in these pages as an element, handler or address that nobody of us wrote."""
    found = {}
    for path in paths:
        answer = page.request.get(origin(house.instance) + path, **settings)
        assert answer.status < 500, path
        wrong = Reader(answer.text()).wrong
        if wrong:
            found[path] = wrong
    return found


def addresses(house):
    return [*(filled(house, path) for path in PAGES), *(each.path for each in REGISTERS if each.path not in PAGES)]


def test_words_in_addresses_and_headers_stay_words(house, officer):
    """What comes back of a query, a path or a header is text, in pages and in refusals."""
    page = officer.new_page()
    asked = {
        "/ledger": [*FIELDS, "day", "before"], "/today": ["days"], "/vendors/forecast": ["on"], "/controls": ["family"],
        "/vendors/record": ["vendor"], "/step-up": ["next"], "/people": ["from"], "/account": ["done"],
    }  # fmt: skip
    paths = [f"{path}?{name}={quote(words)}" for path, names in asked.items() for name in names
             for words in (CORPUS[len(path + name) % len(CORPUS)], ALL)]  # fmt: skip
    parts = sorted({route.path for route in PAGE_ROUTES if route.method == "GET" and "{}" in route.path})
    paths += [path.replace("{}", quote(words, safe="")) for path in parts for words in ("<wkx>", ALL[:300])]
    assert hidden_in_pages(house, page, paths) == {}
    headers = dict.fromkeys(
        ("user-agent", "referer", "accept-language", "x-forwarded-for", "x-forwarded-host", "wardkeep-subject",
         "wardkeep-purpose", "from"), "".join(each for each in ALL if each.isascii())
    )  # fmt: skip
    assert hidden_in_pages(house, page, addresses(house), headers=headers) == {}
    page.close()


def test_words_in_every_field_of_every_form_stay_words(house, officer):
    """Last, as it fills and sends each form that any page shows: whatever is taken, every page is as before."""
    page = officer.new_page()
    forms = {}
    for path in addresses(house):
        for action, fields in Reader(page.request.get(origin(house.instance) + path).text()).forms:
            forms.setdefault((action, fields.get("deed", ("", ""))[1], fields.get("list", ("", ""))[1]), fields)
    assert len(forms) > 100
    own = {"origin": origin(house.instance), "sec-fetch-site": "same-origin"}
    refused = 0
    for number, (named, fields) in enumerate(sorted(forms.items())):
        if named[0] in NEVER:
            continue
        words = CORPUS[number % len(CORPUS)]
        form = sent_as(fields, words)
        answer = page.request.post(origin(house.instance) + named[0], form=form, headers=own, max_redirects=0)
        assert answer.status < 500, named
        refused += answer.status >= 400
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert Reader(answer.text()).wrong == [], named
    assert refused < len(forms)
    assert hidden_in_pages(house, page, addresses(house)) == {}
    page.close()
