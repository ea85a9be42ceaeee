"""The part of the control API for the registers: risks, assets, uses of AI."""

from functools import partial
from typing import Final

from wardkeep.compliance import assets, clauses, risks, uses
from wardkeep.compliance import register_forms as form
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.forms import ReasonForm
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_DECIDE: Final = Permission.CONTROL_DECIDE
_READ: Final = Permission.REGISTRY_READ


async def _list_risks(asked: Asked) -> object:
    day = today(asked)
    return {
        "risks": [risks.risk_view(each, day) for _, each in sorted(asked.registry.risks.items())],
        "outside": list(risks.outside(asked.registry, day)),
        "gone": list(risks.gone(asked.registry)),
    }


async def _suggest(asked: Asked) -> object:
    return {"suggestions": risks.suggestions(asked.registry)}


async def _put_risk(asked: Asked, filled: form.RiskForm) -> object:
    plan = partial(
        risks.put_risk,
        risk=filled.id,
        about=filled.about,
        threat=filled.threat,
        before=(filled.likelihood, filled.impact),
        after=(filled.residual_likelihood, filled.residual_impact),
        treatment=filled.treatment,
        owner=filled.owner,
        until=filled.until,
        today=today(asked),
    )
    return await change(asked, "risk.put", filled.reason, plan, id=filled.id)


async def _accept_risk(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(risks.accept_risk, risk=asked.words[0], today=today(asked))
    return await change(asked, "risk.accept", filled.reason, plan)


async def _list_assets(asked: Asked) -> object:
    day = today(asked)
    return {"assets": [assets.asset_view(each, day) for _, each in sorted(asked.registry.assets.items())]}


async def _map(asked: Asked) -> object:
    return {"edges": assets.network_map(asked.registry, asked.app.places, today(asked))}


async def _add_asset(asked: Asked, filled: form.AssetForm) -> object:
    plan = partial(
        assets.add_asset,
        asset=filled.id,
        kind=filled.kind,
        owner=filled.owner,
        holds_phi=filled.holds_phi,
        is_encrypted=filled.is_encrypted,
        place=filled.place,
    )
    return await change(asked, "asset.add", filled.reason, plan, id=filled.id)


async def _attest(asked: Asked, filled: form.AttestationForm) -> object:
    plan = partial(assets.attest_asset, asset=asked.words[0], until=filled.until, today=today(asked))
    return await change(asked, "asset.attest", filled.reason, plan)


async def _event(asked: Asked, filled: form.EventForm) -> object:
    plan = partial(assets.note_event, asset=asked.words[0], what=filled.what, on=filled.on, today=today(asked))
    return await change(asked, "asset.event", filled.reason, plan)


async def _dispose(asked: Asked, filled: form.DisposalForm) -> object:
    plan = partial(
        assets.dispose_asset,
        asset=asked.words[0],
        certificate_sha256=filled.certificate_sha256,
        today=today(asked),
    )
    return await change(asked, "asset.dispose", filled.reason, plan)


async def _list_uses(asked: Asked) -> object:
    day = today(asked)
    held = sorted(asked.registry.uses.items())
    return {
        "uses": [uses.use_view(each, day) for _, each in held],
        "routes_outside": list(uses.routes_outside(asked.registry)),
    }


async def _propose_use(asked: Asked, filled: form.UseForm) -> object:
    plan = partial(
        uses.propose_use,
        use=filled.id,
        owner=filled.owner,
        routes=filled.routes,
        purposes=filled.purposes,
        human_review=filled.human_review,
        is_patient_facing=filled.is_patient_facing,
        tells_patients=filled.tells_patients,
        model_card_sha256=filled.model_card_sha256,
        review_on=filled.review_on,
        today=today(asked),
    )
    return await change(asked, "use.propose", filled.reason, plan, id=filled.id)


async def _approve_use(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "use.approve", filled.reason, partial(uses.approve_use, use=asked.words[0]))


async def _end_use(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "use.end", filled.reason, partial(uses.end_use, use=asked.words[0]))


async def _list_clauses(asked: Asked) -> object:
    return clauses.clauses_view(asked.registry, asked.words[0], load_catalogue())


async def _read_clauses(asked: Asked, filled: form.ClausesForm) -> object:
    plan = partial(
        clauses.read_clauses,
        agreement=asked.words[0],
        found={name: (each.standing, each.place) for name, each in filled.clauses.items()},
        catalogue=load_catalogue(),
        today=today(asked),
    )
    return await change(asked, "clause.read", filled.reason, plan)


async def _check_clauses(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(clauses.check_clauses, agreement=asked.words[0], catalogue=load_catalogue(), today=today(asked))
    return await change(asked, "clause.check", filled.reason, plan)


REGISTER_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("risks", _READ, "risk.list", _list_risks),
    get_route("risks/suggestions", _READ, "risk.suggest", _suggest),
    post_route("risks", _DECIDE, "risk.put", form.RiskForm, _put_risk),
    post_route("risks/{}/accept", _DECIDE, "risk.accept", ReasonForm, _accept_risk),
    get_route("assets", _READ, "asset.list", _list_assets),
    get_route("assets/map", _READ, "asset.map", _map),
    post_route("assets", _DECIDE, "asset.add", form.AssetForm, _add_asset),
    post_route("assets/{}/attest", _DECIDE, "asset.attest", form.AttestationForm, _attest),
    post_route("assets/{}/event", _DECIDE, "asset.event", form.EventForm, _event),
    post_route("assets/{}/dispose", _DECIDE, "asset.dispose", form.DisposalForm, _dispose),
    get_route("uses", _READ, "use.list", _list_uses),
    post_route("uses", _DECIDE, "use.propose", form.UseForm, _propose_use),
    post_route("uses/{}/approve", _DECIDE, "use.approve", ReasonForm, _approve_use),
    post_route("uses/{}/end", _DECIDE, "use.end", ReasonForm, _end_use),
    get_route("agreements/{}/clauses", _READ, "clause.list", _list_clauses),
    post_route("agreements/{}/clauses", Permission.AGREEMENT_ADD, "clause.read", form.ClausesForm, _read_clauses),
    post_route(
        "agreements/{}/clauses/check", Permission.AGREEMENT_ACTIVATE, "clause.check", ReasonForm, _check_clauses
    ),
)
