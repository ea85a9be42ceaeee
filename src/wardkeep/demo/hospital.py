"""A seeded hospital: people, vendors, routes, calls, an incident and the whole programme, by the control API alone.

For auditors and developers who want to see a filled instance, and for the evidence pack's own measure. All names are
made up. Some things are left undone on purpose, so that a report has something to find.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from wardkeep.compliance.addressable import addressable_ids
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.courses import load_courses
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.demo.furnish import Vendors, furnish
from wardkeep.demo.instance import FIRST, SECOND, Instance
from wardkeep.demo.vendor import SimulatorProcess
from wardkeep.settings import clock

MODELS: Final = ("sim-echo", "sim-long")
AUDITOR: Final = "auditor"
ZONE: Final = "America/New_York"
# Who works here; the last one leaves.
PEOPLE: Final = {
    AUDITOR: "auditor",
    "amara": "clinician",
    "bela": "clinician",
    "chidi": "nurse",
    "dolores": "nurse",
    "emre": "billing",
    "fumiko": "developer",
    "goran": "nurse",
}
LEAVER: Final = "goran"
# Has not signed what is asked, and not taken one course: a report has to find it.
LATE: Final = "dolores"
CALLS: Final = 60
_WHY: Final = {"reason": "seeded"}
_HASH: Final = sha256(b"a document of the seeded hospital").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """The home, and what it holds."""

    home: Path
    day: date
    calls: int
    refusals: int


def seed(directory: Path, say: Callable[[str], None], pack: Path | None) -> Seeded:
    """Make a hospital below `directory`, and its evidence pack into `pack`; the server is stopped afterwards.

    Raises:
        InstanceError: a step was refused.
    """
    instance = Instance(home=directory / "home", deadline_seconds=240.0)
    with SimulatorProcess() as vendor:
        instance.init(zone=ZONE)
        with instance:
            day = clock().wall.astimezone(ZoneInfo(ZONE)).date()
            hospital = _Hospital(instance=instance, day=day)
            where = Vendors(
                openai_url=vendor.openai_url,
                anthropic_url=vendor.url,
                openai_key=vendor.openai_key,
                anthropic_key=vendor.anthropic_key,
            )
            key = furnish(instance, where, MODELS, expires_on=day + timedelta(days=300), today=day)
            for name, step in (
                ("people, a workspace that demands a subject, a vendor that is suspended", hospital.people),
                ("the clauses of an agreement, read and checked", hospital.clauses),
                ("14 policies by two people, signed", hospital.policies),
                ("courses, certificates, duties", hospital.training),
                ("22 decisions by two people", hospital.decisions),
                ("risks, assets, uses", hospital.registers),
                ("requests, a sanction, joiners and leavers", hospital.rest),
            ):
                step()
                say(f"  {name}")
            calls, refusals = hospital.calls(key)
            say(f"  {calls} calls answered, {refusals} refused")
            hospital.incident()
            say("  an incident, counted, judged, signed by two")
            if pack is not None:
                _pack(instance, day, pack)
                say(f"  evidence pack in {pack}")
    return Seeded(home=instance.home, day=day, calls=calls, refusals=refusals)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hospital:
    """The steps, each by the people whom it takes."""

    instance: Instance
    day: date

    def post(self, who: str, path: str, **body: object) -> Any:
        return self.instance.api(who, "POST", path, {**_WHY, **body})

    def later(self, days: int) -> str:
        return (self.day + timedelta(days=days)).isoformat()

    def people(self) -> None:
        for name, role in PEOPLE.items():
            made = self.post(SECOND, "people", id=name, roles=[role])
            file = self.instance.home / "credentials" / name
            file.touch(mode=0o600)
            file.write_text(made["credential"])
        members = [FIRST, SECOND, *(each for each in PEOPLE if each != LEAVER)]
        terms = {"purposes": ["TREAT", "HPAYMT", "HOPERAT"], "models": None, "data_classes": ["ordinary"]}
        self.post(
            FIRST, "workspaces/default/set", id="default", name="General", owner=FIRST, members=members, assumed=[],
            requires=["subject"], second_factor_seconds=0, **terms,
        )  # fmt: skip
        self.post(FIRST, "vendors", id="lapsed", party="Lapsed Analytics, Inc.")
        self.post(FIRST, "vendors/lapsed/suspend")

    def clauses(self) -> None:
        """One agreement is read and checked; the other is left for a report to find."""
        told = self.instance.api(FIRST, "GET", "agreements/baa-northwind/clauses")["clauses"]
        noted = {each["id"]: {"standing": "present", "place": f"4.{n}"} for n, each in enumerate(told, 1)}
        self.post(FIRST, "agreements/baa-northwind/clauses", clauses=noted)
        self.post(SECOND, "agreements/baa-northwind/clauses/check")

    def policies(self) -> None:
        for name in sorted(load_texts()):
            self.post(FIRST, f"policies/{name}/propose", review_on=self.later(360))
            told = self.instance.api(SECOND, "GET", f"policies/{name}")
            self.post(SECOND, f"policies/{name}/approve", sha256=told["proposed"]["sha256"])
        for who in (FIRST, SECOND, *PEOPLE):
            for each in self.instance.api(who, "GET", "policies")["policies"]:
                if each["binds_me"] and who not in {LATE, LEAVER}:
                    self.instance.api(who, "POST", f"policies/{each['id']}/sign", {"sha256": each["sha256"]})

    def training(self) -> None:
        roles = ["privacy_officer", "security_officer", "administrator", *sorted(set(PEOPLE.values()))]
        for name, course in load_courses().items():
            self.post(FIRST, f"courses/{name}/assign", roles=roles, due_on=self.day.isoformat())
            right = {"version": course.version, "answers": [each.right for each in course.questions]}
            for who in (FIRST, SECOND, *PEOPLE):
                if who != LEAVER and (who, name) != (LATE, "ai-with-phi"):
                    self.instance.api(who, "POST", f"courses/{name}/answer", right)
        self.post(FIRST, "duties/require", training=True, acknowledgement=True, grace_days=14)

    def decisions(self) -> None:
        for name in addressable_ids(load_catalogue()):
            self.post(FIRST, f"evidence/decisions/{name}/decide", decision="implemented", until=self.later(360))
            self.post(SECOND, f"evidence/decisions/{name}/approve", decision="implemented")

    def registers(self) -> None:
        add = {"owner": SECOND, "is_encrypted": True, "holds_phi": True}
        self.post(SECOND, "assets", **{**add, "id": "main-building", "kind": "facility", "holds_phi": False})
        for name, kind in (("gateway-host", "system"), ("ward-laptop", "device"), ("old-tape", "medium")):
            self.post(SECOND, "assets", id=name, kind=kind, place="main-building", **add)
        for name in ("main-building", "gateway-host", "ward-laptop"):
            self.post(SECOND, f"assets/{name}/attest", until=self.later(180))
        day = self.day.isoformat()
        self.post(SECOND, "assets/main-building/event", what="visitors", on=day)
        self.post(SECOND, "assets/main-building/event", what="maintenance", on=day)
        self.post(SECOND, "assets/old-tape/event", what="wiped", on=day)
        self.post(SECOND, "assets/old-tape/dispose", certificate_sha256=_HASH)
        use = {
            "id": "discharge-drafts", "owner": "amara", "routes": ["sim-echo"], "purposes": ["TREAT"],
            "human_review": "every_answer", "is_patient_facing": False, "review_on": self.later(180),
            "model_card_sha256": _HASH,
        }  # fmt: skip
        self.post(FIRST, "uses", **use)
        self.post(SECOND, "uses/discharge-drafts/approve")
        for number, each in enumerate(self.instance.api(FIRST, "GET", "risks/suggestions")["suggestions"], 1):
            is_accepted = each["threat"] == "outage"
            likelihood, impact = each["likelihood"], each["impact"]
            self.post(
                FIRST, "risks", id=f"r-{number:02}", about=each["about"], threat=each["threat"], likelihood=likelihood,
                impact=impact, residual_likelihood=likelihood if is_accepted else max(1, likelihood - 1),
                residual_impact=impact, treatment="accept" if is_accepted else "reduce", owner=SECOND,
                until=self.later(300),
            )  # fmt: skip
            if is_accepted:
                self.post(SECOND, f"risks/r-{number:02}/accept")

    def rest(self) -> None:
        day = self.day.isoformat()
        self.post("chidi", "rights", id="access-1", right="access", subject="patient-007", received_on=day)
        self.post(FIRST, "rights/access-1/record-set", record_set="in_set")
        self.post(FIRST, "rights/access-1/answer", outcome="granted", on=day)
        early = (self.day - timedelta(days=20)).isoformat()
        self.post("emre", "rights", id="accounting-1", right="accounting", subject="patient-011", received_on=early)
        self.post(FIRST, "sanctions", id="s-1", person="emre", policy="ai-acceptable-use", level="unintended")
        self.post(SECOND, "sanctions/s-1/confirm", level="unintended")
        self.post(SECOND, "checklists", kind="joiner", person="bela", due_on=self.later(10))
        for item in ("identity", "clearance", "handover", "device"):
            self.post(SECOND, "checklists/joiner.bela/attest", item=item)
        self.post(SECOND, "checklists/joiner.bela/close")
        self.post(SECOND, f"people/{LEAVER}/disable")
        self.post(SECOND, "checklists", kind="leaver", person=LEAVER, due_on=self.later(1))
        self.post(SECOND, f"checklists/leaver.{LEAVER}/attest", item="badges")

    def calls(self, key: str) -> tuple[int, int]:
        answered = refused = 0
        for number in range(CALLS):
            body = {
                "model": MODELS[number % len(MODELS)] if number % 10 else "sim-unknown",
                "messages": [{"role": "user", "content": f"Summarise the course of day {number} in two lines."}],
            }
            purpose = ("TREAT", "TREAT", "HPAYMT", "HOPERAT")[number % 4]
            headers = {"Wardkeep-Purpose": purpose, "Wardkeep-Subject": f"patient-{number % 17:03}"}
            if number % 13 == 5:
                headers["Wardkeep-Subject"] = "unknown"
            if number % 20 == 7:
                del headers["Wardkeep-Subject"]
            status = _call(self.instance.data, key, body, headers)
            answered, refused = answered + (status == 200), refused + (status != 200)
        return answered, refused

    def incident(self) -> None:
        day = self.day.isoformat()
        size = self.instance.api(FIRST, "GET", "ledger/head")["size"]
        self.post("chidi", "incidents", id="wrong-recipient", source="report", known_on=day)
        reach = {"start": 0, "stop": size, "vendor": "northwind", "purpose": "HPAYMT"}
        self.post(FIRST, "incidents/wrong-recipient/count", individuals=20, residents={"NY": 20}, reach=reach)
        for factor in ("nature_and_extent", "who_received", "acquired_or_viewed", "mitigation"):
            level = "moderate" if factor == "acquired_or_viewed" else "low"
            self.post(FIRST, "incidents/wrong-recipient/judge", factor=factor, level=level)
        self.post(FIRST, "incidents/wrong-recipient/sign", conclusion="breach")
        self.post(SECOND, "incidents/wrong-recipient/countersign", conclusion="breach")
        self.post(FIRST, "incidents/wrong-recipient/notice", name="individuals", on=day)


def _call(url: str, key: str, body: object, headers: dict[str, str]) -> int:
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _pack(instance: Instance, day: date, pack: Path) -> None:
    """Make the pack as the auditor does: by the command, with the auditor's own credential."""
    period = ("--from", (day - timedelta(days=30)).isoformat(), "--to", day.isoformat())
    given = ("--home", str(instance.home), "--as", AUDITOR, "--reason", "for the yearly audit", "--out", str(pack))
    subprocess.run(
        [sys.executable, "-m", "wardkeep", "evidence", "pack", *period, *given],
        check=True,
        capture_output=True,
        timeout=300,
    )
