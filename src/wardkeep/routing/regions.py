"""Where a call would be processed, and whether it may be: the residency gate (DESIGN section 6).

Pure. The recorded region is held against what the platform itself tells (host, inference profile, deployment type); a
contradiction or something unknown is refused. Then every residency rule of the workspace must allow the place. What a
vendor reports afterwards is compared by `agrees`, and is the vendor's word only.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Deployment
from wardkeep.model.residency import Geography, PlatformRegions, ResidencyRule, Told

_UNKNOWN: Final = "unknown"
_DECLARED: Final = "declared"
_LOOPBACK: Final = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1|.*\.localhost")
EVERYWHERE: Final = "*"


def processed_in(deployment: Deployment, regions: PlatformRegions) -> str | Refused:
    """Return the region that processes the calls of a deployment, or why that is not known."""
    declared = deployment.region
    if declared is None:
        return Refused(reason=Reason.REGION_UNKNOWN)
    match regions.told:
        case Told.INFERENCE_PROFILE:
            told = _by_profile(deployment, regions.profiles)
        case Told.DEPLOYMENT_TYPE:
            return _by_type(deployment, declared, regions.types)
        case Told.REQUEST:
            # The request carries the geography, put in when the client named none; only these two exist.
            told = declared if declared in {"us", "global"} or _is_loopback(deployment) else _UNKNOWN
        case Told.HOST:
            told = _by_host(deployment, declared, regions.hosts)
        case _:
            return declared
    if told == _UNKNOWN:
        return Refused(reason=Reason.REGION_UNKNOWN)
    return told if told == declared else Refused(reason=Reason.REGION_CONTRADICTED)


def _by_host(deployment: Deployment, declared: str, hosts: Mapping[str, str]) -> str:
    """Return what the address says; one of this machine says nothing, so the record holds."""
    host = urlsplit(deployment.base_url).hostname or ""
    if _is_loopback(deployment):
        return declared
    for template, region in hosts.items():
        before, is_named, after = template.partition("{region}")
        if not is_named and host == template:
            return region
        if is_named and host.startswith(before) and host.endswith(after):
            name = host[len(before) : len(host) - len(after)]
            if name and "." not in name:
                return name
    return _UNKNOWN


def _by_profile(deployment: Deployment, profiles: Mapping[str, str]) -> str:
    """Return the region or geography of an inference profile; a plain model is served where the call enters."""
    model = deployment.model
    if model.startswith("arn:") or "/" in model:
        # An application's own profile does not tell by its name what it spreads over.
        return _UNKNOWN
    for prefix, region in profiles.items():
        if model.startswith(prefix):
            return region
    return deployment.source_region or _UNKNOWN


def _by_type(deployment: Deployment, declared: str, types: Mapping[str, tuple[str, ...]]) -> str | Refused:
    """Return the declared region when the type of deployment allows it to be named."""
    if deployment.deployment_type is None or deployment.deployment_type not in types:
        return Refused(reason=Reason.REGION_UNKNOWN)
    allowed = types[deployment.deployment_type]
    zones = {name for names in types.values() for name in names if name != _DECLARED}
    fits = declared in allowed or (_DECLARED in allowed and declared not in zones)
    return declared if fits else Refused(reason=Reason.REGION_CONTRADICTED)


def _is_loopback(deployment: Deployment) -> bool:
    return _LOOPBACK.fullmatch(urlsplit(deployment.base_url).hostname or "") is not None


def residency_forbids(
    rules: Iterable[ResidencyRule], geography: Geography, *, workspace: str, data_classes: frozenset[str], region: str
) -> Refused | None:
    """Return why a rule forbids the region, or None. All rules that concern the call hold together."""
    for rule in rules:
        if rule.workspace not in (EVERYWHERE, workspace) or rule.data_classes.isdisjoint(data_classes):
            continue
        if rule.regions is not None and region not in rule.regions:
            return Refused(reason=Reason.RESIDENCY_FORBIDS)
        for law in rule.laws:
            place = geography.place_of.get(region)
            if place is None:
                return Refused(reason=Reason.REGION_UNKNOWN)
            if place not in geography.allowed_by.get(law, frozenset()):
                return Refused(reason=Reason.RESIDENCY_FORBIDS)
    return None


def normalised(reported: str) -> str:
    """Return a vendor's spelling of a region as records have it: `East US` is `eastus`."""
    return reported.strip().lower().replace(" ", "")


def agrees(reported: str, region: str, geography: Geography) -> bool:
    """Whether what a vendor reports lies in the recorded region, or in the country that the record names as a whole."""
    name = normalised(reported)
    if name == region:
        return True
    place = geography.place_of.get(name)
    return place is not None and region == place.lower()
