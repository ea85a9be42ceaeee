"""The part of the control API for access: workspaces, applications, care teams, requests, and the policy's answers."""

import os
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import access_forms as form
from wardkeep.compliance import logins, providers, workspaces
from wardkeep.compliance.access_view import (
    KnownDuties,
    Question,
    differences,
    explained,
    imagined,
    registry_at,
    table,
)
from wardkeep.compliance.duties import late
from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.compliance.providers import seal_client_secret
from wardkeep.compliance.revealing import HIDDEN
from wardkeep.compliance.terms import clean_handle, clean_workspace, invalid
from wardkeep.identity.keys import subject_tag
from wardkeep.model.sensitive import Secret
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import APART, GRANTS, Permission
from wardkeep.web.asked import Asked, change, get_route, post_route, today

_OLDEST_FACTOR_SECONDS: Final = 10 * 366 * 86_400


async def _list_workspaces(asked: Asked) -> object:
    return {"workspaces": [form.access_view(each) for _, each in sorted(asked.registry.workspaces.items())]}


async def _list_applications(asked: Asked) -> object:
    return {"applications": [form.access_view(each) for _, each in sorted(asked.registry.applications.items())]}


async def _list_care_teams(asked: Asked) -> object:
    return {"care_teams": [form.access_view(each) for _, each in sorted(asked.registry.care_teams.items())]}


async def _list_requests(asked: Asked) -> object:
    return {"requests": [form.access_view(each) for _, each in sorted(asked.registry.access_requests.items())]}


async def _list_roles(asked: Asked) -> object:  # noqa: ARG001 - the tables are the same for everybody
    return {
        "permissions": {role.value: sorted(grants) for role, grants in GRANTS.items()},
        "data": {role.value: msgspec.to_builtins(row, order="deterministic") for role, row in DATA_ROLES.items()},
        "apart": [sorted(pair) for pair in APART],
    }


async def _add_workspace(asked: Asked, filled: form.WorkspaceForm) -> object:
    plan = partial(workspaces.add_workspace, workspace=filled.workspace())
    return await change(asked, "workspace.add", filled.reason, plan, id=filled.id)


async def _set_workspace(asked: Asked, filled: form.WorkspaceForm) -> object:
    if filled.id != asked.words[0]:
        raise invalid("workspace id", "the same in the path and in the form")
    plan = partial(workspaces.set_workspace, workspace=filled.workspace())
    return await change(asked, "workspace.set", filled.reason, plan)


