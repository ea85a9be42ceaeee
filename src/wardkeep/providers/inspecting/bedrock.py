"""Amazon Bedrock: the regions of the inference profile, data retention in each of them, model invocation logging.

Bedrock API reference: GetInferenceProfile, GetAccountDataRetention, GetModelInvocationLoggingConfiguration. Retention
and logging are settings of one region and do not spread, so each region that may process the call is asked (`{region}`
in the address stands for its name).
"""

import re
from typing import Any, Final
from urllib.parse import quote, urlsplit

from wardkeep.crypto.sigv4 import sign_request
from wardkeep.model.inspection import KEPT, OFF, ON, SHARED, ZERO, Aspect, Said
from wardkeep.model.reasons import RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.providers.bedrock import read_keys
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers, mark_of, unlearned, words_of

USUAL: Final = "https://bedrock.{region}.amazonaws.com"
GLOBAL: Final = "global"
_MODES: Final = {"none": ZERO, "default": KEPT, "provider_data_share": SHARED}
_MOST_REGIONS: Final = 8
_PLACES: Final = (("cloudWatchConfig", "logGroupName"), ("s3Config", "bucketName"))
# What a vendor tells becomes part of a host that is asked next.
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z0-9]{1,12}){1,4}")
_DELIVERIES: Final = ("text", "image", "embedding", "video", "audio")


def inspect(asker: Asker) -> list[Said]:
    """Return what Bedrock says of the deployment's model and of the account in each of its regions."""
    entered = asker.deployment.source_region
    if entered is None or asker.credential is None:
        return [unlearned(Aspect.REGION, "no region to enter by, or no credential to ask with")]
    said: list[Said] = []
    regions = [entered]
    if _is_profile(asker.deployment.model):
        profile = _ask(asker, entered, f"/inference-profiles/{quote(asker.deployment.model, safe='')}")
        found = _regions(profile)
        if found is None:
            said.append(unlearned(Aspect.REGION, profile.failed or "the profile names no regions"))
        else:
            said.append(Said(aspect=Aspect.REGION, means=",".join(found), words=words_of(" ".join(found))))
            regions = sorted({entered, *(each for each in found if each != GLOBAL)})
    if len(regions) > _MOST_REGIONS:
        said.append(unlearned(Aspect.RETENTION, f"{len(regions)} regions are more than are asked"))
    for region in regions[:_MOST_REGIONS]:
        said.append(_retention(_ask(asker, region, "/data-retention"), region))
        said.append(_logging(_ask(asker, region, "/logging/modelinvocations"), region))
    return said


def _is_profile(model: str) -> bool:
    """Whether the name is an inference profile's: `us.anthropic.claude-...` has one more part than a plain model."""
    return model.startswith("arn:") or model.partition(".")[0] in {
        "us", "us-gov", "eu", "apac", "jp", "au", "ca", GLOBAL,
    }  # fmt: skip


def _regions(answer: Answer) -> list[str] | None:
    """Return the regions of a profile's model ARNs (`arn:aws:bedrock:REGION::foundation-model/...`)."""
    models: Any = answer.body.get("models")
    if not answer.is_good or not isinstance(models, list) or not models:
        return None
    found = set()
    for each in models:
        parts = str(each.get("modelArn", "") if isinstance(each, dict) else "").split(":")
        if len(parts) < 6 or parts[0] != "arn" or parts[2] != "bedrock":
            return None
        if parts[3] and _REGION.fullmatch(parts[3]) is None:
            return None
        found.add(parts[3] or GLOBAL)
    return sorted(found)


def _retention(answer: Answer, region: str) -> Said:
    mode = answer.body.get("mode")
    if not answer.is_good or not isinstance(mode, str):
        return unlearned(Aspect.RETENTION, f"{region}: {answer.failed or 'mode is not told'}")
    return Said(aspect=Aspect.RETENTION, means=_MODES.get(mode), words=words_of(f"{region}: {mode}"))


def _logging(answer: Answer, region: str) -> Said:
    """Return whether invocations are logged: a configuration that delivers any kind of content is on."""
    if not answer.is_good:
        return unlearned(Aspect.LOGGING, f"{region}: {answer.failed}")
    held = answer.body.get("loggingConfig")
    if held is None or held == {}:
        return Said(aspect=Aspect.LOGGING, means=OFF, words=words_of(f"{region}: off"))
    if not isinstance(held, dict):
        return unlearned(Aspect.LOGGING, f"{region}: not readable")
    kinds = [kind for kind in _DELIVERIES if held.get(f"{kind}DataDeliveryEnabled") is not False]
    places = [f"{name} {_named(held, name, member)}" for name, member in _PLACES if held.get(name)]
    # The mark stands before what may be cut: the same kinds to another place are another finding.
    told = f"{region}: {mark_of(held)} {' '.join(kinds) or 'metadata only'} to {' '.join(places) or 'nowhere'}"
    return Said(aspect=Aspect.LOGGING, means=ON if kinds else OFF, words=words_of(told))


def _named(held: dict[str, Any], place: str, member: str) -> str:
    config = held.get(place)
    return words_of(config.get(member, "unnamed")) if isinstance(config, dict) else "unnamed"


def _ask(asker: Asker, region: str, path: str) -> Answer:
    url = asker.base(USUAL).replace("{region}", region)
    try:
        headers = _signed(asker, url, path, region)
    except RefusalError:
        return Answer(failed="the credential is no access key")
    return asker.get(url + path, headers)


def _signed(asker: Asker, url: str, path: str, region: str) -> Headers:
    assert asker.credential is not None
    text = asker.credential.reveal()
    if not text.startswith("{"):
        return (("authorization", Secret(f"Bearer {text}")),)
    parts = urlsplit(url)
    return sign_request(
        read_keys(asker.credential),
        method="GET",
        host=parts.netloc.lower(),
        path=parts.path + path,
        body=b"",
        region=region,
        service="bedrock",
        at=asker.clock().wall,
        headers={"accept": "application/json"},
    )
