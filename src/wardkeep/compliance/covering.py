"""Whether an agreement covers a place that data goes to, as one rule for sinks, archives and every other destination.

Pure. An agreement covers a place when it is active, was activated by two people, holds today, is with the party that
receives, and one of its scopes names the place and its region: nothing is joined across scopes.
"""

from datetime import date

from wardkeep.model.registry import Agreement, AgreementStatus, Registry


def not_in_force(registry: Registry, agreement: str | None, today: date) -> str | None:
    """Return why an agreement opens nothing today, or None when it stands."""
    found = None if agreement is None else registry.agreements.get(agreement)
    if found is None:
        return "there is no such agreement"
    if found.status is not AgreementStatus.ACTIVE:
        return "its agreement is not active"
    if not is_activated_by_two(registry, found):
        return "its agreement was not activated by a second person"
    if today < found.effective_on or (found.expires_on is not None and today > found.expires_on):
        return "its agreement does not hold today"
    vendor = registry.vendors.get(found.vendor)
    if vendor is None or vendor.suspended_because is not None:
        return "its party is suspended or not on record"
    return None


def not_covered(
    registry: Registry, agreement: str | None, *, party: str, region: str, platform: str, endpoint: str, today: date
) -> str | None:
    """Return why an agreement does not cover a place today, or None when it does."""
    because = not_in_force(registry, agreement, today)
    if because is not None or agreement is None:
        return because
    found = registry.agreements[agreement]
    if not party or party != found.party:
        return "its agreement is with another party"
    named = [scope for scope in found.scopes if scope.platform == platform and endpoint in scope.endpoints]
    if not named:
        return "no scope of its agreement names this destination"
    if not any(region in scope.regions for scope in named):
        return "its agreement covers no such region"
    return None


def is_activated_by_two(registry: Registry, agreement: Agreement) -> bool:
    """Whether another person than the recorder activated it, or the one who accepted to be the only officer."""
    alone = registry.organisation.single_officer_accepted_by if registry.organisation is not None else None
    return agreement.activated_by is not None and (
        agreement.activated_by != agreement.added_by or agreement.activated_by == alone
    )
