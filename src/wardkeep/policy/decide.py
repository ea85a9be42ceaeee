"""Stage 3: may this caller ask this, for this purpose, about this subject?

Pure. Every missing fact denies. The first rule that fails names the reason; the order is from who, over what for, to
how much, so that the reason a caller sees is the one to mend first.
"""

from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Purpose
from wardkeep.model.stages import Facts, Identified, Permitted

VERSION: Final = "1"

# DESIGN 11, missing facts deny: a capability that does not exist yet is declared not required here, visibly.
REQUIRED: Final = MappingProxyType({"training": False, "policies": False})

# DESIGN 3.6, patient safety: a changed date or dose harms a patient, so on treatment routes they go unchanged.
_KEPT_FOR_TREATMENT: Final = frozenset({"DATE", "AGE"})
_TREATMENT: Final = frozenset({Purpose.TREAT, Purpose.ETREAT})
_UNRESOLVED: Final = frozenset({"unknown", "multiple"})


def decide(identified: Identified, facts: Facts) -> Permitted | Refused:
    """Return the permission, or the reason there is none."""
    call, key, registry = identified.call, identified.key, facts.registry
    if registry.organisation is None:
        return Refused(reason=Reason.FACTS_UNAVAILABLE)
    for fact, overdue, reason in (
        ("training", facts.training_overdue, Reason.TRAINING_OVERDUE),
        ("policies", facts.policies_unsigned, Reason.POLICY_UNSIGNED),
    ):
        if overdue is None:
            if REQUIRED[fact]:
                return Refused(reason=Reason.FACTS_UNAVAILABLE)
        elif identified.owner.id in overdue:
            return Refused(reason=reason)
    purpose = _purpose(call.purpose, key.default_purpose)
    if isinstance(purpose, Refused):
        return purpose
    if purpose not in key.purposes:
        return Refused(reason=Reason.PURPOSE_NOT_PERMITTED)
    route = registry.routes.get(call.model) if call.model is not None else None
    if route is None:
        missing = Reason.FIELD_MISSING if call.model is None else Reason.MODEL_UNKNOWN
        return Refused(reason=missing, field="model")
    if route.model not in key.models:
        return Refused(reason=Reason.ROUTE_NOT_PERMITTED)
    if route.requires_subject and call.subject is None:
        return Refused(reason=Reason.SUBJECT_MISSING)
    return Permitted(
        identified=identified,
        facts=facts,
        route=route,
        purpose=purpose,
        subject=None if call.subject in _UNRESOLVED else call.subject,
        keeps=_KEPT_FOR_TREATMENT if purpose in _TREATMENT else frozenset(),
    )


def _purpose(stated: str | None, default: Purpose | None) -> Purpose | Refused:
    if stated is None:
        return default if default is not None else Refused(reason=Reason.PURPOSE_MISSING)
    try:
        return Purpose(stated)
    except ValueError:
        return Refused(reason=Reason.PURPOSE_UNKNOWN)
