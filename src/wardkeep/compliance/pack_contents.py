"""What an evidence pack is made of: facts, tables, OSCAL, PDF, ledger excerpt, proofs, and what checks them offline.

Pure but for the files of the package and the PDF compiler: facts come in, bytes go out. Whoever asks for a pack writes
the files or gives them as one archive, and has the manifest bound by a ledger entry.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from wardkeep.compliance.oscal import action_plan, assessment_results, catalog
from wardkeep.compliance.pack_pdf import pdf, printed

_README: Final = """Evidence pack of {organisation}, {first} through {last}

report.pdf              for people (PDF/A-2a)
facts.json              all of it as data; status.json the controls, each with its query, standing and samples
csv/                    the same as tables
oscal/                  catalogue, assessment results, plan of action and milestones (OSCAL 1.1.3)
ledger-excerpt.jsonl    the newest headers of the period, byte for byte as they are hashed; no content
proofs/N.proof          that entry N is in the tree of the signed head (C2SP tlog-proof)
manifest.json           hash and size of every file; manifest.proof: the ledger entry that names its hash, proved
ledger.pub              the ledger's published key: compare it with one that you got on another way
verify_pack.py          checks all of this offline:  python verify_pack.py . --public-key FILE

Needs Python 3.11 and the package `cryptography`; no server, no network, nothing of the program that made it.
What a pack cannot show stands in section 1 of the report and in facts.json under `cannot`.
"""


def pack_manifest(facts: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """Return the manifest: hash and size of every file."""
    about = facts["about"]
    return _json(
        {
            "v": 1,
            "organisation": about["organisation"],
            "from": about["from"],
            "to": about["to"],
            "made_at": about["made_at"],
            "ledger": about["ledger"],
            "files": {
                name: {"sha256": sha256(body).hexdigest(), "bytes": len(body)}
                for name, body in sorted(contents.items())
            },
        }
    )


def pack_contents(facts: Mapping[str, Any], *, is_printed: bool) -> dict[str, bytes]:
    """Return the files by name. Raises NotAllowed: the PDF compiler is not installed."""
    about = facts["about"]
    told = {name: value for name, value in printed(facts).items() if name not in {"proofs", "public_key"}}
    words = _README.format(organisation=about["organisation"], first=about["from"], last=about["to"])
    audit = files("wardkeep.audit")
    found = {
        "README.txt": words.encode(),
        "facts.json": _json(told),
        "status.json": _json(facts["controls"]),
        "oscal/catalog.json": _json(catalog(facts)),
        "oscal/assessment-results.json": _json(assessment_results(facts)),
        "oscal/poam.json": _json(action_plan(facts)),
        "ledger-excerpt.jsonl": "".join(f"{line}\n" for line in facts["excerpt"]).encode(),
        "ledger.pub": facts["public_key"].encode() + (b"" if facts["public_key"].endswith("\n") else b"\n"),
        "verify.py": audit.joinpath("verify.py").read_bytes(),
        "verify_pack.py": audit.joinpath("verify_pack.py").read_bytes(),
        **{f"proofs/{index}.proof": proof.encode() for index, proof in facts["proofs"].items()},
        **{f"csv/{name}.csv": _csv(columns, rows) for name, (columns, rows) in _tables(facts).items()},
    }
    if is_printed:
        found["report.pdf"] = pdf(told)
    return found


def _tables(facts: Mapping[str, Any]) -> dict[str, tuple[tuple[str, ...], list[Mapping[str, Any]]]]:
    agreements = [{"vendor": vendor["id"], **each} for vendor in facts["vendors"] for each in vendor["agreements"]]
    controls = [{**each, "samples": [one["entry"] for one in each["samples"]]} for each in facts["controls"]]
    clocks = [{"incident": each["id"], **clock} for each in facts["incidents"] for clock in each["clocks"]]
    return {
        "controls": (
            ("id", "citation", "title", "designation", "standing", "strength", "because", "query", "wrong", "samples"),
            controls,
        ),
        "agreements": (
            ("vendor", "id", "status", "effective_on", "expires_on", "added_by", "activated_by", "retention",
             "training_prohibited", "regions", "models", "document_sha256", "calls"),
            agreements,
        ),
        "clauses": (
            ("agreement", "id", "citation", "standing", "place", "read_by", "checked_by"),
            [
                {"agreement": each["id"], "checked_by": each["clauses"]["checked_by"], **clause}
                for each in agreements
                if each["clauses"] is not None
                for clause in each["clauses"]["clauses"]
            ],
        ),
        "calls": (("day", "calls"), [{"day": d, "calls": n} for d, n in facts["activity"]["days"].items()]),
        "refusals": (
            ("reason", "count"), [{"reason": r, "count": n} for r, n in facts["activity"]["refusals"].items()],
        ),
        "policies": (
            ("id", "title", "number", "sha256", "approved_by", "review_on", "bound", "unsigned"),
            facts["policies"]["rows"],
        ),
        "promises": (("policy", "setting", "promised", "effective", "standing"), facts["policies"]["promises"]),
        "training": (
            ("person", "course", "standing", "passed_on", "score_percent", "failed", "due_on", "grace_ends"),
            facts["training"],
        ),
        "incident-clocks": (("incident", "name", "about", "due", "is_given", "days_left", "citation"), clocks),
        "risks": (
            ("id", "about", "threat", "before", "after", "treatment", "owner", "accepted_by", "until", "holds"),
            facts["risks"]["rows"],
        ),
        "assets": (
            ("id", "kind", "place", "owner", "holds_phi", "is_encrypted", "attested_by", "attested_until",
             "disposed_on", "certificate_sha256"),
            facts["assets"],
        ),
        "decisions": (
            ("id", "citation", "title", "decision", "decided_by", "approved_by", "until", "holds"), facts["decisions"],
        ),
    }  # fmt: skip


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return sink.getvalue().encode()


def _cell(value: object) -> str:
    """Return a cell; one that a spreadsheet would take for a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(_cell(each) for each in value)
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} and not text.lstrip("-").isdigit() else text


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"
