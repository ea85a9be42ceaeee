"""What the console's pages are made of: forms from types, marks from what leaves, counts by day, cells, addresses."""

import ast
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

import wardkeep
from wardkeep.compliance.access_forms import WorkspaceForm
from wardkeep.compliance.activity import Activity
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.forms import AgreementForm, read_form
from wardkeep.compliance.incident_forms import CountForm
from wardkeep.compliance.register_forms import AssetForm, ClausesForm
from wardkeep.compliance.usage_forms import PriceForm
from wardkeep.model.access import Role
from wardkeep.model.registry import Registry
from wardkeep.model.spans import IdentifierType, Span
from wardkeep.web.console.asking import body_of
from wardkeep.web.console.deeds import OWN_FIELDS
from wardkeep.web.console.fields import facts_of, fields_of
from wardkeep.web.console.ledger import cell
from wardkeep.web.console.marking import hidden_in, hidden_words, marked, restored_marked, tokens_marked
from wardkeep.web.console.shell import own_path, part_of
from wardkeep.web.control import ROUTES
from wardkeep.web.control_budgets import BudgetForm
from wardkeep.web.control_certificates import CertificateForm
from wardkeep.web.control_scim import ScimClientForm

SRC = Path(wardkeep.__file__).parent


# --- forms ------------------------------------------------------------------------------------------------------------


def test_what_a_browser_sends_becomes_the_form_of_the_api():
    sent = {
        "id": "baa-1", "kind": "baa", "vendor": "v", "party": " V, Inc. ", "document_sha256": "0" * 64,
        "effective_on": "2026-11-23", "expires_on": "", "reason": "signed",
        "scopes.0.platform": "direct", "scopes.0.projects": "a, b", "scopes.0.endpoints": "",
        "scopes.0.endpoints./v1/messages": "on", "scopes.0.features": "", "scopes.0.models": "m-1\nm-2",
        "scopes.0.regions": "us", "scopes.0.purposes": "", "scopes.0.purposes.TREAT": "on",
        "scopes.0.retention": "days_under_baa", "scopes.0.retention_days": "30", "scopes.0.training_prohibited": "on",
    }  # fmt: skip
    form = read_form(AgreementForm, body_of(AgreementForm, sent))
    (scope,) = form.scopes
    assert (form.expires_on, form.party) == (None, "V, Inc.")
    assert (scope.projects, scope.models) == (frozenset({"a", "b"}), frozenset({"m-1", "m-2"}))
    assert (scope.endpoints, scope.features) == (frozenset({"/v1/messages"}), frozenset())
    assert (scope.retention_days, scope.training_prohibited) == (30, True)


def test_a_box_that_is_not_ticked_is_no():
    sent = {"id": "a", "kind": "device", "owner": "o", "is_encrypted": "on", "place": "", "reason": "r"}
    form = read_form(AssetForm, body_of(AssetForm, sent))
    assert (form.holds_phi, form.is_encrypted, form.place) == (False, True, None)


def test_counts_by_state_and_a_reach_that_was_left_out():
    form = read_form(CountForm, body_of(CountForm, {"individuals": "12", "residents": "NY=7\nNJ=5", "reason": "r"}))
    assert (form.residents, form.reach) == ({"NY": 7, "NJ": 5}, None)


def test_parts_by_their_own_names_and_blank_ones_left_out():
    sent = {
        "clauses.HPR-1.standing": "present", "clauses.HPR-1.place": "4.2(b)", "clauses.HPR-2.standing": "",
        "clauses.HPR-2.place": "", "clauses.HPR-3.standing": "absent", "clauses.HPR-3.place": "", "reason": "read",
    }  # fmt: skip
    form = read_form(ClausesForm, body_of(ClausesForm, sent))
    assert {name: (each.standing.value, each.place) for name, each in form.clauses.items()} == {
        "HPR-1": ("present", "4.2(b)"),
        "HPR-3": ("absent", None),
    }


@pytest.mark.parametrize("odd", ["²", "--5", "1" * 5000, "٣", "-", "1_0"])
def test_what_only_looks_like_a_number_is_refused_by_the_form_and_breaks_nothing(odd):
    sent = {"individuals": "12", "residents": "NY=7", "reason": "r"}
    for changed in ({"individuals": odd}, {"residents": f"NY={odd}"}):
        with pytest.raises(NotAllowed):
            read_form(CountForm, body_of(CountForm, sent | changed))


