"""`make screenshots`: pictures of the main pages, into docs/console, from a hospital in which ten days passed.

Real processes and a real browser. The days are those of `wardkeep.demo.later`, whose clock is an argument.
"""

import re
import sys
from pathlib import Path

from tests.console.browser import chromium, enrol, origin
from tests.console.hospital import call_around, happen, hospital
from tests.unit.privacy import made_files

from wardkeep.demo.instance import SECOND

DAYS = 9
WORDS = (
    "The patient asked twice whether the interval may be shortened.",
    "Castor Language Services, LLC",
    "Pilot for the summaries of the eye clinic.",
    "The finder called the ward within the hour.",
    "Names and diagnoses of the day's list were visible.",
    "Brought up to the rules of this hospital.",
    "Everybody who sees patients' information takes it.",
    "Before the year ends.",
    "lost_device",
    "Devices leave the building, and some are lost each year.",
)
NOTE = (
    "Patient Rosalind Okafor (MRN 40718265), 62 y/o, called from 415-201-7788 about her visit on 03/14/2026. "
    "Parkinson disease; carbidopa-levodopa 25-100 mg TID continued. Ms. Okafor reports fewer falls. "
    "Summarise this for the care team in two sentences."
)
LETTER = """Discharge letter
Patient: Rosalind Okafor, MRN 40718265, born 02/11/1964
Admitted 03/14/2026, discharged 03/17/2026; telephone 415-201-7788.
Parkinson disease; carbidopa-levodopa 25-100 mg TID continued.
Next: swallowing test, eye clinic in April, blood count in two weeks."""
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
PAGES = {
    "today": "/today",
    "ledger": "/ledger?type=request",
    "vendors": "/vendors",
    "what-breaks": "/vendors/forecast?on={after}",
    "routes": "/routes",
    "people": "/people",
    "keys": "/keys",
    "incident": "/incidents/inc-1",
    "controls": "/controls?family=technical",
    "approvals": "/approvals",
    "training": "/training/hipaa-basics",
    "risks": "/risks",
    "clauses": "/vendors/agreements/baa-northwind",
    "activity-review": "/activity/first-look",
    "access-review": "/reviews/autumn",
    "registers": "/registers",
    "set-up": "/setup",
}


def main(out: Path) -> None:
    """Write the pictures."""
    out.mkdir(parents=True, exist_ok=True)
    with hospital() as house, chromium() as browser:
        happen(house, WORDS)
        for day in range(1, DAYS + 1):
            house.instance.stop()
            house.instance.command = (sys.executable, "-m", "wardkeep.demo.later", str(day))
            house.instance.start()
            call_around(house, 1 + (day * 5) % 4)
        officer(house, browser, out)
        clinician(house, browser, out)


def officer(house, browser, out: Path) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    enrol(page, house.instance, SECOND, days_ahead=DAYS)
    base = origin(house.instance)
    for name, path in PAGES.items():
        page.goto(base + path.replace("{after}", "2031-01-01"))
        page.screenshot(path=out / f"{name}.png", full_page=name in {"today", "incident"})
    page.goto(base + "/ledger?type=request")
    page.locator("tbody tr").first.get_by_role("link").click()
    index = page.url.rpartition("/")[2]
    page.goto(f"{base}/ledger/{index}?check=1")
    page.screenshot(path=out / "entry.png", full_page=True)
    page.get_by_label("Reason").fill("A patient asked what was sent about her.")
    page.get_by_role("button", name="Open", exact=True).click()
    page.screenshot(path=out / "opened.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.goto(base + "/today")
    page.screenshot(path=out / "today-dark.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    page.screenshot(path=out / "today-phone.png")
    context.close()


def clinician(house, browser, out: Path) -> None:
    made = house.api("POST", "people/dr-amari/credential", {"reason": "first one lost"}, officer=SECOND)
    (house.instance.home / "credentials" / "dr-amari").write_text(made["credential"])
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    enrol(page, house.instance, "dr-amari", days_ahead=DAYS)
    page.goto(origin(house.instance) + "/assistant")
    page.locator("#subject").fill("pat-77")
    page.get_by_label("Your question or note").fill("Which of these is overdue?")
    letter = {"name": "discharge letter.pdf", "mimeType": "application/pdf", "buffer": made_files.pdf(LETTER)}
    page.get_by_label("File").set_input_files(letter)
    page.get_by_role("button", name="See what the model will see").click()
    page.screenshot(path=out / "a-file.png", full_page=True)
    page.goto(origin(house.instance) + "/assistant")
    page.locator("#subject").fill("pat-77")
    page.get_by_label("Your question or note").fill(NOTE)
    page.get_by_role("button", name="See what the model will see").click()
    page.screenshot(path=out / "what-the-model-sees.png", full_page=True)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/assistant/[0-9a-f]+"))
    page.screenshot(path=out / "assistant.png", full_page=True)
    page.set_viewport_size(PHONE)
    page.screenshot(path=out / "assistant-phone.png")
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