async def _close_workspace(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(workspaces.close_workspace, workspace=asked.words[0])
    return await change(asked, "workspace.close", filled.reason, plan)


async def _change_members(asked: Asked, filled: form.MembersForm) -> object:
    plan = partial(workspaces.change_members, workspace=asked.words[0], add=filled.add, remove=filled.remove)
    return await change(asked, "workspace.members", filled.reason, plan)


async def _add_application(asked: Asked, filled: form.ApplicationForm) -> object:
    plan = partial(
        workspaces.add_application,
        application=filled.id,
        name=filled.name,
        kind=filled.kind,
        owner=filled.owner,
        workspace=filled.workspace,
        roles=filled.roles,
        may_assert_person=filled.may_assert_person,
        token_clients=filled.token_clients,
    )
    return await change(asked, "application.add", filled.reason, plan, id=filled.id)


async def _disable_application(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(workspaces.disable_application, application=asked.words[0])
    return await change(asked, "application.disable", filled.reason, plan)


async def _set_care_team(asked: Asked, filled: form.CareTeamForm) -> object:
    workspace = clean_workspace(filled.workspace, "workspace")
    tag = subject_tag(asked.app.keys.api_key_key, workspace, clean_handle(filled.subject, "subject"))
    plan = partial(
        workspaces.set_care_team,
        tag=tag,
        workspace=workspace,
        members=filled.members,
        psychotherapy_authorized=filled.psychotherapy_authorized,
    )
    return await change(asked, "careteam.set", filled.reason, plan, id=tag)


async def _ask_access(asked: Asked, filled: form.AccessRequestForm) -> object:
    request = os.urandom(6).hex()
    plan = partial(
        workspaces.ask_access,
        request=request,
        person=filled.person if filled.person is not None else asked.by.id,
        roles=filled.roles,
        workspace=filled.workspace,
        now=asked.app.clock().wall,
    )
    return await change(asked, "access.request", filled.reason, plan, id=request)


async def _approve_access(asked: Asked, filled: Form) -> object:
    plan = partial(workspaces.decide_access, request=asked.words[0], is_approved=True)
    return await change(asked, "access.approve", filled.reason, plan)


async def _deny_access(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(workspaces.decide_access, request=asked.words[0], is_approved=False)
    return await change(asked, "access.deny", filled.reason, plan)


async def _reset_login(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(logins.reset_login, person=asked.words[0])
    return await change(asked, "login.reset", filled.reason, plan)


async def _list_providers(asked: Asked) -> object:
    shown = []
    for _, each in sorted(asked.registry.identity_providers.items()):
        plain = msgspec.to_builtins(each, order="deterministic")
        if each.sign_on is not None:
            plain["sign_on"]["secret"] = None if each.sign_on.secret is None else HIDDEN
        shown.append({**plain, "jwks": msgspec.json.decode(each.jwks)})
    return {"providers": shown}


async def _add_provider(asked: Asked, filled: form.ProviderForm) -> object:
    plan = partial(providers.put_provider, provider=filled.provider(), is_new=True)
    return await change(asked, "provider.add", filled.reason, plan, id=filled.id)


async def _set_provider(asked: Asked, filled: form.ProviderForm) -> object:
    if filled.id != asked.words[0]:
        raise invalid("provider id", "the same in the path and in the form")
    plan = partial(providers.put_provider, provider=filled.provider(), is_new=False)
    return await change(asked, "provider.set", filled.reason, plan)


async def _open_sign_in(asked: Asked, filled: form.SignOnForm) -> object:
    provider, sealed = asked.words[0], None
    if filled.client_secret is not None:
        secret = Secret(filled.client_secret)
        sealed = seal_client_secret(asked.app.keys, tenant=asked.app.tenant, provider=provider, secret=secret)
    plan = partial(providers.set_sign_on, provider=provider, terms=filled.sign_on(sealed))
    return await change(asked, "provider.signin", filled.reason, plan)


async def _close_sign_in(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(providers.set_sign_on, provider=asked.words[0], terms=None)
    return await change(asked, "provider.nosignin", filled.reason, plan)


async def _disable_provider(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(providers.disable_provider, provider=asked.words[0])
    return await change(asked, "provider.disable", filled.reason, plan)


async def _link_person(asked: Asked, filled: form.LinkForm) -> object:
    plan = partial(providers.link_person, person=asked.words[0], provider=filled.provider, subject=filled.subject)
    return await change(asked, "person.link", filled.reason, plan)


async def _unlink_person(asked: Asked, filled: form.UnlinkForm) -> object:
    plan = partial(providers.unlink_person, person=asked.words[0], provider=filled.provider)
    return await change(asked, "person.unlink", filled.reason, plan)


async def _explain(asked: Asked, filled: form.QuestionForm) -> object:
    now = asked.app.clock().wall
    age = filled.second_factor_age_seconds
    if age is not None and not 0 <= age <= _OLDEST_FACTOR_SECONDS:
        raise invalid("age of the second factor", f"0 to {_OLDEST_FACTOR_SECONDS} seconds")
    question = Question(
        key=filled.key,
        model=filled.model,
        purpose=filled.purpose,
        subject=filled.subject,
        person=filled.person,
        is_verified=filled.is_verified,
        second_factor_at=None if age is None else now - timedelta(seconds=age),
        data_classes=filled.data_classes,
        fields=filled.fields,
    )
    answer = explained(asked.registry, question, mac_key=asked.app.keys.api_key_key, now=now, duties=_known(asked))
    return msgspec.to_builtins(answer)


def _known(asked: Asked) -> KnownDuties:
    """Return who is late today, as stage 2 knows it."""
    found = late(asked.registry, load_texts(), today(asked))
    return KnownDuties(training_overdue=found.training, policies_unsigned=found.policies)


async def _simulate(asked: Asked, filled: form.HypothesisForm) -> object:
    now = asked.app.clock().wall
    if filled.at is not None and filled.at.tzinfo is None:
        raise invalid("time", "given with its zone")
    supposed = imagined(
        asked.registry,
        workspace=None if filled.workspace is None else filled.workspace.workspace(),
        roles=filled.roles,
        disabled_people=filled.disabled_people,
        revoked_keys=filled.revoked_keys,
        disabled_applications=filled.disabled_applications,
        closed_workspaces=filled.closed_workspaces,
    )
    known = _known(asked)
    duties = KnownDuties(
        training_overdue=known.training_overdue if filled.training_overdue is None else filled.training_overdue,
        policies_unsigned=known.policies_unsigned if filled.policies_unsigned is None else filled.policies_unsigned,
    )
    before = table(asked.registry, now=now, duties=_known(asked))
    after = table(supposed, now=filled.at if filled.at is not None else now, duties=duties)
    return {"uses": len(after), "differences": differences(before, after)}


async def _diff(asked: Asked) -> object:
    now = asked.app.clock().wall
    reader = asked.app.reader
    tables = []
    for name in ("from", "to"):
        text = asked.query.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise invalid("range", "given as ?from=N&to=N, two indices of ledger entries")
        tables.append(table(await registry_at(reader.ledger, reader.entries, int(text)), now=now, duties=KnownDuties()))
    return {"uses": len(tables[1]), "differences": differences(*tables)}


ACCESS_ROUTES: Final = (
    get_route("roles", Permission.REGISTRY_READ, "role.list", _list_roles),
    get_route("workspaces", Permission.REGISTRY_READ, "workspace.list", _list_workspaces),
    post_route("workspaces", Permission.WORKSPACE_CHANGE, "workspace.add", form.WorkspaceForm, _add_workspace),
    post_route("workspaces/{}/set", Permission.WORKSPACE_CHANGE, "workspace.set", form.WorkspaceForm, _set_workspace),
    post_route("workspaces/{}/close", Permission.WORKSPACE_CHANGE, "workspace.close", ReasonForm, _close_workspace),
    # An owner of a workspace lets people in without further permission: the rule is `workspaces.change_members`.
    post_route("workspaces/{}/members", Permission.OWN_ACCOUNT, "workspace.members", form.MembersForm, _change_members),
    get_route("applications", Permission.REGISTRY_READ, "application.list", _list_applications),
    post_route(
        "applications", Permission.APPLICATION_CHANGE, "application.add", form.ApplicationForm, _add_application
    ),
    post_route(
        "applications/{}/disable", Permission.OWN_ACCOUNT, "application.disable", ReasonForm, _disable_application
    ),
    get_route("careteams", Permission.LEDGER_READ, "careteam.list", _list_care_teams),
    post_route("careteams", Permission.CARE_TEAM_CHANGE, "careteam.set", form.CareTeamForm, _set_care_team),
    get_route("access", Permission.REGISTRY_READ, "access.list", _list_requests),
    post_route("access", Permission.OWN_ACCOUNT, "access.request", form.AccessRequestForm, _ask_access),
    post_route("access/{}/approve", Permission.PERSON_CHANGE, "access.approve", Form, _approve_access),
    post_route("access/{}/deny", Permission.PERSON_CHANGE, "access.deny", ReasonForm, _deny_access),
    get_route("providers", Permission.REGISTRY_READ, "provider.list", _list_providers),
    post_route("providers", Permission.AGREEMENT_ACTIVATE, "provider.add", form.ProviderForm, _add_provider),
    post_route("providers/{}/set", Permission.AGREEMENT_ACTIVATE, "provider.set", form.ProviderForm, _set_provider),
    post_route(
        "providers/{}/sign-in", Permission.AGREEMENT_ACTIVATE, "provider.signin", form.SignOnForm, _open_sign_in
    ),
    post_route(
        "providers/{}/no-sign-in", Permission.AGREEMENT_ACTIVATE, "provider.nosignin", ReasonForm, _close_sign_in
    ),
    post_route("providers/{}/disable", Permission.PERSON_CHANGE, "provider.disable", ReasonForm, _disable_provider),
    post_route("people/{}/link", Permission.PERSON_CHANGE, "person.link", form.LinkForm, _link_person),
    post_route("people/{}/unlink", Permission.PERSON_CHANGE, "person.unlink", form.UnlinkForm, _unlink_person),
    post_route("people/{}/reset-login", Permission.PERSON_CHANGE, "login.reset", ReasonForm, _reset_login),
    post_route("policy/explain", Permission.REGISTRY_READ, "policy.explain", form.QuestionForm, _explain),
    post_route("policy/simulate", Permission.REGISTRY_READ, "policy.simulate", form.HypothesisForm, _simulate),
    get_route("policy/diff", Permission.REGISTRY_READ, "policy.diff", _diff, query=("from", "to")),
)
