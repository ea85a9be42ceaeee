"""Cloud configuration checks on record: how vendors are asked, what was found, and who looked at a contradiction.

Pure, as `vendors`. A check only closes, so the host may record one; what it closed opens again when an officer has
looked, and only where the newest check no longer contradicts the record, or does so in what an officer may accept and
has named (`model.inspection.ACCEPTABLE`). Inconclusive never opens anything (45 CFR 164.308(a)(8)).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from wardkeep.compliance.deployments import check_base_url, inspection_credential_id
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_model, invalid, require, unknown
from wardkeep.compliance.two_people import check_established, check_opener
from wardkeep.model.inspection import ACCEPTABLE, Aspect, Finding, Inspection, Judgement, RouteCheck, Said
from wardkeep.model.registry import Deployment, Person, Registry
from wardkeep.model.residency import Geography
from wardkeep.policy.roles import Permission
from wardkeep.routing.drift import closing, findings_of

REGION_PART: Final = "{region}"
_ACCOUNT: Final = frozenset({"subscription", "resource_group", "resource", "project", "workspace"})
_MOST_ACCEPTED: Final = 16
# A resource's own subdomain: Azure OpenAI and Azure AI services, public and government cloud.
_AZURE_HOSTS: Final = (".azure.com", ".azure.us")


def set_inspection(
    registry: Registry, by: Person, *, inspection: Inspection, sealed_credential: bytes | None = None
) -> tuple[Change, ...]:
    """Record how a vendor is asked about a deployment, in place of what was on record.

    Raises:
        NotAllowed: no permission, no such deployment, or an address that would be given somebody else's credential.
    """
    require(by, Permission.ROUTE_CHANGE)
    deployment = find_deployment(registry, inspection.id)
    if not inspection.account.keys() <= _ACCOUNT:
        raise invalid("account", f"of {', '.join(sorted(_ACCOUNT))}")
    for name, value in inspection.account.items():
        clean_model(value, name)
    _check_account(deployment, inspection.account)
    for url in (inspection.base_url, inspection.token_url):
        if url is not None:
            check_base_url(url.replace(REGION_PART, "region"), may_be_plain=False)
    identifier = inspection_credential_id(inspection.id)
    has_own = sealed_credential is not None or identifier in registry.secrets
    for url in (inspection.base_url, inspection.token_url):
        if url is not None and not has_own and urlsplit(url).hostname != urlsplit(deployment.base_url).hostname:
            # What is asked with is a key that answers calls: it goes to its own vendor only.
            raise _key_missing("with the deployment's own key")
    if sealed_credential is None and identifier in registry.secrets:
        _check_same_hosts(registry.inspections.get(inspection.id), inspection)
    record = replace(inspection, credential=identifier if has_own else None, set_by=by.id)
    changes = [Change(kind=Kind.INSPECTIONS, id=inspection.id, record=record)]
    if sealed_credential is not None:
        changes.append(Change(kind=Kind.SECRETS, id=identifier, record=sealed_credential))
    return tuple(changes)


def _check_account(deployment: Deployment, account: dict[str, str]) -> None:
    """Refuse to ask about another account than the one that answers the calls: a clean one beside it would agree."""
    host = urlsplit(deployment.base_url).hostname or ""
    resource = host.partition(".")[0] if host.endswith(_AZURE_HOSTS) else deployment.project
    rules = {
        "project": (deployment.project, "the deployment's own project"),
        "workspace": (deployment.project, "the deployment's own project"),
        "resource": (resource, "the first part of the deployment's host, or else its project"),
    }
    for name, (own, rule) in rules.items():
        if account.get(name, own).lower() != own.lower():
            raise invalid(name, rule)


def _check_same_hosts(before: Inspection | None, wanted: Inspection) -> None:
    """Refuse to send the key on record to a host that it was not given for.

    An administrator's key at the vendor, or a service principal's secret: whoever may only change routes would have it
    sent wherever they like by changing an address. Who gives the key again has it already. Also an address that is
    left out is another one: the vendor's usual.
    """
    held = before or Inspection(id=wanted.id)
    pairs = ((held.base_url, wanted.base_url), (held.token_url, wanted.token_url))
    if any(_origin_of(old) != _origin_of(new) for old, new in pairs):
        raise _key_missing("with the key that was given for the host on record")


def _origin_of(url: str | None) -> tuple[str, str] | None:
    """Return who is asked at an address: scheme and authority, `{region}` as it stands (RFC 6454 section 4)."""
    return None if url is None else (urlsplit(url).scheme, urlsplit(url).netloc.lower())


def _key_missing(with_what: str) -> NotAllowed:
    return NotAllowed(
        "inspection_credential_missing",
        what=f"The vendor would be asked at another host, {with_what}.",
        why="Whoever holds that key acts as the organisation at the vendor.",
        fix="Give the key for asking in the same form with --credential-file, or leave the addresses as they are.",
        status=400,
    )


def record_check(
    registry: Registry,
    *,
    deployment: str,
    said: Iterable[Said],
    geography: Geography,
    by: str,
    at: datetime,
    asked: str,
) -> tuple[Change, ...]:
    """Record what a vendor told. A contradiction closes the deployment; nothing here opens it. Raises NotAllowed."""
    found = find_deployment(registry, deployment)
    before = registry.route_checks.get(deployment)
    told = findings_of(registry, found, said, geography)
    if before is None:
        record = RouteCheck(id=deployment, at=at, by=by, asked=asked, findings=told)
    else:
        record = replace(before, at=at, by=by, asked=asked, findings=told)
    verdict = record.verdict
    if verdict is Judgement.AGREES:
        record = replace(record, agreed_at=at)
    if verdict is Judgement.DRIFT:
        is_new = record.drifted_at is None
        record = replace(
            record,
            drifted=record.drifted | record.contradicting,
            drifted_at=at if is_new else record.drifted_at,
            confirmed_by=None,
            confirmed_at=None,
        )
    return (Change(kind=Kind.ROUTE_CHECKS, id=deployment, record=record, note=verdict.value),)


def confirm_check(
    registry: Registry, by: Person, *, deployment: str, accept: frozenset[str], at: datetime
) -> tuple[Change, ...]:
    """Let calls go to a deployment again after a contradiction. `accept` names findings that are intended.

    What closed it may stand in the check of another record of the same account: then its own newest check, made since,
    must show what drifted there to be right.

    Raises:
        NotAllowed: no permission, not established, the one who recorded how the vendor is asked, nothing to confirm, or
            what contradicts the record is still there.
    """
    require(by, Permission.AGREEMENT_ACTIVATE)
    closed_by = closing(registry, find_deployment(registry, deployment))
    found = registry.route_checks.get(deployment)
    if not closed_by:
        raise NotAllowed(
            "nothing_to_confirm",
            what="The deployment is not closed by a check.",
            why="Only a contradiction that a check found is confirmed.",
            fix="`wardkeep route checks` shows where each deployment stands.",
            status=409,
        )
    drifted = frozenset(aspect for each in closed_by for aspect in each.drifted)
    if found is None or any(each.drifted_at is not None and found.at < each.drifted_at for each in closed_by):
        raise _drift_stands(drifted)
    _check_acceptable(found, accept)
    record = replace(found, accepted=found.accepted | accept)
    unsettled = record.unsettled_of(drifted)
    if unsettled:
        raise _drift_stands(unsettled)
    note = _note_of_opener(registry, by, registry.inspections.get(deployment))
    done = replace(record, drifted_at=None, drifted=frozenset(), confirmed_by=by.id, confirmed_at=at)
    return (Change(kind=Kind.ROUTE_CHECKS, id=deployment, record=done, note=note or "drift_confirmed"),)


def _note_of_opener(registry: Registry, by: Person, inspection: Inspection | None) -> str | None:
    """Return the note of a single officer. Who chose how the vendor is asked does not judge its answer too."""
    if inspection is None:
        check_established(by)
        return None
    return check_opener(registry, by, inspection.set_by, deed="recorded how the vendor is asked")


def _drift_stands(unsettled: frozenset[Aspect]) -> NotAllowed:
    return NotAllowed(
        "drift_stands",
        what=f"The newest check does not show it to be mended: {', '.join(sorted(unsettled))}.",
        why="What still contradicts the record, or could not be learned since, stays closed.",
        fix="Mend it at the vendor, or record the deployment anew as it is; check again, then confirm. "
        f"What is intended ({', '.join(sorted(ACCEPTABLE))}) is named with --accept.",
        status=409,
    )


def _check_acceptable(found: RouteCheck, accept: frozenset[str]) -> None:
    open_to_it = {
        each.accepted_as for each in found.findings if each.verdict is Judgement.DRIFT and each.aspect in ACCEPTABLE
    }
    if not accept <= open_to_it or len(found.accepted | accept) > _MOST_ACCEPTED:
        raise invalid(
            "accepted finding", f"one of {'; '.join(sorted(open_to_it)) or 'none: nothing here can be accepted'}"
        )


def find_deployment(registry: Registry, deployment: str) -> Deployment:
    """Return a deployment on record. Raises NotAllowed."""
    found = registry.deployments.get(deployment)
    if found is None:
        raise unknown("deployment", "wardkeep route list")
    return found


def inspection_view(inspection: Inspection) -> dict[str, object]:
    """Return how a vendor is asked, without what it is asked with."""
    return {
        "id": inspection.id,
        "base_url": inspection.base_url,
        "account": inspection.account,
        "token_url": inspection.token_url,
        "has_credential": inspection.credential is not None,
    }


def check_view(check: RouteCheck) -> dict[str, object]:
    """Return the newest check of a deployment as it is shown."""
    return {
        "deployment": check.id,
        "verdict": check.verdict.value,
        "closed": check.is_closed,
        "at": check.at.isoformat(timespec="seconds"),
        "by": check.by,
        "asked": check.asked,
        "source": "vendor-reported",
        "findings": [_finding_view(check, each) for each in check.findings],
        "agreed_at": _iso(check.agreed_at),
        "drifted_at": _iso(check.drifted_at),
        "confirmed_by": check.confirmed_by,
        "confirmed_at": _iso(check.confirmed_at),
        "accepted": sorted(check.accepted),
    }


def _finding_view(check: RouteCheck, finding: Finding) -> dict[str, object]:
    return {
        "aspect": finding.aspect.value,
        "on_record": finding.expected,
        "told": finding.words,
        "verdict": finding.verdict.value,
        "accepted": finding.accepted_as in check.accepted,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