@pytest.mark.parametrize("odd", ["²", "1" * 5000, "x", "-1"])
def test_a_place_in_a_list_that_is_no_number_is_left_out(odd):
    scope = {"scopes.0.platform": "direct", f"scopes.{odd}.platform": "other"}
    assert [each["platform"] for each in body_of(AgreementForm, scope)["scopes"]] == ["direct"]


def test_what_is_not_sent_keeps_the_form_s_own_default():
    """An omitted restriction must not become an empty one."""
    body = body_of(WorkspaceForm, {"id": "w", "name": "W", "owner": "o", "reason": "r"})
    assert "requires" not in body
    assert "models" not in body


@pytest.mark.parametrize("route", [each for each in ROUTES if each.form is not None], ids=lambda each: each.name)
def test_every_form_of_the_api_can_be_asked_by_a_page(route):
    """A duty has its page as soon as it has its route: no type stops the page from being made."""
    fields = fields_of(route.form, Registry(epoch=0))
    assert len({each.name for each in fields}) == len(fields)
    assert all(each.name != "reason" for each in fields)


def test_times_and_known_letters_are_told_as_people_write_them():
    record = {"is_phi": True, "opened_at": "2026-11-23T15:00:57.781028Z", "document_sha256": "ab"}
    assert facts_of(record, zone="America/New_York") == [
        ("Is PHI", "yes"),
        ("Opened at", "2026-11-23 10:00:57 EST (15:00:57 UTC)"),
        ("Document SHA-256", "ab"),
    ]
    assert hidden_words("MRN=1,NAME=2") == "medical record number (1), name (2)"
    assert hidden_words("") == ""


def test_records_are_told_in_words():
    told = facts_of({"id": "x", "is_open": True, "roles": ["a", "b"], "none": None, "by": {"x": 1}}, without=("id",))
    assert told == [("Is open", "yes"), ("Roles", "a, b"), ("By", "x: 1")]


# --- marks ------------------------------------------------------------------------------------------------------------

ORIGINAL = "Rosalind Okafor <b>called</b>. ROSALIND OKAFOR again, 415-201-7788"
SENT = "[NAME-aaaaaaaa] <b>called</b>. [NAME-aaaaaaaa] again, [PHONE-bbbbbbbb]"
RESTORE = {"[NAME-aaaaaaaa]": "Rosalind Okafor", "[PHONE-bbbbbbbb]": "415-201-7788"}


def test_what_left_is_laid_over_what_was_typed():
    hidden = hidden_in(ORIGINAL, SENT, RESTORE)
    assert [ORIGINAL[a:b] for a, b, _ in hidden] == ["Rosalind Okafor", "ROSALIND OKAFOR", "415-201-7788"]


def test_another_writing_of_the_same_value_ends_where_the_text_goes_on():
    sent = "[PHONE-bbbbbbbb], then [PHONE-bbbbbbbb]"
    hidden = hidden_in("(415) 201-7788, then 415.201.7788", sent, RESTORE)
    assert [(a, b) for a, b, _ in hidden] == [(0, 14), (21, 33)]


def test_marks_escape_what_they_mark():
    shown = str(marked(ORIGINAL, hidden_in(ORIGINAL, SENT, RESTORE), [Span(0, 15, IdentifierType.NAME, "<rule>")]))
    assert "<b>" not in shown
    assert "&lt;b&gt;called&lt;/b&gt;" in shown
    assert "&lt;rule&gt;" in shown
    assert shown.count("<mark ") == 3


def test_an_answer_shows_which_surrogate_the_model_wrote():
    shown = str(restored_marked("<i>Rosalind Okafor</i>", RESTORE))
    assert shown == '&lt;i&gt;<mark title="The model wrote [NAME-aaaaaaaa]">Rosalind Okafor</mark>&lt;/i&gt;'
    assert str(restored_marked("<i>", {})) == "&lt;i&gt;"
    assert str(tokens_marked("<i>[NAME-a]")) == "&lt;i&gt;<mark>[NAME-a]</mark>"


# --- counts, cells, addresses -----------------------------------------------------------------------------------------


def test_a_day_is_the_organisation_s():
    """Three in the morning UTC is the evening before in New York."""
    activity = Activity(ledger=None)
    activity.hours["2026-11-23T03"] = Counter({("vendor", "n"): 2, ("refused", "baa_expired"): 1})
    activity.hours["2026-11-23T12"] = Counter({("vendor", "m"): 5})
    days = activity.by_day(now=datetime(2026, 11, 23, 20, tzinfo=UTC), zone="America/New_York", days=3)
    assert days.days == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert days.of("vendor") == [("m", [0, 0, 5]), ("n", [0, 2, 0])]
    assert (days.total("vendor"), days.total("refused"), days.total("route")) == ([0, 2, 5], [0, 1, 0], [0, 0, 0])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@x", "\tx", "=HYPERLINK(1)"])
