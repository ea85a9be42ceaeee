"""The part of the control API for evidence packs: the facts, and the entry that binds a pack's manifest.

An auditor may take both: nothing is changed by them. Taking the facts is a reading on record; so is the manifest, whose
hash stands in a leaf, so that the ledger's own signature binds every file of the pack.
"""

from datetime import date
from importlib.metadata import version
from typing import Final

import msgspec

from wardkeep.audit.checkpoint import verifier_key_text
from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.proofs import entry_proofs
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.forms import ReasonForm
from wardkeep.compliance.pack import check_period, chosen, limits, pack_facts, read_period
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.compliance.status import Known, read_window, statuses
from wardkeep.compliance.status_programme import all_queries
from wardkeep.compliance.terms import clean_reason, invalid
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, get_route, post_route, today

_HASH_LENGTH: Final = 64


class PackForm(ReasonForm, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The period and the controls; none named is all. `reason` is for whom the pack is, sealed."""

    first: date
    last: date
    controls: tuple[str, ...] = ()


class ManifestForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hash of a pack's manifest."""

    sha256: str


async def _known(asked: Asked) -> Known:
    registry, read_at = asked.registry, asked.app.clock().wall
    window = await read_window(asked.app.reader.ledger, now=asked.app.clock().wall)
    return Known(
        now=asked.app.clock().wall, today=today(asked), window=window, registry=registry, registry_read_at=read_at
    )


async def _facts(asked: Asked, filled: PackForm) -> object:
    day, catalogue, ledger = today(asked), load_catalogue(), _ledger(asked)
    check_period(filled.first, filled.last, day)
    wanted = chosen(catalogue, filled.controls)
    organisation = asked.registry.organisation
    zone = "UTC" if organisation is None else organisation.zone
    detail: dict[str, str | int | bool] = {
        "action": "evidence.pack",
        "first": filled.first.isoformat(),
        "last": filled.last.isoformat(),
        "controls": len(wanted),
    }
    read_index = await asked.app.reader.note_reading(asked.by, detail, clean_reason(filled.reason))
    known = await _known(asked)
    head = await ledger.head()
    facts = pack_facts(
        asked.registry,
        catalogue=catalogue,
        statuses=statuses(catalogue, known, all_queries()),
        wanted=wanted,
        period=await read_period(ledger, filled.first, filled.last, zone),
        first=filled.first,
        last=filled.last,
        now=asked.app.clock(),
        today=day,
        texts=load_texts(),
        version=version("wardkeep"),
        head={"size": head.size, "root": head.root.hex()},
    )
    samples = {sample["entry"] for each in facts["controls"] for sample in each["samples"]}
    proofs = await entry_proofs(ledger, samples)
    return {
        **facts,
        "read_index": read_index,
        "public_key": verifier_key_text(ledger.verifier_key),
        "proofs": {str(index): proof.decode() for index, proof in proofs.items()},
    }


async def _bind(asked: Asked, filled: ManifestForm) -> object:
    if len(filled.sha256) != _HASH_LENGTH or not set(filled.sha256) <= set("0123456789abcdef"):
        raise invalid("hash of the manifest", "64 hexadecimal digits (sha256)")
    detail: dict[str, str | int | bool] = {"action": "evidence.bind", "manifest": filled.sha256}
    index = await asked.app.reader.note_reading(asked.by, detail, "evidence pack")
    proofs = await entry_proofs(_ledger(asked), {index})
    return {"ledger_index": index, "proof": proofs[index].decode()}


def _ledger(asked: Asked) -> StoredLedger:
    ledger = asked.app.reader.ledger
    if not isinstance(ledger, StoredLedger):
        raise LedgerUnavailable("packs are made from the ledger on this host")
    return ledger


async def _limits(asked: Asked) -> object:
    catalogue = load_catalogue()
    return limits(catalogue, statuses(catalogue, await _known(asked), all_queries()))


PACK_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("evidence/limits", Permission.LEDGER_READ, "evidence.limits", _limits),
    post_route("evidence/pack", Permission.LEDGER_READ, "evidence.pack", PackForm, _facts),
    post_route("evidence/pack/bind", Permission.LEDGER_READ, "evidence.bind", ManifestForm, _bind),
)
