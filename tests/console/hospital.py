"""A hospital in which something has happened, for pages: vendors, people, calls, refusals, an incident, hostile words.

Everything goes in as an operator would put it in: the control API and the data port of a real instance.
"""

import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.console.browser import served

from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import FIRST, SECOND, Instance
from wardkeep.demo.story import NOTE
from wardkeep.demo.vendor import SimulatorProcess

MODEL = "sim-echo"
# What nobody's browser may take for anything but text. Kept to what the grammar of free text lets in.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></textarea><svg onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "&lt;b&gt;&#x3c;script&#x3e;",
    "]]><!--<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "\\u003cscript\\u003ealert(1)",
    '=HYPERLINK("https://evil.example")',
)


@dataclass
class Hospital:
    instance: Instance
    vendor: SimulatorProcess
    key: str

    def api(self, method, path, body=None, *, officer=FIRST):
        return self.instance.api(officer, method, path, body)

    def call(self, content=NOTE, **more):
        """One call on the data port; returns (status, ledger index, body)."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        headers |= more.pop("headers", {})
        body = {"model": MODEL, "messages": [{"role": "user", "content": content}], **more}
        request = urllib.request.Request(
            f"{self.instance.data}/v1/chat/completions", data=json.dumps(body).encode(), headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, int(answer.headers["wardkeep-ledger-index"]), answer.read()
        except urllib.error.HTTPError as error:
            told = json.load(error)
            return error.code, told["error"].get("ledger_index"), json.dumps(told).encode()


def today_there():
    return datetime.now(UTC).astimezone(ZoneInfo("America/New_York")).date()


@contextmanager
def hospital():
    """Serve one, with a simulated vendor and an application key."""
    with SimulatorProcess() as vendor, served() as instance:
        where = Vendors(
            openai_url=vendor.openai_url,
            anthropic_url=vendor.url,
            openai_key=vendor.openai_key,
            anthropic_key=vendor.anthropic_key,
        )
        today = today_there()
        key = furnish(instance, where, [MODEL], expires_on=today + timedelta(days=23), today=today)
        house = Hospital(instance=instance, vendor=vendor, key=key)
        read_files(house)
        yield house


def read_files(house: Hospital):
    """Let the model's route read the files of requests."""
    route = next(each for each in house.api("GET", "routes")["routes"] if each["model"] == MODEL)
    house.api("POST", f"routes/{MODEL}/remove", {"reason": "to read files"})
    form = {name: route[name] for name in ("model", "deployment", "fallbacks")}
    house.api("POST", "routes", {**form, "reads_files": True, "reason": "to read files"})


def call_around(house: Hospital, times: int = 1):
    """Let applications call, for several purposes, and be refused now and then."""
    for purpose, often in (("TREAT", 5), ("HPAYMT", 2), ("HOPERAT", 3)):
        for _ in range(often * times):
            house.call(headers={"wardkeep-purpose": purpose, "wardkeep-subject": "pat-1"})
    house.call(stream=True)
    house.call(headers={"wardkeep-purpose": "HRESCH"})
    house.call(headers={"wardkeep-purpose": "HRESCH"})
    house.call(store=True)


