"""The control plane's JSON API under /api (raw ASGI): people change and read, each by their own credential.

Every request needs a personal credential (`Authorization: Bearer wk_user_...`) and every route names the permission it
needs; what is not in `ROUTES` is denied. The face decides nothing: rules are `compliance`'s, and are asked again while
no other change can come between. Errors have one shape: code, what, why, fix and the ledger index.
"""

import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from wardkeep.audit.errors import ControlNotApplied, LedgerTimeout, LedgerUnavailable, StaleFacts
from wardkeep.audit.formats import Producer
from wardkeep.compliance import deployments, people, two_people, vendors
from wardkeep.compliance import forms as form
from wardkeep.compliance.backups import Backups
from wardkeep.compliance.control import Control
from wardkeep.compliance.emergency import Emergency
from wardkeep.compliance.errors import EntryKeyMissing, EntryShredded, EntryUnopenable, NotAllowed
from wardkeep.compliance.exporting import Exporter
from wardkeep.compliance.factors import Factors
from wardkeep.compliance.forecast import what_breaks_on
from wardkeep.compliance.key_custody import KeyCustody
from wardkeep.compliance.reading import AuditReader
from wardkeep.compliance.rights import about_entry
from wardkeep.compliance.searching import Searcher
from wardkeep.compliance.shredder import Shredder
from wardkeep.compliance.spending import Use
from wardkeep.compliance.terms import invalid, require
from wardkeep.crypto.ca import CertificateFiles
from wardkeep.crypto.keys import DataKeys
from wardkeep.identity.keys import find_person, new_credential
from wardkeep.model.budget import Budget
from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.model.destination import Place
from wardkeep.model.document import parse
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import EXPLANATIONS, Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission
from wardkeep.storage.errors import StoreError
from wardkeep.web.asked import ApiRoute, Asked, actor, change, get_route, post_route, today
from wardkeep.web.certificate import require_shown
from wardkeep.web.control_access import ACCESS_ROUTES
from wardkeep.web.control_activity import ACTIVITY_ROUTES
from wardkeep.web.control_assessments import ASSESSMENT_ROUTES
from wardkeep.web.control_attestation import ATTESTATION_ROUTES
from wardkeep.web.control_audit import AUDIT_ROUTES
from wardkeep.web.control_backup import BACKUP_ROUTES
from wardkeep.web.control_budgets import BUDGET_ROUTES
from wardkeep.web.control_certificates import CERTIFICATE_ROUTES
from wardkeep.web.control_custody import CUSTODY_ROUTES
from wardkeep.web.control_destinations import DESTINATION_ROUTES
from wardkeep.web.control_emergency import EMERGENCY_ROUTES
from wardkeep.web.control_evidence import EVIDENCE_ROUTES
from wardkeep.web.control_glass import GLASS_ROUTES
from wardkeep.web.control_guards import GUARD_ROUTES
from wardkeep.web.control_incidents import INCIDENT_ROUTES
from wardkeep.web.control_inspection import INSPECTION_ROUTES
from wardkeep.web.control_oversight import OVERSIGHT_ROUTES
from wardkeep.web.control_pack import PACK_ROUTES
from wardkeep.web.control_part2 import PART2_ROUTES
from wardkeep.web.control_practices import PRACTICE_ROUTES
from wardkeep.web.control_programme import PROGRAMME_ROUTES
from wardkeep.web.control_reconciliation import RECONCILIATION_ROUTES
from wardkeep.web.control_registers import REGISTER_ROUTES
from wardkeep.web.control_releases import RELEASE_ROUTES
from wardkeep.web.control_reports import REPORT_ROUTES
from wardkeep.web.control_reviews import REVIEW_ROUTES
from wardkeep.web.control_rights import RIGHTS_ROUTES
from wardkeep.web.control_root import ROOT_ROUTES
from wardkeep.web.control_scim import SCIM_ROUTES
from wardkeep.web.control_sessions import SESSION_ROUTES
from wardkeep.web.control_sinks import SINK_ROUTES
from wardkeep.web.control_terms import TERMS_ROUTES
from wardkeep.web.control_usage import USAGE_ROUTES
from wardkeep.web.guard import check_content_type, read_body
from wardkeep.web.openapi import openapi_document

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES: Final = 1024 * 1024
PREFIX: Final = "/api/"

