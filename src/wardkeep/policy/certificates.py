"""What a connection's certificate must be for whoever asks over it (45 CFR 164.312(d)). Pure.

A certificate that is shown must hold, demanded or not: a claim that is false is refused, never overlooked. That it was
issued by the authority which the settings name is checked by TLS before anything is read.
"""

from datetime import datetime

from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Registry


def holder_of(key: ApiKey) -> str:
    """Return whose certificate goes with a key: its application's, or its owner's where it has none."""
    if key.application is not None:
        return holder_name(HolderKind.APPLICATION, key.application)
    return holder_name(HolderKind.PERSON, key.owner)


def check_certificate(
    registry: Registry, peer_key: str | None, *, holder: str | None, is_demanded: bool, now: datetime
) -> Refused | None:
    """Return why the connection does not serve this holder, or None. With `holder` None anybody's will do."""
    if peer_key is None:
        return Refused(reason=Reason.CERTIFICATE_MISSING) if is_demanded else None
    found = registry.certificates.get(peer_key)
    if found is None:
        return Refused(reason=Reason.CERTIFICATE_UNKNOWN)
    if found.is_revoked:
        return Refused(reason=Reason.CERTIFICATE_REVOKED)
    if found.not_after <= now:
        return Refused(reason=Reason.CERTIFICATE_EXPIRED)
    if holder is not None and found.holder != holder:
        return Refused(reason=Reason.CERTIFICATE_OF_ANOTHER)
    return None
