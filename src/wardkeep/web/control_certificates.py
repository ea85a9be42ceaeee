"""The part of the control API for client certificates: issued here for a new key or a request, or brought, and revoked.

A private key made here is in the answer once and kept nowhere.
"""

import asyncio
from functools import partial
from typing import Final

from wardkeep.compliance import certificates
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.forms import Form, ReasonForm
from wardkeep.compliance.terms import invalid
from wardkeep.crypto.ca import ClientIssue, issue_client_certificate
from wardkeep.crypto.certificate import ShownCertificate, read_shown
from wardkeep.crypto.errors import CertificateError
from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route

_PEM_MAX: Final = 16 * 1024


class CertificateForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A certificate for a holder: with neither `csr` nor `certificate` (both PEM) a private key is made here."""

    kind: HolderKind
    holder: str
    days: int = 90
    csr: str | None = None
    certificate: str | None = None


async def _list(asked: Asked) -> object:
    now = asked.app.clock().wall
    return {
        "certificates": [
            {
                "id": each.id,
                "holder": each.holder,
                "not_after": each.not_after.isoformat(),
                "made_by": each.made_by,
                "is_ours": each.is_ours,
                "state": "revoked" if each.is_revoked else "expired" if each.not_after <= now else "active",
            }
            for _, each in sorted(asked.registry.certificates.items(), key=lambda pair: (pair[1].holder, pair[0]))
        ]
    }


async def _add(asked: Asked, filled: CertificateForm) -> object:
    if filled.csr is not None and filled.certificate is not None:
        raise invalid("certificate", "either a signing request or a finished certificate")
    if not 1 <= filled.days <= certificates.DAYS_MAX:
        raise invalid("number of days", f"1 to {certificates.DAYS_MAX}")
    if max(len(filled.csr or ""), len(filled.certificate or "")) > _PEM_MAX:
        raise invalid("certificate", f"PEM text of at most {_PEM_MAX} characters")
    # Before anything is signed: who may not bind it, or to nobody, is refused.
    certificates.check_holder(asked.registry, asked.by, kind=filled.kind, holder=filled.holder)
    issued: ClientIssue | None = None
    if filled.certificate is None:
        issued = await _issued(asked, filled)
    shown = _read(filled.certificate if issued is None else issued.certificate)
    plan = partial(
        certificates.bind,
        kind=filled.kind,
        holder=filled.holder,
        peer_key=shown.peer_key,
        not_after=shown.not_after,
        is_ours=issued is not None,
        now=asked.app.clock().wall,
    )
    told: dict[str, object] = {"id": shown.peer_key, "not_after": shown.not_after.isoformat()}
    if issued is not None:
        told["certificate"] = issued.certificate
        told["private_key"] = None if issued.key is None else issued.key.reveal()
    return await change(asked, "certificate.add", filled.reason, plan, **told)


async def _issued(asked: Asked, filled: CertificateForm) -> ClientIssue:
    authority = asked.app.authority
    if authority is None or not await asyncio.to_thread(authority.key.is_file):
        raise NotAllowed(
            "authority_missing",
            what="This instance has no authority of its own to issue with.",
            why="Its key (tls/ca.key) is not here: certificates come from your own public key infrastructure.",
            fix="Have it issue one for client authentication, and bind it with `--certificate FILE`.",
            status=409,
        )
    try:
        return await asyncio.to_thread(
            issue_client_certificate,
            authority,
            name=holder_name(filled.kind, filled.holder),
            days=filled.days,
            now=asked.app.clock().wall,
            csr=None if filled.csr is None else filled.csr.encode(),
        )
    except CertificateError as error:
        raise NotAllowed(
            "certificate_not_issued",
            what="The certificate was not issued.",
            why=f"This stands against it: {error}.",
            fix="Send a signing request in PEM with an elliptic key, or renew the local authority if it ends.",
            status=400,
        ) from error


def _read(pem: str | None) -> ShownCertificate:
    try:
        return read_shown((pem or "").encode())
    except CertificateError:
        raise invalid("certificate", "one X.509 certificate in PEM") from None


async def _revoke(asked: Asked, filled: ReasonForm) -> object:
    plan = partial(certificates.revoke, certificate=asked.words[0])
    return await change(asked, "certificate.revoke", filled.reason, plan)


CERTIFICATE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("certificates", Permission.REGISTRY_READ, "certificate.list", _list),
    # Which kind of holder takes which permission is `certificates.check_holder`'s; both are held by who changes keys.
    post_route("certificates", Permission.KEY_CHANGE, "certificate.add", CertificateForm, _add),
    post_route("certificates/{}/revoke", Permission.KEY_CHANGE, "certificate.revoke", ReasonForm, _revoke),
)
