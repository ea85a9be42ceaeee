"""Proofs of single entries under the signed head (C2SP tlog-proof), several at once: what `verify.py` checks.

The whole tree is hashed once for all of them; of the headers only those wanted are kept.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Final

from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.audit.ledger import StoredLedger
from wardkeep.audit.tree import inclusion_proofs

_VERSION: Final = "c2sp.org/tlog-proof@v1"
_CHUNK: Final = 20_000


async def entry_proofs(ledger: StoredLedger, indices: Iterable[int]) -> dict[int, bytes]:
    """Return the proofs of the entries that are in the tree of the head.

    Raises:
        LedgerUnavailable: the ledger does not answer, or has fewer entries than its head says.
    """
    head = await ledger.head()
    wanted = {each for each in indices if 0 <= each < head.size}
    hashes: list[bytes] = []
    headers: dict[int, bytes] = {}
    while len(hashes) < head.size:
        at = len(hashes)
        part = await ledger.leaves(at, min(at + _CHUNK, head.size))
        if not part:
            raise LedgerUnavailable("the ledger has fewer entries than its head says")
        headers |= {at + place: header for place, (header, _) in enumerate(part) if at + place in wanted}
        hashes += [leaf for _, leaf in part]
    paths = inclusion_proofs(hashes, wanted)
    return {index: proof_text(headers[index], index, paths[index], head.note) for index in sorted(wanted)}


def proof_text(header: bytes, index: int, path: Sequence[bytes], note: bytes) -> bytes:
    """Return one proof: the header as extra data, the index, the path, and the signed head."""
    lines = [_VERSION, "extra " + b64encode(header).decode(), f"index {index}"]
    return "\n".join([*lines, *(b64encode(node).decode() for node in path)]).encode() + b"\n\n" + note