_LOG: Final = logging.getLogger(__name__)
_BEARER: Final = b"Bearer "
_MOST_FIELDS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFace:
    """The ASGI application of the control API. Make it with `control_app`."""

    control: Control
    reader: AuditReader
    shredder: Shredder
    backups: Backups
    keys: DataKeys
    tenant: str
    clock: Callable[[], Instant]
    last_used: Callable[[str], datetime | None]
    note_used: Callable[[str], None]
    searcher: Searcher
    exporter: Exporter
    sink_standing: Callable[[str], dict[str, object]]
    factors: Factors | None
    places: tuple[Place, ...]
    custody: KeyCustody | None = None
    authority: CertificateFiles | None = None
    budget_standing: Callable[[Budget], tuple[Use, str] | None]
    emergency: Emergency | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        status, answer = await self._answer(scope, receive)
        body = msgspec.json.encode(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> tuple[int, object]:
        by: Person | None = None
        route: ApiRoute | None = None
        try:
            by = self._identified(scope)
            route, words = _find(scope["method"], scope["raw_path"].decode("latin-1"))
            require(by, route.permission)
            asked = Asked(
                app=self,
                by=by,
                registry=self.control.registry,
                words=words,
                query=_query(scope["query_string"]),
                body=await _body(scope, receive) if route.method == "POST" else {},
            )
            answer = await route.handler(asked)
            # What reviews of access go by: who is there, and which of their permissions they exercise.
            self.note_used(f"person:{by.id}")
            self.note_used(f"grant:{by.id}:{route.permission.value}")
            return 200, answer  # noqa: TRY300 - an else after eight handlers would be far from its try
        except NotAllowed as error:
            index = None
            if by is not None and route is not None and error.status == 403:
                # Somebody tried what they may not do: that is activity to review (45 CFR 164.308(a)(1)(ii)(D)).
                index = await self.control.refused(by=actor(by), action=route.name, code=error.code)
            return error.status, _error(error.code, error.what, error.why, error.fix, index)
        except RefusalError as error:
            return _refusal(error.refused.reason)
        except LedgerTimeout:
            return _refusal(Reason.LEDGER_TIMEOUT)
        except LedgerUnavailable:
            return _refusal(Reason.LEDGER_UNAVAILABLE)
        except StaleFacts:
            return _refusal(Reason.FACTS_CHANGING)
        except ControlNotApplied:
            return 503, _error(
                "control_not_applied",
                "The change is in the ledger, but the control store could not take it.",
                "Calls are refused until it has.",
                "The operator mends the disk of control.db and restarts; the change is then replayed.",
                None,
            )
        except StoreError:
            return 503, _error(
                "index_unavailable",
                "The search index cannot be read now.",
                "It is a copy of what headers say, on a disk that does not answer; nothing of the record is lost.",
                "Try again; the operator looks at the disk of search.db, which may be deleted: it is made anew.",
                None,
            )
        except EntryUnopenable as error:
            return _unopenable(error)
        except Exception as error:  # noqa: BLE001 - the HTTP edge: nothing of the request may reach a caller or a log
            # A traceback may quote the request, so only the kind of failure is logged.
            _LOG.error("control request failed: %s", type(error).__name__)
            return _refusal(Reason.INTERNAL)

    def _identified(self, scope: MutableMapping[str, Any]) -> Person:
        """Return who asks: by credential, and by certificate where the connection showed one."""
        registry = self.control.registry
        by = _person(scope["headers"], registry, self.keys.api_key_key)
        require_shown(scope, registry, holder=holder_name(HolderKind.PERSON, by.id), now=self.clock().wall)
        return by


def _unopenable(error: EntryUnopenable) -> tuple[int, object]:
    """Return why the content of an entry is not shown."""
    match error:
        case EntryShredded():
            return 410, _error(
                "entry_shredded",
                "The content of this entry was destroyed with its subject's key.",
                "Two people decided so; the entry itself and its proofs stand.",
                "`wardkeep shred list` shows when it was decided, by whom, and in which ledger entry.",
                None,
            )
        case EntryKeyMissing():
            return 409, _error(
                "entry_key_missing",
                "The key of this entry's subject is not here.",
                "Nobody destroyed it: it was not restored, as when a backup is restored without its seal.",
                "The operator restores the backup again with `--seal`, naming the seal that was made with it.",
                None,
            )
        case _:
            return 409, _error(
                "entry_unopenable",
                "The sealed content of this entry does not open.",
                "Its key is not here, or it is not what was sealed.",
                "The operator runs `wardkeep verify` on the ledger and checks that keys.json is complete.",
                None,
            )


def control_app(
    *,
    control: Control,
    reader: AuditReader,
    shredder: Shredder,
    backups: Backups,
    keys: DataKeys,
    tenant: str,
    clock: Callable[[], Instant],
    searcher: Searcher,
    sink_standing: Callable[[str], dict[str, object]] = lambda _: {},
    last_used: Callable[[str], datetime | None] = lambda _: None,
    note_used: Callable[[str], None] = lambda _: None,
    factors: Factors | None = None,
    places: tuple[Place, ...] = (),
    custody: KeyCustody | None = None,
    authority: CertificateFiles | None = None,
    budget_standing: Callable[[Budget], tuple[Use, str] | None] = lambda _: None,
    emergency: Emergency | None = None,
) -> ControlFace:
    """Return the control API. `keys` check personal credentials and seal vendor credentials.

    `places` are the destinations that the settings name, `authority` what client certificates are issued with.
    """
    return ControlFace(
        control=control,
        reader=reader,
        shredder=shredder,
        backups=backups,
        keys=keys,
        tenant=tenant,
        clock=clock,
        last_used=last_used,
        note_used=note_used,
        searcher=searcher,
        exporter=Exporter(
            ledger=searcher.index.ledger,
            entries=searcher.entries,
            mac_key=keys.blind_index_key,
            clock=clock,
            producer=Producer(log=searcher.index.ledger.verifier_key.name, version=version("wardkeep")),
        ),
        sink_standing=sink_standing,
        factors=factors,
        places=places,
        custody=custody,
        authority=authority,
        budget_standing=budget_standing,
        emergency=emergency,
    )


# ---- reading ---------------------------------------------------------------------------------------------------------


async def _openapi(asked: Asked) -> object:  # noqa: ARG001 - the document is the same for everybody
    return openapi_document(ROUTES, prefix=PREFIX, version=version("wardkeep"))


async def _list_agreements(asked: Asked) -> object:
    return {"agreements": [form.view(record) for _, record in sorted(asked.registry.agreements.items())]}


async def _list_vendors(asked: Asked) -> object:
    return {"vendors": [form.view(record) for _, record in sorted(asked.registry.vendors.items())]}


async def _list_deployments(asked: Asked) -> object:
    return {"deployments": [form.deployment_view(each) for _, each in sorted(asked.registry.deployments.items())]}


async def _list_routes(asked: Asked) -> object:
    return {"routes": [form.view(record) for _, record in sorted(asked.registry.routes.items())]}


async def _list_people(asked: Asked) -> object:
    return {"people": [form.person_view(person) for _, person in sorted(asked.registry.people.items())]}


async def _list_keys(asked: Asked) -> object:
    return {
        "keys": [
            form.key_view(key, last_used_at=asked.app.last_used(key.id))
            for _, key in sorted(asked.registry.keys.items())
        ]
    }


async def _simulate(asked: Asked) -> object:
    try:
        on = date.fromisoformat(asked.query.get("on", ""))
    except ValueError:
        raise invalid("day", "given as ?on=YYYY-MM-DD") from None
    return form.view(what_breaks_on(asked.registry, on, today=today(asked)))


async def _health(asked: Asked) -> object:
    registry = asked.registry
    organisation = registry.organisation
    return {
        "epoch": registry.epoch,
        "ledger_writable": asked.app.reader.ledger.writable,
        "organisation": None if organisation is None else form.view(organisation),
        "records": {
            "vendors": len(registry.vendors),
            "agreements": len(registry.agreements),
            "deployments": len(registry.deployments),
            "routes": len(registry.routes),
            "people": len(registry.people),
            "keys": len(registry.keys),
        },
    }


async def _ledger_head(asked: Asked) -> object:
    head = await asked.app.reader.head(by=asked.by)
    return {"size": head.size, "root": head.root.hex(), "facts_epoch": head.facts_epoch, "note": head.note.decode()}


async def _ledger_entries(asked: Asked) -> object:
    start, stop = _whole(asked.query.get("from")), _whole(asked.query.get("to"))
    shown = await asked.app.reader.headers(by=asked.by, start=start, stop=stop)
    return {"entries": [msgspec.Raw(header) for header in shown.headers], "read_index": shown.read_index}


async def _ledger_open(asked: Asked, filled: form.OpeningForm) -> object:
    index = _whole(asked.words[0])
    shown = await asked.app.reader.open(by=asked.by, index=index, reason=filled.reason, purpose=filled.purpose)
    return {
        "header": msgspec.Raw(shown.header),
        "content": shown.content,
        "read_index": shown.read_index,
        "amendments": about_entry(asked.registry, index),
        "notice": shown.notice,
    }


# ---- changing --------------------------------------------------------------------------------------------------------


async def _add_vendor(asked: Asked, filled: form.VendorForm) -> object:
    plan = partial(vendors.add_vendor, vendor=filled.id, party=filled.party)
    return await change(asked, "vendor.add", filled.reason, plan, id=filled.id)


async def _suspend_vendor(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(vendors.suspend_vendor, vendor=asked.words[0], reason=filled.reason)
    return await change(asked, "vendor.suspend", filled.reason, plan)


async def _resume_vendor(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(vendors.resume_vendor, vendor=asked.words[0], reason=filled.reason)
    return await change(asked, "vendor.resume", filled.reason, plan)


async def _add_agreement(asked: Asked, filled: form.AgreementForm) -> object:
    plan = partial(vendors.add_agreement, agreement=filled.agreement())
    return await change(asked, "agreement.add", filled.reason, plan, id=filled.id)


async def _activate(asked: Asked, filled: form.Form) -> object:
    plan = partial(vendors.activate, agreement=asked.words[0], today=today(asked))
    return await change(asked, "agreement.activate", filled.reason, plan)


async def _suspend(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(vendors.suspend, agreement=asked.words[0], reason=filled.reason)
    return await change(asked, "agreement.suspend", filled.reason, plan)


async def _resume(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(vendors.resume, agreement=asked.words[0], reason=filled.reason)
    return await change(asked, "agreement.resume", filled.reason, plan)


async def _terminate(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(vendors.terminate, agreement=asked.words[0], reason=filled.reason, today=today(asked))
    return await change(asked, "agreement.terminate", filled.reason, plan)


async def _add_deployment(asked: Asked, filled: form.DeploymentForm) -> object:
    sealed = None if filled.credential is None else _sealed(asked, filled.id, filled.credential)
    plan = partial(deployments.add_deployment, deployment=filled.deployment(), sealed_credential=sealed)
    return await change(asked, "deployment.add", filled.reason, plan, id=filled.id)


async def _replace_credential(asked: Asked, filled: form.CredentialForm) -> object:
    sealed = _sealed(asked, asked.words[0], filled.credential)
    plan = partial(deployments.replace_credential, deployment=asked.words[0], sealed_credential=sealed)
    return await change(asked, "deployment.credential", filled.reason, plan)


async def _add_route(asked: Asked, filled: form.RouteForm) -> object:
    plan = partial(deployments.add_route, route=filled.route())
    return await change(asked, "route.add", filled.reason, plan, model=filled.model)


async def _remove_route(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(deployments.remove_route, model=asked.words[0])
    return await change(asked, "route.remove", filled.reason, plan)


async def _add_person(asked: Asked, filled: form.PersonForm) -> object:
    credential = new_credential("user", asked.app.keys.api_key_key, os.urandom)
    plan = partial(people.add_person, person=filled.id, roles=filled.roles, credential=credential)
    shown = credential.shown_once.reveal()
    return await change(asked, "person.add", filled.reason, plan, id=filled.id, credential=shown)


async def _set_roles(asked: Asked, filled: form.RolesForm) -> object:
    plan = partial(people.set_roles, person=asked.words[0], roles=filled.roles)
    return await change(asked, "person.roles", filled.reason, plan)


async def _disable_person(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(people.disable_person, person=asked.words[0])
    return await change(asked, "person.disable", filled.reason, plan)


async def _renew_credential(asked: Asked, filled: form.Form) -> object:
    credential = new_credential("user", asked.app.keys.api_key_key, os.urandom)
    plan = partial(people.renew_credential, person=asked.words[0], credential=credential)
    return await change(asked, "person.credential", filled.reason, plan, credential=credential.shown_once.reveal())


async def _confirm_person(asked: Asked, filled: form.Form) -> object:
    plan = partial(two_people.confirm_person, person=asked.words[0])
    return await change(asked, "person.confirm", filled.reason, plan)


async def _create_key(asked: Asked, filled: form.KeyForm) -> object:
    credential = new_credential("live", asked.app.keys.api_key_key, os.urandom)
    plan = partial(
        people.create_key,
        credential=credential,
        name=filled.name,
        owner=filled.owner,
        workspace=filled.workspace,
        models=filled.models,
        purposes=filled.purposes,
        default_purpose=filled.default_purpose,
        expires_at=filled.expires_at,
        now=asked.app.clock().wall,
        calls_per_minute=filled.calls_per_minute,
        calls_at_once=filled.calls_at_once,
        application=filled.application,
        demands_certificate=filled.demands_certificate,
    )
    shown = credential.shown_once.reveal()
    return await change(asked, "key.create", filled.reason, plan, id=credential.id, credential=shown)


async def _rotate_key(asked: Asked, filled: form.RotationForm) -> object:
    credential = new_credential("live", asked.app.keys.api_key_key, os.urandom)
    plan = partial(
        people.rotate_key,
        key=asked.words[0],
        credential=credential,
        overlap_hours=filled.overlap_hours,
        expires_at=filled.expires_at,
        now=asked.app.clock().wall,
    )
    shown = credential.shown_once.reveal()
    return await change(asked, "key.rotate", filled.reason, plan, id=credential.id, credential=shown)


async def _revoke_key(asked: Asked, filled: form.ReasonForm) -> object:
    return await change(asked, "key.revoke", filled.reason, partial(people.revoke_key, key=asked.words[0]))


# The whole API: what is not here is denied (tests enumerate it).
ROUTES: Final = (
    get_route("openapi.json", Permission.REGISTRY_READ, "openapi", _openapi),
    get_route("health", Permission.REGISTRY_READ, "health", _health),
    get_route("simulate", Permission.REGISTRY_READ, "simulate", _simulate, query=("on",)),
    get_route("agreements", Permission.REGISTRY_READ, "agreement.list", _list_agreements),
    post_route("agreements", Permission.AGREEMENT_ADD, "agreement.add", form.AgreementForm, _add_agreement),
    post_route("agreements/{}/activate", Permission.AGREEMENT_ACTIVATE, "agreement.activate", form.Form, _activate),
    post_route("agreements/{}/suspend", Permission.AGREEMENT_SUSPEND, "agreement.suspend", form.ReasonForm, _suspend),
    post_route("agreements/{}/resume", Permission.AGREEMENT_ACTIVATE, "agreement.resume", form.ReasonForm, _resume),
    post_route(
        "agreements/{}/terminate", Permission.AGREEMENT_SUSPEND, "agreement.terminate", form.ReasonForm, _terminate
    ),
    *SINK_ROUTES,
    *DESTINATION_ROUTES,
    *TERMS_ROUTES,
    *ATTESTATION_ROUTES,
    *INSPECTION_ROUTES,
    *RECONCILIATION_ROUTES,
    get_route("vendors", Permission.REGISTRY_READ, "vendor.list", _list_vendors),
    post_route("vendors", Permission.VENDOR_CHANGE, "vendor.add", form.VendorForm, _add_vendor),
    post_route("vendors/{}/suspend", Permission.AGREEMENT_SUSPEND, "vendor.suspend", form.ReasonForm, _suspend_vendor),
    post_route("vendors/{}/resume", Permission.AGREEMENT_ACTIVATE, "vendor.resume", form.ReasonForm, _resume_vendor),
    get_route("deployments", Permission.REGISTRY_READ, "deployment.list", _list_deployments),
    post_route("deployments", Permission.ROUTE_CHANGE, "deployment.add", form.DeploymentForm, _add_deployment),
    post_route(
        "deployments/{}/credential",
        Permission.ROUTE_CHANGE,
        "deployment.credential",
        form.CredentialForm,
        _replace_credential,
    ),
    get_route("routes", Permission.REGISTRY_READ, "route.list", _list_routes),
    post_route("routes", Permission.ROUTE_CHANGE, "route.add", form.RouteForm, _add_route),
    post_route("routes/{}/remove", Permission.ROUTE_CHANGE, "route.remove", form.ReasonForm, _remove_route),
    get_route("people", Permission.REGISTRY_READ, "person.list", _list_people),
    post_route("people", Permission.PERSON_CHANGE, "person.add", form.PersonForm, _add_person),
    post_route("people/{}/roles", Permission.PERSON_CHANGE, "person.roles", form.RolesForm, _set_roles),
    post_route("people/{}/disable", Permission.PERSON_CHANGE, "person.disable", form.ReasonForm, _disable_person),
    post_route("people/{}/credential", Permission.PERSON_CHANGE, "person.credential", form.Form, _renew_credential),
    # Who may open a road may vouch for who else may: the rule is `two_people`'s.
    post_route("people/{}/confirm", Permission.AGREEMENT_ACTIVATE, "person.confirm", form.Form, _confirm_person),
    get_route("keys", Permission.REGISTRY_READ, "key.list", _list_keys),
    post_route("keys", Permission.KEY_CHANGE, "key.create", form.KeyForm, _create_key),
    post_route("keys/{}/rotate", Permission.KEY_CHANGE, "key.rotate", form.RotationForm, _rotate_key),
    post_route("keys/{}/revoke", Permission.KEY_CHANGE, "key.revoke", form.ReasonForm, _revoke_key),
    get_route("ledger/head", Permission.LEDGER_READ, "ledger.head", _ledger_head),
    get_route("ledger/entries", Permission.LEDGER_READ, "ledger.entries", _ledger_entries, query=("from", "to")),
    post_route("ledger/entries/{}/open", Permission.LEDGER_OPEN, "ledger.open", form.OpeningForm, _ledger_open),
    *ACCESS_ROUTES,
    *ACTIVITY_ROUTES,
    *ASSESSMENT_ROUTES,
    *AUDIT_ROUTES,
    *BACKUP_ROUTES,
    *CUSTODY_ROUTES,
    *ROOT_ROUTES,
    *EVIDENCE_ROUTES,
    *GUARD_ROUTES,
    *INCIDENT_ROUTES,
    *OVERSIGHT_ROUTES,
    *PACK_ROUTES,
    *PART2_ROUTES,
    *PRACTICE_ROUTES,
    *PROGRAMME_ROUTES,
    *REGISTER_ROUTES,
    *RIGHTS_ROUTES,
    *RELEASE_ROUTES,
    *REPORT_ROUTES,
    *REVIEW_ROUTES,
    *USAGE_ROUTES,
    *EMERGENCY_ROUTES,
    *GLASS_ROUTES,
    *SCIM_ROUTES,
    *CERTIFICATE_ROUTES,
    *BUDGET_ROUTES,
    *SESSION_ROUTES,
)


# ---- the wire --------------------------------------------------------------------------------------------------------


def _find(method: str, path: str) -> tuple[ApiRoute, tuple[str, ...]]:
    """Return the route and the variable parts of an undecoded path; a model name's slash arrives as %2F."""
    parts = tuple(path.removeprefix(PREFIX).split("/")) if path.startswith(PREFIX) else ()
    is_path_known = False
    for route in ROUTES:
        if len(route.parts) != len(parts) or any(
            wanted not in ("{}", part) for wanted, part in zip(route.parts, parts, strict=True)
        ):
            continue
        is_path_known = True
        if route.method == method:
            words = (part for wanted, part in zip(route.parts, parts, strict=True) if wanted == "{}")
            return route, tuple(unquote(word) for word in words)
    if is_path_known:
        raise NotAllowed(
            "method_not_allowed",
            what="This endpoint does not take that method.",
            why="Every method is denied unless it is listed.",
            fix="GET lists, POST changes.",
            status=405,
        )
    raise NotAllowed(
        "path_unknown",
        what="There is no such endpoint here.",
        why="Every route is denied unless it is listed.",
        fix="GET /api/openapi.json lists the endpoints.",
        status=404,
    )


def _person(headers: Sequence[tuple[bytes, bytes]], registry: Registry, mac_key: bytes) -> Person:
    given = [value for name, value in headers if name == b"authorization"]
    found: Person | Refused = Refused(reason=Reason.CREDENTIAL_MISSING)
    if len(given) == 1 and given[0].startswith(_BEARER) and given[0].isascii():
        found = find_person(Secret(given[0].removeprefix(_BEARER).decode("ascii")), registry, mac_key)
    if isinstance(found, Person):
        return found
    told = found.explanation
    raise NotAllowed(
        found.reason.value,
        what=told.what,
        why=told.why,
        fix="Send your personal credential as `Authorization: Bearer wk_user_...`; an administrator makes a new one.",
        status=told.status,
    )


def _query(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise invalid("query", f"at most {_MOST_FIELDS} name=value pairs") from None
    if len(dict(pairs)) != len(pairs):
        raise invalid("query", "without repeated names")
    return dict(pairs)


async def _body(scope: MutableMapping[str, Any], receive: Receive) -> dict[str, object]:
    check_content_type(scope["headers"])
    return parse(await read_body(receive, MAX_BODY_BYTES)).value


def _whole(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise invalid("index", "a whole number; ranges are given as ?from=N&to=N")
    return int(text)


def _sealed(asked: Asked, deployment: str, credential: str) -> bytes:
    return deployments.seal_credential(
        asked.app.keys, tenant=asked.app.tenant, deployment=deployment, credential=Secret(credential)
    )


def _refusal(reason: Reason) -> tuple[int, object]:
    told = EXPLANATIONS[reason]
    return told.status, _error(reason.value, told.what, told.why, told.fix, None)


def _error(code: str, what: str, why: str, fix: str, index: int | None) -> object:
    return {"error": {"code": code, "what": what, "why": why, "fix": fix, "ledger_index": index}}
