"""`wardkeep risk`, `asset`, `use` and `rights` against a served home."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.cli.command import Shell, make_home, serving


@pytest.fixture
def shell(capsys):
    return Shell(capsys)


def test_registers(shell, tmp_path):
    home = tmp_path / "home"
    make_home(shell, home)
    first, second = ("--home", home, "--as", "first"), ("--home", home, "--as", "second")
    why = ("--reason", "r")
    day = datetime.now(UTC).date()
    soon, past = (day + timedelta(days=50)).isoformat(), (day - timedelta(days=2)).isoformat()
    with serving(home):
        assert "phishing" in shell("risk", "suggest", *first).out
        assert "NOT IN THE ANALYSIS: organisation" in shell("risk", "list", *first).out
        judge = ("r-1", "--about", "organisation", "--threat", "phishing", "--treatment", "accept", "--owner", "first")
        scale = ("--before", "4x4", "--after", "2x4", "--until", soon)
        assert shell("risk", "put", *judge, *scale, *why, *first).status == 0
        assert shell("risk", "put", *judge, "--before", "4", "--after", "2x4", "--until", soon, *why, *first).status
        refused = shell("risk", "accept", "r-1", *why, *first, "--json")
        assert refused.json["error"]["code"] == "second_person_required"
        assert shell("risk", "accept", "r-1", *why, *second).status == 0
        assert shell("risk", "list", *first, "--json").json["outside"] == []

        assert (
            shell("asset", "add", "site", "--kind", "facility", "--owner", "first", "--no-phi", *why, *first).status
            == 0
        )
        disk = ("asset", "add", "disk", "--kind", "medium", "--owner", "first", "--place", "site", "--encrypted")
        assert shell(*disk, *why, *first).status == 0
        assert shell("asset", "attest", "site", "--until", soon, *why, *first).status == 0
        assert shell("asset", "event", "disk", "--what", "wiped", "--on", past, *why, *first).status == 0
        assert shell("asset", "dispose", "disk", *why, *first).status == 1
        assert shell("asset", "dispose", "disk", "--certificate", "ab" * 32, *why, *first).status == 0
        assert {each["id"] for each in shell("asset", "list", *first, "--json").json} == {"site", "disk"}
        assert "Nothing leaves" in shell("asset", "map", *first).out

        use = ("use", "propose", "u", "--owner", "first", "--route", "none", "--purpose", "TREAT")
        refused = shell(*use, "--human-review", "none", "--review", soon, *why, *first, "--json")
        assert refused.json["error"]["code"] == "not_found"
        assert shell("use", "list", *first, "--json").json == {"uses": [], "routes_outside": []}

        take = ("rights", "take", "q", "--right", "access", "--subject", "handle-1", "--received", past)
        assert shell(*take, *why, *second).status == 0
        shown = shell("rights", "list", *first, "--json").json[0]
        assert "handle-1" not in str(shown)
        assert shell("rights", "extend", "q", "--on", past, *why, *first).status == 0
        answer = ("rights", "answer", "q", "--on", past, *why, *first)
        refused = shell(*answer, "--outcome", "granted", "--json")
        assert refused.json["error"]["code"] == "right_record_set_open"
        assert shell("rights", "record-set", "q", "--is", "in_set", *why, *first).status == 0
        denied = shell(*answer, "--outcome", "denied", "--ground", "endangers_life", "--json")
        assert denied.status == 0, denied.out
        told = shell("rights", "letter", "q", "--contact", "Privacy office, 555-0100", *why, *first).out
        assert "164.524(a)(3)(i)" in told
        assert "licensed health care professional" in told
        refused = shell("rights", "review", "q", "--reviewer", "second", "--on", past, *why, *first, "--json")
        assert refused.json["error"]["code"] == "right_reviewer_involved"
        assert "denied" in shell("rights", "list", *first).out
        assert shell("rights", "to-review", *first, "--json").json == []
        assert "endangers_life" in shell("rights", "grounds", *first).out

        represent = ("rights", "represent", "rep", "--subject", "handle-1", "--capacity", "guardian", "--until", soon)
        assert shell(*represent, "--document", "ab" * 32, *why, *first).status == 0
        refused = shell("rights", "confirm-representative", "rep", *why, *first, "--json")
        assert refused.json["error"]["code"] == "second_person_required"
        assert shell("rights", "confirm-representative", "rep", *why, *second).status == 0
        assert shell("rights", "representatives", *first, "--json").json[0]["holds"]
        ask = ("rights", "take", "r", "--subject", "handle-1", "--received", past, "--through", "rep", *why, *second)
        assert shell(*ask, "--right", "restriction", "--paid-in-full").status == 0
        agree = ("rights", "answer", "r", "--on", past, *why, *first, "--json")
        refused = shell(*agree, "--outcome", "denied", "--ground", "not_agreed")
        assert refused.json["error"]["code"] == "right_restriction_owed"
        bars = ("--purpose", "HPAYMT", "--purpose", "HOPERAT", "--only-named")
        assert shell(*agree, "--outcome", "granted", *bars).status == 0
        (held,) = shell("rights", "restrictions", *first, "--json").json
        assert (held["purposes"], held["vendors"], held["is_owed"]) == (["HOPERAT", "HPAYMT"], None, True)
        end = ("rights", "end-restriction", "r", "--on", past, *why)
        assert shell(*end, "--end", "we_informed", *second, "--json").json["error"]["code"] == "right_restriction_owed"
        assert shell(*end, "--end", "individual_wrote", *first, "--json").json["error"]["code"] == (
            "second_person_required"
        )
        assert shell(*end, "--end", "individual_wrote", *second).status == 0
        assert shell("rights", "end-representative", "rep", *why, *first).status == 0

        minor = ("rights", "minor", "m", "--subject", "handle-1", "--basis", "minor_consented", "--until", soon)
        assert shell(*minor, "--citation", "State law", *why, *first).status == 0
        assert shell("rights", "minors", *first, "--json").json[0]["holds"]
        assert shell("rights", "end-minor", "m", *why, *second).status == 0
        where = ("rights", "take", "w", "--right", "confidential_communication", "--subject", "handle-1")
        assert shell(*where, "--received", past, *why, *second).status == 0
        assert shell("rights", "answer", "w", "--outcome", "granted", "--on", past, *why, *first).status == 0
        assert shell("rights", "channels", *first, "--json").json[0]["holds"]
        assert shell("rights", "end-channel", "w", *why, *first).status == 0

        signed = ("--from", "default", "--signed", past, "--document", "ab" * 32)
        consent = ("part2", "consent", "c", "--subject", "handle-1", "--kind", "treatment_payment_operations", *signed)
        assert shell(*consent, "--purpose", "TREAT", *why, *first).status == 0
        refused = shell("part2", "confirm", "c", *why, *first, "--json")
        assert refused.json["error"]["code"] == "second_person_required"
        assert shell("part2", "confirm", "c", *why, *second).status == 0
        assert shell("part2", "consents", *first, "--json").json[0]["holds"]
        assert shell("part2", "revoke", "c", "--on", past, *why, *first).status == 0
        assert shell("part2", "tag", "workspace.default", *why, *first).status == 0
        assert shell("part2", "clear", "workspace.default", "--until", soon, *why, *first).status == 0
        (place,) = shell("part2", "sources", *first, "--json").json
        assert (place["calls_count_as_part2"], place["waits_for_another"]) == (True, True)
        assert shell("part2", "approve", "workspace.default", *why, *second).status == 0
        assert not shell("part2", "sources", *first, "--json").json[0]["calls_count_as_part2"]
        assert shell("vendor", "evidence", *first, "--json").json == {"evidence": [], "unverified": []}
        refused = shell("vendor", "close-out", "none", "--phi", "destroyed", "--on", past, *why, *first, "--json")
        assert refused.json["error"]["code"] == "not_found"
        assert shell("vendor", "coverage", *first, "--json").json["agreements"] == []
        assert shell("vendor", "close-outs", *first, "--json").json == []
        words = tmp_path / "told.toml"
        words.write_text('recipient = "A court"\naddress = "1 Court Square"\nwhat = "notes"\npurpose = "subpoena"\n')
        told = ("--subject", "handle-1", "--on", past, "--kind", "judicial", "--file", words, *why, *first, "--json")
        refused = shell("disclosure", "add", "d", *told)
        assert refused.json["error"]["code"] == "part2_legal_use"
        order = ("part2", "order", "o", "--subject", "handle-1", "--document", "ab" * 32, "--until", soon)
        assert shell(*order, "--issued", past, *why, *first).status == 0
        assert shell("part2", "confirm-order", "o", *why, *second).status == 0
        assert shell("disclosure", "add", "d", "--basis", "o", *told).status == 0
        (shown,) = shell("disclosure", "list", *first, "--json").json["disclosures"]
        assert "42 CFR part 2" in shown["notice"]
        assert shell("part2", "end-order", "o", *why, *first).status == 0
        assert not shell("part2", "orders", *first, "--json").json[0]["holds"]
