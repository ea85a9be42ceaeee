"""Calls as the road records them, sealed by the real keys, for tests of what finds and counts them."""

import secrets
from datetime import UTC, datetime, timedelta

import msgspec

from wardkeep.audit.entry import SEALED_FIELD, SEALED_TABLE, SEALED_VERSION, Draft, Header, encode_body, timestamp
from wardkeep.crypto.envelope import seal
from wardkeep.crypto.mac import mac, sha256

DAY = datetime(2026, 11, 20, 15, tzinfo=UTC)


def tag_of(instance, subject):
    return (
        "unresolved" if subject is None else mac(instance.keys.blind_index_key, b"subject", subject.encode())[:16].hex()
    )


def _draft(instance, kind, payload, *, at, closes=None, **facts):
    entry_id = secrets.token_bytes(16)
    sealed = seal(
        instance.keys, plaintext=payload, tenant="tenant-0", table=SEALED_TABLE, record_id=entry_id,
        field=SEALED_FIELD, version=SEALED_VERSION,
    )  # fmt: skip
    header = Header(
        type=kind, id=entry_id.hex(), at=timestamp(at), mono=1, boot="boot-0", policy="1", **facts,
        ct_sha256=sha256(sealed.ciphertext).hex(), ct_len=len(sealed.ciphertext), key=sealed.key_id,
        commit=sealed.commitment.hex(),
    )  # fmt: skip
    detail = header.detail
    assert detail is None or "type" not in detail
    return Draft(
        id=entry_id, kind=kind, body=encode_body(header), payload=sealed.ciphertext, owner="test", closes=closes
    )


async def called(
    instance, subject, *, asked="hello", answer="well", at=DAY, actor="key:app1", person=None, purpose="TREAT",
    vendor="openai", baa="baa-1", route="chat", workspace="default", tokens=10,
):  # fmt: skip
    """Record one answered call; return the indices of request and response."""
    body = msgspec.msgpack.encode(
        {"asked": msgspec.json.encode({"messages": [{"content": asked}]}), "subject": subject}
    )
    detail = {"owner": "admin", "hidden": "NAME=1", "features": ""} | ({"person": person} if person else {})
    request = _draft(
        instance, "request", body, at=at, actor=actor, workspace=workspace, purpose=purpose,
        subject=tag_of(instance, subject), surface="chat_completions", route=route, deployment="openai-us",
        vendor=vendor, baa=baa, epoch=1, decision="permitted", model="sim-echo", region="us", detail=detail,
    )  # fmt: skip
    (opened,) = await instance.ledger.append([request])
    response = _draft(
        instance, "response", msgspec.json.encode({"text": answer}), at=at + timedelta(seconds=1), closes=request.id,
        parent=request.id.hex(), seq=0, decision="answered", status=200, tokens_in=tokens, tokens_out=tokens,
    )  # fmt: skip
    (closed,) = await instance.ledger.append([response])
    return opened.index, closed.index


async def refused(instance, subject, *, code="baa_expired", at=DAY, actor="key:app1", purpose="TREAT"):
    """Record one refused call; return its index."""
    draft = _draft(
        instance, "refusal", msgspec.msgpack.encode({"asked": b"{}"}), at=at, actor=actor, workspace="default",
        purpose=purpose, subject=tag_of(instance, subject), route="chat", decision=code,
    )  # fmt: skip
    (receipt,) = await instance.ledger.append([draft])
    return receipt.index