def happen(house: Hospital, words=HOSTILE):
    """Let a morning happen: calls, refusals, a draft agreement, people, an incident, the programme.

    `words` are what people type: hostile ones for the tests, a hospital's own for its pictures.
    """
    today = today_there()
    call_around(house)
    house.call(words[0] + " and " + words[1])
    reason = " ".join(words)[:480]
    house.api("POST", "vendors", {"id": "castor", "party": words[1], "reason": reason})
    scope = {
        "platform": "direct", "projects": ["demo"], "endpoints": ["/v1/chat/completions"], "features": ["stream"],
        "models": ["m-1"], "regions": ["us-test-1"], "purposes": ["TREAT"], "retention": "zero",
        "training_prohibited": True,
    }  # fmt: skip
    house.api(
        "POST",
        "agreements",
        {
            "id": "baa-castor", "kind": "baa", "vendor": "castor", "party": words[1], "document_sha256": "0" * 64,
            "effective_on": today.isoformat(), "expires_on": None, "scopes": [scope], "reason": reason,
        },
    )  # fmt: skip
    house.api("POST", "people", {"id": "nia", "roles": ["nurse"], "reason": reason})
    house.api("POST", "people", {"id": "dr-amari", "roles": ["clinician"], "reason": "joined"}, officer=SECOND)
    house.api("POST", "workspaces/default/members", {"add": ["dr-amari"], "reason": "clinic"}, officer=SECOND)
    application = {"id": "assistant", "name": "Assistant", "owner": SECOND, "workspace": "default",
                   "roles": ["clinician", "nurse"], "reason": "chat for the clinic"}  # fmt: skip
    house.api("POST", "applications", application, officer=SECOND)
    key = {"name": "assistant", "owner": SECOND, "models": [MODEL], "purposes": ["TREAT"], "default_purpose": "TREAT",
           "application": "assistant", "reason": "chat for the clinic"}  # fmt: skip
    house.api("POST", "keys", key, officer=SECOND)
    house.api("POST", "people", {"id": "ana", "roles": ["auditor"], "reason": "outside auditor"})
    house.api(
        "POST",
        "incidents",
        {
            "id": "inc-1", "source": "report", "known_on": (today - timedelta(days=50)).isoformat(),
            "reason": "A laptop with the console open was left on a train. " + words[3],
        },
    )  # fmt: skip
    house.api("POST", "incidents/inc-1/note", {"reason": words[0]})
    house.api(
        "POST",
        "incidents/inc-1/judge",
        {"factor": "nature_and_extent", "level": "moderate", "reason": words[4]},
        officer=SECOND,
    )
    teach(house, words)


def teach(house: Hospital, words=HOSTILE):
    """Put a policy in force, assign a course, open a review, record a risk, an asset, a use and a request."""
    today = today_there()
    later = (today + timedelta(days=300)).isoformat()
    house.api("POST", "policies/ai-acceptable-use/propose", {"review_on": later, "reason": words[5]})
    told = house.api("GET", "policies/ai-acceptable-use")
    approval = {"sha256": told["proposed"]["sha256"], "reason": "read"}
    house.api("POST", "policies/ai-acceptable-use/approve", approval, officer=SECOND)
    roles = ["clinician", "nurse", "privacy_officer", "security_officer"]
    due = (today + timedelta(days=30)).isoformat()
    house.api("POST", "courses/hipaa-basics/assign", {"roles": roles, "due_on": due, "reason": words[6]})
    house.api("POST", "reviews", {"id": "autumn", "reason": words[7]})
    house.api("POST", "activity", {"id": "first-look", "sample": 10, "reason": words[7]})
    risk = {
        "id": "lost-device", "about": "organisation", "threat": "phishing", "likelihood": 3, "impact": 4,
        "residual_likelihood": 2, "residual_impact": 3, "treatment": "reduce", "owner": FIRST, "until": later,
        "reason": words[9],
    }  # fmt: skip
    house.api("POST", "risks", risk)
    clinic = {"id": "eye-clinic", "kind": "facility", "owner": SECOND, "holds_phi": False, "is_encrypted": False}
    house.api("POST", "assets", {**clinic, "reason": words[3]})
    house.api(
        "POST",
        "assets",
        {"id": "ward-laptops", "place": "eye-clinic", "kind": "device", "owner": SECOND, "holds_phi": True,
         "is_encrypted": True, "reason": words[0]},
    )  # fmt: skip
    house.api(
        "POST",
        "uses",
        {"id": "visit-summaries", "owner": FIRST, "routes": [MODEL], "purposes": ["TREAT"],
         "human_review": "every_answer", "is_patient_facing": False, "review_on": later, "reason": words[1]},
    )  # fmt: skip
    house.api(
        "POST",
        "rights",
        {"id": "request-1", "right": "access", "subject": "pat-1", "received_on": today.isoformat(),
         "reason": words[2]},
    )  # fmt: skip
