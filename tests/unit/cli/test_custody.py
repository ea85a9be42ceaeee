"""Holds, retention and a shred by two people, over the real admin socket."""

import asyncio
from datetime import date

import pytest
from tests.unit.cli.command import Shell, make_home, serving

from wardkeep.app.home import open_home
from wardkeep.crypto.subject import draw_key, subject_tag
from wardkeep.model.retention import period_of
from wardkeep.settings import clock, load


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("custody") / "home"


async def with_subjects(home):
    """Two subjects: one whose newest record is old, and one of this month."""
    opened = await open_home(load(home), clock)
    try:
        for name, day in (("mrn-old", date(2015, 3, 1)), ("mrn-new", clock().wall.date())):
            tag = subject_tag(opened.keys.blind_index_key, name)
            await opened.subjects.keep([draw_key("e1", tag, period=period_of(day), is_resolved=True)])
    finally:
        await opened.close()


def test_what_must_be_kept_is_kept_and_what_two_decide_is_destroyed(capsys, home):
    shell = Shell(capsys)
    make_home(shell, home)
    asyncio.run(with_subjects(home))

    def as_(person, *arguments):
        return shell(*arguments, "--home", home, "--as", person)

    def code(outcome):
        assert outcome.status == 1
        return outcome.json["error"]["code"]

    with serving(home):
        why = ("--reason", "because", "--json")
        stated = ("--of-age", *why)
        propose = ("shred", "propose")
        assert code(as_("first", *propose, "s-0", "--subject", "mrn-new", *stated)) == "shred_inside_retention"
        assert code(as_("first", *propose, "s-0", "--subject", "nobody", *stated)) == "not_found"
        assert code(as_("first", *propose, "s-0", "--subject", "mrn-old", *why)) == "value_invalid"
        assert as_("first", "hold", "place", "h-1", "--cause", "litigation", "--subject", "mrn-old", *why).status == 0
        assert code(as_("first", *propose, "s-0", "--subject", "mrn-old", *stated)) == "shred_under_hold"
        assert code(as_("first", "hold", "release", "h-1", *why)) == "second_person_required"
        assert as_("second", "hold", "release", "h-1", *why).status == 0
        assert "litigation" in as_("first", "hold", "list").out
        rule = ("retention", "set", "r-1", "--class", "ai_content", "--citation", "policy 7", *why)
        assert as_("first", *rule, "--years", "90").status == 0
        assert code(as_("first", *propose, "s-0", "--subject", "mrn-old", *stated)) == "shred_inside_retention"
        assert as_("first", *rule, "--years", "2", "--after-majority", "3").status == 0
        minor = ("--born", "2014-05-01", *why)
        assert code(as_("first", *propose, "s-0", "--subject", "mrn-old", *minor)) == "shred_inside_retention"
        assert as_("second", "retention", "remove", "r-1", *why).status == 0
        assert "default-content" in as_("first", "retention", "list").out
        proposed = as_("first", *propose, "s-1", "--subject", "mrn-old", *stated)
        assert proposed.status == 0
        assert code(as_("first", "shred", "approve", "s-1", *stated)) == "second_person_required"
        done = as_("second", "shred", "approve", "s-1", *stated)
        assert (done.status, done.json["keys"]) == (0, 1)
        (held,) = as_("first", "shred", "list", "--json").json["shreds"]
        assert (held["status"], held["subject"], held["keys"]) == ("destroyed", proposed.json["tag"], 1)
        assert held["destroyed_at"]
        assert code(as_("first", *propose, "s-2", "--tag", proposed.json["tag"], *stated)) == "not_found"
        assert code(as_("first", "shred", "withdraw", "s-1", *why)) == "wrong_status"
        assert "s-1" in as_("first", "shred", "list").out
        kinds = as_("first", "audit", "list", "--json").json["entries"]
        assert [each["subject"] for each in kinds if each["type"] == "shred"] == [proposed.json["tag"]]
