"""Policies as data: all eighteen classes, what each mode permits, and errors instead of guesses."""

import tomllib
from importlib.resources import files

import pytest

from wardkeep.model.spans import IdentifierType
from wardkeep.privacy.errors import PolicyInvalid
from wardkeep.privacy.policies.classes import PARAGRAPHS, class_of_type, classes, parse_classes
from wardkeep.privacy.policies.policy import SHIPPED, Action, Mode, parse_policy, shipped

FOLDER = files("wardkeep.privacy.policies")


def text(name: str) -> str:
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def test_all_eighteen_paragraphs_have_a_class_and_a_citation():
    letters = {each.paragraph for each in classes().values() if each.paragraph is not None}
    assert letters == set(PARAGRAPHS)
    assert len(PARAGRAPHS) == 18
    for each in classes().values():
        assert "164.514" in each.citation
        assert each.rule.endswith(".")


def test_relatives_employers_and_household_are_bound_as_names_are():
    assert {classes()[name].paragraph for name in ("NAME", "RELATIVE", "EMPLOYER", "HOUSEHOLD")} == {"A"}
    assert {classes()[name].paragraph for name in ("PROVIDER", "FACILITY", "DEMOGRAPHIC")} == {None}


def test_a_limited_data_set_lacks_exactly_the_sixteen_of_164_514_e_2():
    clauses = {each.limited for each in classes().values() if each.limited is not None}
    assert clauses == {
        f"164.514(e)(2)({number})"
        for number in (
            *("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi"),
        )
    }
    assert classes()["DATE"].limited is None
    assert classes()["AGE"].limited is None


def test_every_type_of_the_detector_has_a_class_of_its_own():
    for kind in IdentifierType:
        assert kind.value in classes()[class_of_type(kind)].types


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_decide_on_every_class_and_cite_their_basis(name):
    policy = shipped(name)
    assert policy.name == name
    assert set(policy.actions) == set(classes())
    assert policy.basis.startswith("45 CFR 164.")


def test_no_shipped_policy_but_the_limited_one_keeps_an_identifier():
    for name in ("strict", "balanced", "safe_harbor"):
        kept = {each for each, action in shipped(name).actions.items() if action is Action.ALLOW}
        assert kept <= {"DEMOGRAPHIC"}
    assert shipped("limited_data_set").mode is Mode.LIMITED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('SSN = "mask"', 'SNN = "mask"'), "unknown"),
        (('SSN = "mask"\n', ""), "does not say what becomes of SSN"),
        (('SSN = "mask"', 'SSN = "hide"'), "an action is one of"),
        (('SSN = "mask"', 'SSN = "allow"'), "cannot be released"),
        (('SSN = "mask"', 'SSN = "shift"'), "only DATE can"),
        (('SSN = "mask"', 'SSN = "generalise"'), "mask it"),
        (('DATE = "generalise"', 'DATE = "shift"'), "Expert Determination"),
        (('RELATIVE = "surrogate"', 'RELATIVE = "allow"'), "cannot be released"),
        (('mode = "released"', 'mode = "public"'), "the mode is one of"),
        (('detector = "strict"', 'detector = "lax"'), "strict or balanced"),
        (('basis = "45 CFR 164.514(b)(2)"', 'base = "x"'), "exactly these keys"),
        (('name = "safe_harbor"', 'name = "a b"'), "name is at most"),
        (("[actions]", "[actions"), "not TOML"),
    ],
)
def test_a_policy_that_says_too_little_too_much_or_nonsense_does_not_load(change, told):
    given = text("safe_harbor")
    assert change[0] in given
    with pytest.raises(PolicyInvalid, match=told):
        parse_policy(given.replace(*change))


def test_a_limited_data_set_may_keep_dates_and_no_telephone_number():
    with pytest.raises(PolicyInvalid, match=r"164\.514\(e\)\(2\)\(iii\)"):
        shipped("limited_data_set").amended({"PHONE": "allow"})
    assert shipped("limited_data_set").action("DATE") is Action.ALLOW


def test_clinicians_and_places_of_care_are_configurable_in_every_mode():
    for name in SHIPPED:
        amended = shipped(name).amended({"PROVIDER": "allow", "FACILITY": "allow"})
        assert amended.action("PROVIDER") is Action.ALLOW
        assert shipped(name).action("PROVIDER") is not Action.ALLOW


def test_shifted_dates_are_released_only_with_an_expert_determination():
    with pytest.raises(PolicyInvalid, match="Expert Determination"):
        shipped("safe_harbor").amended({"DATE": "shift"})
    assert shipped("safe_harbor").amended({"DATE": "shift"}, expert=True).action("DATE") is Action.SHIFT


@pytest.mark.parametrize(
    "damage",
    [
        lambda given: given.replace('paragraph = "R"\n', ""),
        lambda given: given.replace('name = "FAX"', 'name = "PHONE"'),
        lambda given: given.replace('types = ["FAX"]', 'types = ["PHONE"]'),
        lambda given: given.replace('part_of = "NAME"', 'part_of = "NOBODY"'),
        lambda given: given.replace('rule = "Fax numbers."', "rule = 3"),
        lambda given: given.replace('rule = "Fax numbers."', 'role = "Fax numbers."'),
        lambda given: given + "[[",
    ],
)
def test_a_damaged_list_of_classes_is_an_error(damage):
    with pytest.raises(PolicyInvalid):
        parse_classes(damage(text("classes")))


def test_there_is_no_policy_by_another_name():
    with pytest.raises(PolicyInvalid, match="there are strict"):
        shipped("Strict")


def test_the_files_hold_nothing_that_no_test_reads():
    names = {each.name for each in FOLDER.iterdir() if each.name.endswith(".toml")}
    assert names == {f"{name}.toml" for name in (*SHIPPED, "classes")}
    assert all(tomllib.loads(text(name.removesuffix(".toml"))) for name in names)
