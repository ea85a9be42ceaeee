"""The gate of a platform's terms: what the signed scope opened may still stand outside what the platform promises.

Pure, and only ever closes. Each refusal names what is outside, in our own words: a feature, a field, an endpoint.
"""

from collections.abc import Iterable

from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Deployment
from wardkeep.model.terms import Terms


def outside(
    terms: Terms | None,
    deployment: Deployment,
    *,
    endpoint: str | None,
    uses: frozenset[str],
    fields: Iterable[str] = (),
) -> Refused | None:
    """Return what of this call stands outside the platform's terms, or None.

    Args:
        terms: the platform's terms; a platform without terms is one of which nothing is known.
        deployment: where the call would go.
        endpoint: the vendor's endpoint that the call would go to.
        uses: the features of the call and what its fields turn on.
        fields: the names of its top-level fields.
    """
    if terms is None or deployment.dialect not in terms.dialects:
        return Refused(reason=Reason.TERMS_MISSING)
    if endpoint not in terms.endpoints:
        return Refused(reason=Reason.TERMS_ENDPOINT)
    if not uses <= terms.features:
        return Refused(reason=Reason.TERMS_FEATURE, field=min(uses - terms.features))
    denied = terms.fields_denied.intersection(fields)
    return Refused(reason=Reason.TERMS_FIELD, field=min(denied)) if denied else None
