"""Where calls may be processed: what platforms' addresses say, which country a region lies in, and who allows what.

A region's name is the platform's own (`us-east-1`, `eastus`, `us`); its place is a country, or a zone of several.
What is not listed has no place, and where a rule asks for one, no place is a refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Told(StrEnum):
    """What tells where a platform processes a call."""

    DECLARED = "declared"
    HOST = "host"
    INFERENCE_PROFILE = "inference_profile"
    DEPLOYMENT_TYPE = "deployment_type"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRegions:
    """How a platform tells where it processes.

    By host (a template in which `{region}` stands for the name), by prefix of the inference profile, or by type of
    deployment. A value of `declared` leaves it to the record, `unknown` refuses.
    """

    told: Told = Told.DECLARED
    hosts: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencyRule:
    """Where calls of a workspace (`*`: of every one) that carry one of `data_classes` may be processed.

    `regions` names regions exactly; `laws` name state laws whose places hold. Both only narrow, and all rules hold
    together. `removal_by` proposed to take the rule away, which another person does.
    """

    id: str
    workspace: str
    data_classes: frozenset[str]
    regions: frozenset[str] | None
    laws: frozenset[str]
    added_by: str
    removal_by: str | None = None
    removal_under: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """Places of regions, and the places that laws allow."""

    place_of: Mapping[str, str] = field(default_factory=dict)
    allowed_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
