"""Terms profiles: dated and sourced, closing at once, opening only by two people, and never by an update."""

from dataclasses import replace
from datetime import date

import msgspec
import pytest
from tests.unit.compliance.organisation import OPERATOR, PRIVACY, SECURITY, after, working_registry

from wardkeep.compliance import adoptions
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.facts import FactsSource
from wardkeep.compliance.profiles import (
    FIRST_VERSION,
    Retaining,
    difference,
    load_profiles,
    terms_in_force,
)
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Surface, TermsAdoption
from wardkeep.model.stages import Facts
from wardkeep.model.terms import Terms, narrowed

PROFILES = load_profiles()
EVERY = [profile for versions in PROFILES.values() for profile in versions.values()]
PLATFORM = "openai-api"
FIRST = PROFILES[PLATFORM][FIRST_VERSION]
# A later version that opens batches and a feature, closes the flex tier, and reports a model that is kept.
SECOND = msgspec.structs.replace(
    FIRST,
    version=2,
    features=(FIRST.features | {"batches"}) - {"service_tier.flex"},
    fields_denied=FIRST.fields_denied - {"background"},
    retaining=(Retaining(match="gpt-x", days=30, why="as told"),),
)
LATER = {**PROFILES, PLATFORM: {1: FIRST, 2: SECOND}}


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


@pytest.mark.parametrize("profile", EVERY, ids=[f"{each.platform}.{each.version}" for each in EVERY])
def test_a_profile_says_when_and_from_what_it_was_written_and_what_is_doubtful(profile):
    assert date(2026, 11, 1) <= profile.written <= date(2030, 1, 1)
    assert profile.sources
    assert profile.doubts
    assert {source.certainty for source in profile.sources} <= {"read", "memory"}
    assert profile.contract


@pytest.mark.parametrize("profile", EVERY, ids=[f"{each.platform}.{each.version}" for each in EVERY])
def test_a_profile_reaches_no_endpoint_that_keeps_by_design(profile):
    for kept in ("batches", "files", "assistants", "threads", "vector_stores", "fine_tuning", "evals", "conversations"):
        assert not any(kept in endpoint for endpoint in profile.endpoints)
    assert not profile.features & {"web_search", "code_interpreter", "file_search", "mcp", "web_fetch", "computer_use"}


def test_every_platform_begins_with_its_first_version():
    assert all(FIRST_VERSION in versions for versions in PROFILES.values())
    assert {"openai-api", "azure-openai", "aws-bedrock", "google-vertex", "anthropic-api", "self-hosted", "direct"} <= (
        PROFILES.keys()
    )


def test_every_endpoint_here_is_reached_by_some_platform():
    reached = frozenset().union(*(profile.endpoints for profile in EVERY))
    assert {surface.value for surface in Surface} <= reached


def test_an_update_opens_nothing_and_closes_at_once():
    held = terms_in_force(LATER, working_registry())[PLATFORM]
    assert held.version == 1
    assert "batches" not in held.features
    assert "service_tier.flex" not in held.features
    assert "background" in held.fields_denied
    assert held.retained_days("gpt-x-mini") == 30
    assert held.retained_days("gpt-4") == 0


def test_one_proposes_another_adopts_and_both_see_what_moves():
    held = working_registry()
    moved = adoptions.moved_by(held, LATER, PLATFORM, 2)
    assert moved.opens == ("feature batches", "field background")
    assert moved.closes == ("feature service_tier.flex", "models gpt-x* kept 30 days instead of 0")
    given = {"profiles": LATER, "platform": PLATFORM, "version": 2}
    held = after(held, adoptions.propose_version(held, PRIVACY, **given))
    assert terms_in_force(LATER, held)[PLATFORM] == terms_in_force(LATER, working_registry())[PLATFORM]
    assert code(adoptions.adopt_version, held, PRIVACY, **given) == "second_person_required"
    assert code(adoptions.adopt_version, held, SECURITY, **{**given, "version": 1}) == "wrong_status"
    assert code(adoptions.adopt_version, held, OPERATOR, **given) == "role_not_permitted"
    (shown,) = [each for each in adoptions.list_terms(held, LATER) if each["platform"] == PLATFORM]
    assert (shown["version"], shown["newest"], shown["proposed"], shown["proposed_by"]) == (1, 2, 2, "privacy")
    assert shown["versions"]["2"]["opens"] == ["feature batches", "field background"]
    held = after(held, adoptions.adopt_version(held, SECURITY, **given))
    opened = terms_in_force(LATER, held)[PLATFORM]
    assert opened.version == 2
    assert "batches" in opened.features
    assert "service_tier.flex" not in opened.features
    assert code(adoptions.propose_version, held, PRIVACY, **given) == "wrong_status"


def test_what_is_not_there_cannot_be_proposed_or_shown():
    held = working_registry()
    given = {"profiles": PROFILES, "platform": PLATFORM, "version": 2}
    assert code(adoptions.propose_version, held, PRIVACY, **given) == "not_found"
    assert code(adoptions.adopt_version, held, SECURITY, **given) == "not_found"
    assert code(adoptions.show_terms, held, PROFILES, "nowhere", None) == "not_found"
    assert adoptions.show_terms(held, PROFILES, PLATFORM, None) is FIRST


def test_a_version_that_this_installation_does_not_have_closes_the_platform():
    """As after going back to an older release."""
    held = working_registry(adoptions={PLATFORM: TermsAdoption(platform=PLATFORM, version=7)})
    assert PLATFORM not in terms_in_force(PROFILES, held)


def test_the_difference_between_equal_versions_is_none():
    assert difference(FIRST, FIRST).opens == difference(FIRST, FIRST).closes == ()


def test_narrowing_reaches_what_both_reach():
    wide = Terms(
        platform="p", version=2, dialects=frozenset("ab"), endpoints=frozenset("cd"), features=frozenset("ef"),
        fields_denied=frozenset("g"),
    )  # fmt: skip
    less = replace(wide, version=1, endpoints=frozenset("c"), features=frozenset("f"), fields_denied=frozenset("h"))
    assert narrowed(less, wide) == replace(less, fields_denied=frozenset("gh"))
    assert narrowed(wide, less).features == frozenset("f")


def test_the_facts_carry_the_terms_of_their_registry():
    source = FactsSource(lambda: Instant(1_800_000_000_000_000, 1, "boot"))
    held = source.now(working_registry())
    assert isinstance(held, Facts)
    assert held.terms[PLATFORM].version == 1
    gone = source.now(working_registry(adoptions={PLATFORM: TermsAdoption(platform=PLATFORM, version=7)}))
    assert isinstance(gone, Facts)
    assert PLATFORM not in gone.terms
