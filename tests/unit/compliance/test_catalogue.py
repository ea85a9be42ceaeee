"""The catalogue holds what the rules hold: counted by hand from the rules, not from the file."""

import re
from collections import Counter
from importlib.resources import files

import pytest

from wardkeep.compliance.catalogue import (
    Designation,
    Node,
    Profile,
    Source,
    designation_under,
    load_catalogue,
    read_catalogue,
    show,
)
from wardkeep.compliance.errors import RecordUnreadable

CATALOGUE = load_catalogue()
SECTION = re.compile(r"45 CFR (164\.\d{3})")
# 45 CFR 164.308, .310, .312, .314, .316: standards, required and addressable specifications in each section.
COUNTED = {
    "164.308": (9, 10, 11),
    "164.310": (4, 2, 6),
    "164.312": (5, 2, 5),
    "164.314": (2, 7, 0),
    "164.316": (2, 3, 0),
}
ADDRESSABLE = {
    "164.308(a)(3)(ii)(A)", "164.308(a)(3)(ii)(B)", "164.308(a)(3)(ii)(C)",
    "164.308(a)(4)(ii)(B)", "164.308(a)(4)(ii)(C)",
    "164.308(a)(5)(ii)(A)", "164.308(a)(5)(ii)(B)", "164.308(a)(5)(ii)(C)", "164.308(a)(5)(ii)(D)",
    "164.308(a)(7)(ii)(D)", "164.308(a)(7)(ii)(E)",
    "164.310(a)(2)(i)", "164.310(a)(2)(ii)", "164.310(a)(2)(iii)", "164.310(a)(2)(iv)",
    "164.310(d)(2)(iii)", "164.310(d)(2)(iv)",
    "164.312(a)(2)(iii)", "164.312(a)(2)(iv)", "164.312(c)(2)", "164.312(e)(2)(i)", "164.312(e)(2)(ii)",
}  # fmt: skip


def section(control):
    found = SECTION.match(control.citation)
    return found[1] if found else ""


def of(*sections):
    return [each for each in CATALOGUE.controls.values() if section(each) in sections]


@pytest.mark.parametrize("name", COUNTED)
def test_each_section_has_its_standards_and_specifications(name):
    found = Counter(
        (each.node, each.designation) for each in of(name) if each.node in {Node.STANDARD, Node.SPECIFICATION}
    )
    counts = (
        found[Node.STANDARD, Designation.REQUIRED],
        found[Node.SPECIFICATION, Designation.REQUIRED],
        found[Node.SPECIFICATION, Designation.ADDRESSABLE],
    )
    assert counts == COUNTED[name]


def test_the_security_rule_counts_as_a_whole():
    safeguards = Counter(each.node for each in of("164.308", "164.310", "164.312"))
    assert (safeguards[Node.STANDARD], safeguards[Node.SPECIFICATION]) == (18, 36)
    specifications = [each for each in of(*COUNTED) if each.node is Node.SPECIFICATION]
    assert len(specifications) == 46
    marks = Counter(each.designation for each in specifications)
    assert (marks[Designation.REQUIRED], marks[Designation.ADDRESSABLE]) == (24, 22)
    assert len(CATALOGUE.controls) == 125


def test_exactly_these_are_addressable():
    found = {each.citation for each in CATALOGUE.controls.values() if each.designation is Designation.ADDRESSABLE}
    assert found == {f"45 CFR {each}" for each in ADDRESSABLE}


def test_ids_follow_their_citations_and_citations_stand_once():
    assert len({each.citation for each in CATALOGUE.controls.values()}) == len(CATALOGUE.controls)
    for each in CATALOGUE.controls.values():
        prefix, number = each.id.split("-")[:2]
        assert re.fullmatch(r"(HSR|HPR|HBN)-\d{3}(-[A-Za-z0-9]+)*|P2-[a-z]+|RSP-116-321", each.id)
        if prefix in {"HSR", "HPR", "HBN"}:
            assert each.citation.startswith(f"45 CFR 164.{number}")
            assert {"HSR": "3", "HPR": "5", "HBN": "4"}[prefix] == number[0]
        elif prefix == "P2":
            assert each.citation.startswith("42 CFR 2.")


def test_every_section_of_the_breach_rule_is_there():
    assert {section(each) for each in CATALOGUE.controls.values() if each.id.startswith("HBN")} == {
        f"164.4{number}" for number in ("02", "04", "06", "08", "10", "12", "14")
    }


@pytest.mark.parametrize("profile", Profile)
def test_what_nobody_read_says_so(profile):
    told = show(CATALOGUE, profile)
    unread = {each.id for each in CATALOGUE.controls.values() if each.source is Source.MEMORY}
    assert unread
    assert {row["id"] for row in told["controls"] if row["is_unconfirmed"]} == unread
    assert all(row["is_unconfirmed"] for row in told["overlays"])
    assert told["unconfirmed"] == len(unread) + len(told["overlays"])


def test_the_proposal_is_never_shown_as_law():
    now, strict = show(CATALOGUE, Profile.CURRENT), show(CATALOGUE, Profile.NPRM_STRICT)
    assert not any(row["proposed"] for row in now["controls"])
    assert Counter(row["designation"] for row in now["controls"])["addressable"] == 22
    assert {row["designation"] for row in strict["controls"]} == {"required"}
    assert "not law" in strict["note"]
    assert sum(len(row["proposed"]) for row in strict["controls"]) == sum(
        len(each.strengthens) for each in CATALOGUE.proposals
    )
    assert all(designation_under(each, Profile.CURRENT) is each.designation for each in CATALOGUE.controls.values())


@pytest.mark.parametrize(
    "break_it",
    [
        lambda text: text.replace('id = "HSR-308-a2"', 'id = "HSR-308-a3"'),
        lambda text: text.replace('strengthens = ["HSR-312-d"]', 'strengthens = ["HSR-999"]'),
        lambda text: text.replace('memory = "', 'nobody = "'),
        lambda text: text.replace('node = "standard"', 'node = "rule"', 1),
        lambda text: text[:200],
        lambda text: text + "[",
    ],
)
def test_a_damaged_catalogue_is_not_read(break_it):
    text = (files("wardkeep.compliance.catalogue") / "controls.toml").read_text("utf-8")
    assert read_catalogue(text) == CATALOGUE
    broken = break_it(text)
    assert broken != text
    with pytest.raises(RecordUnreadable):
        read_catalogue(broken)
