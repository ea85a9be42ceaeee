"""Builds the road of one process from keys, facts and a sequencer."""

from collections.abc import Awaitable, Callable
from functools import partial

from wardkeep.compliance.deployments import open_credential
from wardkeep.compliance.facts import FactsSource
from wardkeep.crypto.compression import require_dictionaries
from wardkeep.crypto.keys import DataKeys
from wardkeep.gateway.attesting import Attestor
from wardkeep.gateway.pipeline import Road
from wardkeep.gateway.record import Recorder, Sequencer
from wardkeep.gateway.subjects import SubjectCache
from wardkeep.identity.tokens import Tokens
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.model.sensitive import Secret
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.installed import detector_for, installed_screen
from wardkeep.providers.anthropic import Anthropic
from wardkeep.providers.anthropic_chat import AnthropicChat
from wardkeep.providers.azure import Azure
from wardkeep.providers.bedrock import BedrockAnthropic
from wardkeep.providers.contract import Provider, origin_of, token_origin_of
from wardkeep.providers.converse import BedrockConverse
from wardkeep.providers.openai import OpenAI
from wardkeep.providers.openai_messages import OpenAIMessages
from wardkeep.providers.vertex import TokenExchange, VertexAnthropic, VertexOpenAI
from wardkeep.transport.pool import Pool


def build_road(
    *,
    keys: DataKeys,
    sequencer: Sequencer,
    owner: str,
    clock: Callable[[], Instant],
    registry: Callable[[], Registry],
    refresh: Callable[[], Awaitable[None]],
    newest_entry_us: int,
    detector: Detector,
    pool: Pool,
) -> Road:
    """Connect the stages. `owner` names this process in the ledger's open entries.

    Raises:
        CryptoError: what records are packed with is missing from the installation.
    """
    facts = FactsSource(clock, newest_entry_us=newest_entry_us)

    require_dictionaries()
    installed_screen()  # compiled here, or the first call would wait for it
    opened: dict[str, tuple[bytes, Secret[str]]] = {}

    def credential_for(held: Registry, name: str) -> Secret[str]:
        """Open a credential once; a replaced one is another body, and the old one is forgotten with it."""
        body = held.secrets[name]
        known = opened.get(name)
        if known is None or known[0] != body:
            known = opened[name] = body, open_credential(keys, tenant=keys.tenant, identifier=name, body=body)
        return known[1]

    return Road(
        registry=registry,
        facts_now=facts.now,
        credential_for=credential_for,
        detector=detector,
        # Built when the first route asks for it: few do, and it is as large as the other.
        strict_detector=partial(detector_for, "strict"),
        providers=build_providers(pool, clock),
        recorder=Recorder(sequencer=sequencer, keys=keys, subjects=SubjectCache(keys=keys), owner=owner, clock=clock),
        credential_mac_key=Secret(keys.api_key_key),
        surrogate_key=Secret(keys.surrogate_key),
        refresh=refresh,
        attestor=Attestor(pool=pool, clock=clock),
        tokens=Tokens(),
    )


def build_providers(pool: Pool, clock: Callable[[], Instant]) -> dict[str, Provider]:
    """Return one provider for each dialect of `model.dialects`."""
    tokens = TokenExchange(pool, clock)
    return {
        "openai": OpenAI(pool),
        "azure-openai": Azure(pool),
        "vertex-openai": VertexOpenAI(pool, tokens),
        "anthropic": Anthropic(pool),
        "anthropic-chat": AnthropicChat(pool),
        "openai-messages": OpenAIMessages(pool),
        "bedrock-anthropic": BedrockAnthropic(pool, clock),
        "bedrock-converse": BedrockConverse(pool, clock),
        "vertex-anthropic": VertexAnthropic(pool, tokens),
    }


def allow_origins(pool: Pool, registry: Registry) -> tuple[str, ...]:
    """Let the pool reach the registry's deployments and nothing else; return the ids that cannot be reached.

    One wrong address closes its own deployment, not the others.
    """
    origins = {deployment.id: origin_of(deployment) for deployment in registry.deployments.values()}
    tokens = {each.id: origin for each in registry.deployments.values() if (origin := token_origin_of(each))}
    refused = pool.set_origins([*origins.values(), *tokens.values()])
    return tuple(name for name, origin in origins.items() if origin in refused or tokens.get(name) in refused)
