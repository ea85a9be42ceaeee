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
        yield Hospital(instance=instance, vendor=vendor, key=key)


def happen(house: Hospital):
    """Let a morning happen: calls for several purposes, refusals, a draft agreement, an incident, hostile words."""
    today = today_there()
    for purpose, times in (("TREAT", 5), ("HPAYMT", 2), ("HOPERAT", 3)):
        for _ in range(times):
            house.call(headers={"wardkeep-purpose": purpose, "wardkeep-subject": "pat-1"})
    house.call(stream=True)
    house.call(headers={"wardkeep-purpose": "HRESCH"})
    house.call(headers={"wardkeep-purpose": "HRESCH"})
    house.call(store=True)
    house.call(HOSTILE[0] + " and " + HOSTILE[1])
    reason = " ".join(HOSTILE)[:480]
    house.api("POST", "vendors", {"id": "castor", "party": HOSTILE[1], "reason": reason})
    scope = {
        "platform": "direct", "projects": ["demo"], "endpoints": ["/v1/chat/completions"], "features": ["stream"],
        "models": ["m-1"], "regions": ["us-test-1"], "purposes": ["TREAT"], "retention": "zero",
        "training_prohibited": True,
    }  # fmt: skip
    house.api(
        "POST",
        "agreements",
        {
            "id": "baa-castor", "kind": "baa", "vendor": "castor", "party": HOSTILE[2], "document_sha256": "0" * 64,
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
            "reason": "A laptop with the console open was left on a train. " + HOSTILE[3],
        },
    )  # fmt: skip
    house.api("POST", "incidents/inc-1/note", {"reason": HOSTILE[0]})
    house.api(
        "POST",
        "incidents/inc-1/judge",
        {"factor": "nature_and_extent", "level": "moderate", "reason": HOSTILE[4]},
        officer=SECOND,
    )
