"""`GET /v1/models`: the models a key may use. Names only; what serves them and whether it is open now is not told."""

from datetime import datetime

from wardkeep.gateway.pipeline import Road
from wardkeep.identity.keys import find_key
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.sensitive import Secret
from wardkeep.policy.certificates import check_certificate, holder_of


def list_models(
    road: Road, credential: Secret[str] | None, now: datetime, peer_key: str | None = None
) -> list[str] | Refused:
    """Return the sorted names, or why the caller is not told."""
    if credential is None:
        return Refused(reason=Reason.CREDENTIAL_MISSING)
    registry = road.registry()
    key = find_key(credential, registry, road.credential_mac_key.reveal(), now)
    if isinstance(key, Refused):
        return key
    unshown = check_certificate(registry, peer_key, holder=holder_of(key), is_demanded=key.demands_certificate, now=now)
    if unshown is not None:
        return unshown
    return sorted(key.models & registry.routes.keys())
