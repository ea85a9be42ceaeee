"""What one ledger entry says: a small header without PHI, whose exact stored bytes are the Merkle leaf.

45 CFR 164.312(b). A worker encodes the body; the sequencer puts `{"v":1,"index":N,"prev":"<leaf hash of N-1>",` in
front of it, so that a swapped or moved entry names its own true index. Verifiers hash stored bytes and never
re-serialise. The format is forever: fields may be added at the end, before `detail`; none changes meaning.

Prompts, responses and the surrogate map are the sealed payload beside the header, bound to it by hash, length, key id
and key commitment.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal, TypeAlias

import msgspec

from wardkeep.audit.errors import DraftMalformed

MAX_LEAF_BYTES: Final = 2048
ZERO_HASH: Final = bytes(32)

# The place of every sealed payload, whoever seals it; it is in each AAD, so it never changes.
SEALED_TABLE: Final = "entries"
SEALED_FIELD: Final = "payload"
SEALED_VERSION: Final = 1
_PREFIX_BYTES: Final = 120  # room for version, an index of 20 digits and the previous hash
_CIPHERTEXT_HASH: Final = b'"ct_sha256":"'

Kind: TypeAlias = Literal[
    "request",
    "segment",
    "response",
    "aborted",
    "refusal",
    "control",
    "read",
    "start",
    "canary",
    "session",
    "alarm",
    "shred",
    "backup",
]


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The PHI-free facts of one entry; absent ones are left out. `subject` is a blind index, never a name or number."""

    type: Kind
    id: str
    at: str
    mono: int
    boot: str
    actor: str | None = None
    workspace: str | None = None
    purpose: str | None = None
    subject: str | None = None
    surface: str | None = None
    route: str | None = None
    deployment: str | None = None
    vendor: str | None = None
    baa: str | None = None
    policy: str | None = None
    epoch: int | None = None
    decision: str | None = None
    model: str | None = None
    region: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    parent: str | None = None
    seq: int | None = None
    status: int | None = None
    sent_sha256: str | None = None
    ct_sha256: str | None = None
    ct_len: int | None = None
    key: str | None = None
    commit: str | None = None
    len: int | None = None
    spool: int | None = None
    detail: dict[str, str | int | bool] | None = None


class StoredHeader(Header, frozen=True, kw_only=True, omit_defaults=True):
    """A header as read back, with what the sequencer put in front."""

    v: int
    index: int
    prev: str


class Draft(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is appended. `id` is 16 bytes; `body` is the header's JSON; `payload` the ciphertext it names.

    `owner` is the process that will close a request; `closes` the request that this entry closes. A draft with
    `facts_epoch` is refused once a control entry is newer than those facts.
    """

    id: bytes
    kind: Kind
    body: bytes
    payload: bytes | None = None
    owner: str = ""
    closes: bytes | None = None
    facts_epoch: int | None = None


def timestamp(at: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds. Raises ValueError for a time without zone."""
    if at.utcoffset() is None:
        raise ValueError("times are aware")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def encode_body(header: Header) -> bytes:
    """Return the header's compact JSON.

    Raises:
        DraftMalformed: a key of `detail` is a header field's name, which would make searches by field ambiguous.
    """
    if header.detail is not None and not header.detail.keys().isdisjoint(StoredHeader.__struct_fields__):
        raise DraftMalformed("a detail key repeats a header field")
    return msgspec.json.encode(header)


def decode(leaf: bytes) -> StoredHeader:
    """Parse stored leaf bytes; unknown fields of later versions are ignored.

    Raises:
        DraftMalformed: the bytes are no header.
    """
    try:
        return msgspec.json.decode(leaf, type=StoredHeader)
    except msgspec.DecodeError as error:
        raise DraftMalformed("the stored header does not parse") from error


def check_draft(draft: Draft) -> None:
    """Return when the draft keeps the entry format, so that no caller can make the log's own verifier complain.

    Raises:
        DraftMalformed: id, type, size or payload hash contradict each other.
    """
    body, payload = draft.body, draft.payload
    if len(draft.id) != 16 or not body.startswith(
        b'{"type":"%b","id":"%b"' % (draft.kind.encode(), draft.id.hex().encode())
    ):
        raise DraftMalformed("the body does not begin with the draft's type and id")
    if len(body) + _PREFIX_BYTES > MAX_LEAF_BYTES or not body.endswith(b"}"):
        raise DraftMalformed("the header is longer than a leaf may be, or is no JSON object")
    at = body.find(_CIPHERTEXT_HASH)
    if payload is None:
        if at >= 0:
            raise DraftMalformed("the header names a payload that is not there")
        return
    start = at + len(_CIPHERTEXT_HASH)
    if at < 0 or body[start : start + 64] != sha256(payload).hexdigest().encode():
        raise DraftMalformed("the header does not name this payload")
    if b'"ct_len":%d,' % len(payload) not in body or b'"commit":"' not in body:
        raise DraftMalformed("the header lacks the payload's length or key commitment")


def spooled(draft: Draft, number: int) -> Draft:
    """Return a draft as it is merged: marked with its number in the spool that it waited in.

    The facts it was decided on are those of its time; that they still were is the spool's to know.
    """
    return msgspec.structs.replace(draft, body=b'%b,"spool":%d}' % (draft.body[:-1], number), facts_epoch=None)


def leaf_bytes(index: int, previous: bytes, body: bytes) -> bytes:
    """Return the exact leaf: the sequencer's fields, then the body."""
    return b'{"v":1,"index":%d,"prev":"%b",%b' % (index, previous.hex().encode(), body[1:])
