"""OpenAI and Anthropic by their administrators' interfaces: what an organisation's project or workspace is set to.

OpenAI: `/organization/projects/{project}` and its `/data_retention`, and the organisation's own where the project
follows it. Anthropic: `/v1/organizations/workspaces/{workspace}`; it tells where a workspace stores
and where it lets calls be processed, and nothing of retention, which stays the contract's word.
"""

from typing import Final
from urllib.parse import quote, urlsplit

from wardkeep.model.inspection import ANYWHERE, KEPT, LIVE, ZERO, Aspect, Said
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers, read, unlearned, words_of

_RETENTION: Final = {
    "zero_data_retention": ZERO,
    "enhanced_zero_data_retention": ZERO,
    "modified_abuse_monitoring": KEPT,
    "enhanced_modified_abuse_monitoring": KEPT,
    "none": KEPT,
}
# What is not processed in a place is at home in none; storing alone says nothing of where a call runs.
_PROCESSING: Final = "_STORAGE_PROCESSING"


def inspect_openai(asker: Asker) -> list[Said]:
    """Return what the project is set to. The credential is an admin key."""
    project = asker.named("project")
    if not project or asker.inspection.credential is None or asker.credential is None:
        why = "not on record: an admin key and the project"
        return [unlearned(each, why) for each in (Aspect.STANDING, Aspect.REGION, Aspect.RETENTION)]
    base = f"{asker.base(asker.deployment.base_url)}/organization"
    headers: Headers = (("authorization", Secret(f"Bearer {asker.credential.reveal()}")),)
    told = asker.get(f"{base}/projects/{quote(project, safe='')}", headers)
    kept = asker.get(f"{base}/projects/{quote(project, safe='')}/data_retention", headers)
    if kept.is_good and kept.body.get("type") == "organization_default":
        kept = asker.get(f"{base}/data_retention", headers)
    return [
        read(Aspect.STANDING, told, "status", {"active": LIVE, "archived": "archived"}),
        _residency(told),
        read(Aspect.RETENTION, kept, "type", _RETENTION),
    ]


def _residency(answer: Answer) -> Said:
    """Return where the project's calls are processed; a project of no residency runs anywhere."""
    if not answer.is_good or "residency" not in answer.body:
        return unlearned(Aspect.REGION, answer.failed or "residency is not told")
    name = answer.body["residency"] or "GLOBAL"
    if not isinstance(name, str):
        return unlearned(Aspect.REGION, "residency is not readable")
    means = name.removesuffix(_PROCESSING).lower() if name.endswith(_PROCESSING) else ANYWHERE
    return Said(aspect=Aspect.REGION, means=means, words=words_of(f"residency: {name}"))


def inspect_anthropic(asker: Asker) -> list[Said]:
    """Return what the workspace is set to. The credential is an admin key."""
    workspace = asker.named("workspace")
    aspects = (Aspect.STANDING, Aspect.STORAGE, Aspect.REGION)
    if not workspace or asker.inspection.credential is None or asker.credential is None:
        return [unlearned(each, "not on record: an admin key and the workspace") for each in aspects]
    parts = urlsplit(asker.deployment.base_url)
    base = asker.base(f"{parts.scheme}://{parts.netloc}")
    headers: Headers = (("x-api-key", asker.credential), ("anthropic-version", "2023-06-01"))
    told = asker.get(f"{base}/v1/organizations/workspaces/{quote(workspace, safe='')}", headers)
    if not told.is_good:
        return [unlearned(each, told.failed or "nothing") for each in aspects]
    residency = told.body.get("data_residency")
    held = residency if isinstance(residency, dict) else {}
    is_archived = told.body.get("archived_at", "untold") is not None
    standing = Said(
        aspect=Aspect.STANDING,
        means="archived" if is_archived else LIVE,
        words="archived, or not told" if is_archived else "not archived",
    )
    return [standing, _stored(held), _processed(held, asker.deployment.region)]


def _stored(held: dict[str, object]) -> Said:
    place = held.get("workspace_geo")
    if not isinstance(place, str):
        return unlearned(Aspect.STORAGE, "workspace_geo is not told")
    return Said(aspect=Aspect.STORAGE, means=place, words=words_of(f"workspace_geo: {place}"))


def _processed(held: dict[str, object], region: str | None) -> Said:
    """Return where calls may run. The road names `us` in each call of such a deployment, so allowing it is enough."""
    allowed = held.get("allowed_inference_geos")
    words = words_of(
        f"allowed_inference_geos: {words_of(allowed)}, default: {words_of(held.get('default_inference_geo'))}"
    )
    if allowed == "unrestricted":
        named = ["us", "global"]
    elif isinstance(allowed, list) and allowed and all(isinstance(each, str) for each in allowed):
        named = [str(each) for each in allowed]
    else:
        return unlearned(Aspect.REGION, "allowed_inference_geos is not told")
    means = region if region in named and region is not None else ANYWHERE
    return Said(aspect=Aspect.REGION, means=means, words=words)
