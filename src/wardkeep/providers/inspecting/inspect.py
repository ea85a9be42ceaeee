"""Which platform is asked how. A platform that tells nothing gives nothing, and nothing is never a pass."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from wardkeep.model.inspection import Aspect, Inspection, Said
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Deployment
from wardkeep.model.sensitive import Secret
from wardkeep.providers.contract import origin_of
from wardkeep.providers.inspecting import azure, bedrock, local, organisations, vertex
from wardkeep.providers.inspecting.asker import Asker, unlearned
from wardkeep.transport.pool import Origin

INSPECTORS: Final[Mapping[str, Callable[[Asker], list[Said]]]] = MappingProxyType(
    {
        "aws-bedrock": bedrock.inspect,
        "azure-openai": azure.inspect,
        "openai-api": organisations.inspect_openai,
        "anthropic-api": organisations.inspect_anthropic,
        "google-vertex": vertex.inspect,
        "self-hosted": local.inspect,
    }
)


def ask_vendor(
    deployment: Deployment, inspection: Inspection, credential: Secret[str] | None, clock: Callable[[], Instant]
) -> list[Said]:
    """Return what the vendor says of a deployment. Blocks for seconds; every failure is among what is returned."""
    inspector = INSPECTORS.get(deployment.platform)
    if inspector is None:
        return []
    try:
        return inspector(asker_for(deployment, inspection, credential, clock))
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # A vendor may answer in any shape: what is not understood is not learned, and ends nothing else.
        return [unlearned(each, f"the answer is not readable ({type(error).__name__})") for each in Aspect]


def asker_for(
    deployment: Deployment, inspection: Inspection, credential: Secret[str] | None, clock: Callable[[], Instant]
) -> Asker:
    """Return what asks about a deployment; its time runs from now."""
    own = origin_of(deployment)

    def origin(url: str) -> Origin:
        # The authority and the leave to speak plainly are the deployment's; a cloud's front has a public certificate.
        is_own = urlsplit(url).hostname == urlsplit(deployment.base_url).hostname
        return own if is_own else Origin(url=url)

    return Asker(
        deployment=deployment,
        inspection=inspection,
        credential=credential,
        clock=clock,
        origin=origin,
        began_ns=clock().mono_ns,
    )


def asked_at(deployment: Deployment, inspection: Inspection) -> str:
    """Return the host that is asked, as evidence names it."""
    usual = {"aws-bedrock": bedrock.USUAL, "azure-openai": azure.USUAL}.get(deployment.platform, deployment.base_url)
    return urlsplit(inspection.base_url or usual).netloc
