"""Holds the certificate that a connection showed against whoever asks over it, for every face of the console port."""

from datetime import datetime

from wardkeep.model.reasons import RefusalError
from wardkeep.model.registry import Registry
from wardkeep.policy.certificates import check_certificate
from wardkeep.web.asgi import Scope, peer_key_in


def require_shown(scope: Scope, registry: Registry, *, holder: str | None, now: datetime) -> None:
    """Return when the connection showed none, or this holder's; with `holder` None anybody's will do.

    A port that demands one has TLS demand it, so that there is always one to look at.

    Raises:
        RefusalError: what was shown is bound to nobody or somebody else, revoked, or has expired.
    """
    unproven = check_certificate(registry, peer_key_in(scope), holder=holder, is_demanded=False, now=now)
    if unproven is not None:
        raise RefusalError(unproven)
