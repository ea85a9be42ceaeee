"""The part of the control API for what narrows or widens agreements: risk acceptances and platforms' terms profiles."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import acceptances, adoptions
from wardkeep.compliance import forms as form
from wardkeep.compliance.geography import load_laws
from wardkeep.compliance.profiles import load_profiles
from wardkeep.compliance.records import Change
from wardkeep.compliance.residency import add_rule, remove_rule, rule_view
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _list_acceptances(asked: Asked) -> object:
    return {"acceptances": [form.view(record) for _, record in sorted(asked.registry.acceptances.items())]}


async def _add_acceptance(asked: Asked, filled: form.AcceptanceForm) -> object:
    plan = partial(
        acceptances.add_acceptance,
        acceptance=filled.id,
        agreement=filled.agreement,
        days=filled.days,
        until=filled.until,
        reason=filled.reason,
        today=today(asked),
    )
    return await change(asked, "acceptance.add", filled.reason, plan, id=filled.id)


async def _activate_acceptance(asked: Asked, filled: form.Form) -> object:
    plan = partial(acceptances.activate_acceptance, acceptance=asked.words[0], today=today(asked))
    return await change(asked, "acceptance.activate", filled.reason, plan)


async def _withdraw_acceptance(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(acceptances.withdraw_acceptance, acceptance=asked.words[0], reason=filled.reason)
    return await change(asked, "acceptance.withdraw", filled.reason, plan)


async def _list_terms(asked: Asked) -> object:
    return {"terms": adoptions.list_terms(asked.registry, load_profiles())}


async def _show_terms(asked: Asked) -> object:
    profile = adoptions.show_terms(asked.registry, load_profiles(), asked.words[0], None)
    return {"profile": msgspec.to_builtins(profile, order="deterministic")}


async def _propose_terms(asked: Asked, filled: form.TermsVersionForm) -> object:
    return await _move_terms(asked, filled, "terms.propose", adoptions.propose_version)


async def _adopt_terms(asked: Asked, filled: form.TermsVersionForm) -> object:
    return await _move_terms(asked, filled, "terms.adopt", adoptions.adopt_version)


async def _move_terms(
    asked: Asked, filled: form.TermsVersionForm, action: str, step: Callable[..., Sequence[Change]]
) -> object:
    """Take one step of an adoption, and say what the version opens and closes."""
    profiles = load_profiles()
    moved = adoptions.moved_by(asked.registry, profiles, asked.words[0], filled.version)
    plan = partial(step, profiles=profiles, platform=asked.words[0], version=filled.version)
    return await change(asked, action, filled.reason, plan, opens=moved.opens, closes=moved.closes)


async def _list_residency(asked: Asked) -> object:
    laws = {name: msgspec.to_builtins(law, order="deterministic") for name, law in sorted(load_laws().items())}
    return {"rules": [rule_view(each) for _, each in sorted(asked.registry.residency.items())], "laws": laws}


async def _add_residency(asked: Asked, filled: form.ResidencyForm) -> object:
    return await change(asked, "residency.add", filled.reason, partial(add_rule, rule=filled.rule()), id=filled.id)


async def _remove_residency(asked: Asked, filled: form.ReasonForm) -> object:
    return await change(asked, "residency.remove", filled.reason, partial(remove_rule, rule=asked.words[0]))


TERMS_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("acceptances", Permission.REGISTRY_READ, "acceptance.list", _list_acceptances),
    post_route("acceptances", Permission.AGREEMENT_ADD, "acceptance.add", form.AcceptanceForm, _add_acceptance),
    post_route(
        "acceptances/{}/activate", Permission.AGREEMENT_ACTIVATE, "acceptance.activate", form.Form, _activate_acceptance
    ),
    post_route(
        "acceptances/{}/withdraw",
        Permission.AGREEMENT_SUSPEND,
        "acceptance.withdraw",
        form.ReasonForm,
        _withdraw_acceptance,
    ),
    get_route("residency", Permission.REGISTRY_READ, "residency.list", _list_residency),
    post_route("residency", Permission.AGREEMENT_ADD, "residency.add", form.ResidencyForm, _add_residency),
    post_route(
        "residency/{}/remove", Permission.AGREEMENT_ACTIVATE, "residency.remove", form.ReasonForm, _remove_residency
    ),
    get_route("terms", Permission.REGISTRY_READ, "terms.list", _list_terms),
    get_route("terms/{}", Permission.REGISTRY_READ, "terms.show", _show_terms),
    post_route("terms/{}/propose", Permission.AGREEMENT_ADD, "terms.propose", form.TermsVersionForm, _propose_terms),
    post_route("terms/{}/adopt", Permission.AGREEMENT_ACTIVATE, "terms.adopt", form.TermsVersionForm, _adopt_terms),
)