def test_no_cell_is_a_formula(text):
    assert cell(text) == f"'{text}"


def test_plain_cells_stay_as_they_are():
    assert [cell(each) for each in (None, 12, -3, "a-b", "")] == ["", "12", "-3", "a-b", ""]


PATHS = frozenset({"/ledger", "/ledger/{}", "/vendors/forecast"})


@pytest.mark.parametrize("place", ["/ledger", "/ledger?type=request&day=2026-11-23", "/ledger/12?check=1"])
def test_own_pages_may_be_gone_on_to(place):
    assert own_path(place, PATHS) == place


@pytest.mark.parametrize(
    "place",
    [
        None, "", "//evil.example/ledger", "https://evil.example/ledger", "/\\evil.example", "javascript:alert(1)",
        "/ledger#x", "/deeds", "/ledger/1/open", "ledger", "/ledger\n", '/ledger?x="', "/ledger?x=<", "/lédger",
    ],
)  # fmt: skip
def test_nothing_else_is(place):
    assert own_path(place, PATHS) is None


def test_a_long_list_comes_in_parts():
    """With 5,000 people a page stays small, and every one of them stands on one page."""
    rows = list(range(5000))

    def part(first):
        return part_of(SimpleNamespace(query={"from": first, "family": "all"}, path="/people"), rows, 20)

    assert (part("").rows[0], part("").newer, part("").older) == (0, None, "/people?from=20&family=all")
    assert part("4999").rows == rows[4980:]
    assert part("4999").older is None
    assert part("99999999").rows == rows[4980:]
    assert part("x").first == part("-1").first == 0
    assert [row for first in range(0, 5000, 20) for row in part(str(first)).rows] == rows


def test_only_the_assistant_s_page_makes_a_session_stand_for_a_credential():
    makers = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "SignedIn"
    }
    assert makers == {"web/console/assistant.py"}


def test_no_form_has_a_field_that_every_page_sends_itself():
    """A name that stands twice is refused: a notice with the day it was given `on` could once not be recorded."""
    forms = [route.form for route in ROUTES if route.form is not None]
    assert not [form for form in forms for each in form.__struct_encode_fields__ if each in OWN_FIELDS]


def test_a_part_that_was_left_empty_is_left_out():
    """A browser sends empty fields: an incident could once not be counted by hand."""
    sent = {"individuals": "12", "residents": "NY=12", "reach.start": "", "reach.stop": " ", "reason": "r"}
    assert read_form(CountForm, body_of(CountForm, sent)).reach is None
    with pytest.raises(NotAllowed):
        read_form(CountForm, body_of(CountForm, sent | {"reach.start": "4"}))


def test_lines_of_names_with_several_values_and_pasted_certificates_come_whole():
    sent = {"id": "directory", "roles": "Ward 7=nurse + clinician\nDesk=billing", "reason": "x"}
    filled = read_form(ScimClientForm, body_of(ScimClientForm, sent))
    assert filled.roles == {"Ward 7": {Role.NURSE, Role.CLINICIAN}, "Desk": {Role.BILLING}}
    pem = "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n"
    sent = {"kind": "person", "holder": "ana", "days": "90", "csr": "", "certificate": pem, "reason": "x"}
    form = read_form(CertificateForm, body_of(CertificateForm, sent))
    assert (form.csr, form.certificate) == (None, pem.strip())
    kinds = {each.name: each.kind for each in fields_of(CertificateForm, Registry(epoch=0))}
    assert (kinds["csr"], kinds["kind"], kinds["days"]) == ("area", "select", "number")


def test_what_costs_something_can_be_put_in():
    kinds = {each.name: each.kind for each in fields_of(PriceForm, Registry(epoch=0))}
    assert kinds["input_per_million"] == "text"
    sent = {"id": "b", "kind": "key", "holder": "k", "period": "day", "tokens": "", "cost": "1.50", "currency": "USD",
            "reason": "x"}  # fmt: skip
    form = read_form(BudgetForm, body_of(BudgetForm, sent))
    assert (form.tokens, form.cost) == (None, Decimal("1.50"))
