"""`GET /v1/models`: the models a key may use. Names only; what serves them and whether it is open now is not told."""

from datetime import datetime

from wardkeep.gateway.pipeline import Road
from wardkeep.identity.keys import find_key
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.sensitive import Secret


def list_models(road: Road, credential: Secret[str] | None, now: datetime) -> list[str] | Refused:
    """Return the sorted names, or why the caller is not told."""
    if credential is None:
        return Refused(reason=Reason.CREDENTIAL_MISSING)
    registry = road.registry()
    key = find_key(credential, registry, road.credential_mac_key.reveal(), now)
    if isinstance(key, Refused):
        return key
    return sorted(key.models & registry.routes.keys())
