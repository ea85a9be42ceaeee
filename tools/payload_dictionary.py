"""Train the dictionary of `wardkeep.crypto.compression` on this project's own made-up text, reproducibly.

    .venv/bin/python tools/payload_dictionary.py --number 1 --out src/wardkeep/crypto/data

Samples are the documents of `model/corpus/train`, each as a call's payload holds it: a request of one of the two wire
formats with edits and restore map, a whole answer, a streamed piece. `model/corpus/valid` is never trained on. A number
that was released is never written again: records name it.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from backports import zstd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from model.corpus import Document, own  # noqa: E402

BYTES = 112 << 10
SYSTEM = (
    "You are a clinical documentation assistant.",
    "You are a helpful assistant for clinicians. Answer in short sentences.",
    "Summarise the note for the treating physician.",
    "You draft letters to patients in plain language.",
)
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "llama-3.1-8b-instruct")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    documents = [document for path in sorted((ROOT / "model/corpus/train").glob("*.txt")) for document in own(path)]
    samples = [sample for number, document in enumerate(documents) for sample in payloads(number, document)]
    data = zstd.train_dict(samples, BYTES).dict_content
    name = f"payloads-{options.number}.zdict"
    path, listed = options.out / name, options.out / "manifest.json"
    if path.exists():
        raise SystemExit(f"{name} is there already; a released dictionary never changes: take the next number")
    manifest = json.loads(listed.read_text()) if listed.exists() else {}
    manifest[name] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "documents": len(documents),
        "samples": len(samples),
        "sources": ["model/corpus/train (written for this project, all people invented)"],
        "licence": "Apache-2.0",
        "made_by": "tools/payload_dictionary.py",
        "zstd": zstd.zstd_version,
    }
    path.write_bytes(data)
    listed.write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{name}: {len(data)} bytes from {len(samples)} samples of {len(documents)} documents")


def payloads(number: int, document: Document) -> Iterator[bytes]:
    """Yield what a call about this document leaves: mostly its request, else an answer."""
    text, model, system = document.text, MODELS[number % len(MODELS)], SYSTEM[number % len(SYSTEM)]
    if number % 3 == 2:
        yield (completion if number % 2 else message)(text, model)
        return
    body = (chat if number % 2 else messages)(text, model, system, is_streamed=number % 4 == 0)
    hidden, edits = {}, []
    for at, (start, stop, kind) in enumerate(document.spans):
        if kind is not None:
            token = f"[{kind}-{hashlib.sha256(f'{number}{at}'.encode()).hexdigest()[:8].upper()}]"
            hidden[token] = text[start:stop]
            edits.append((start, stop, token.encode()))
    yield msgspec.msgpack.encode({"asked": body, "edits": edits, "hidden": hidden, "subject": f"mrn-{number:06d}"})
    if number % 8 == 0:
        yield piece(text[:40], model)


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def chat(text: str, model: str, system: str, *, is_streamed: bool) -> bytes:
    said = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return encoded(
        {"model": model, "messages": said, "temperature": 0.2, "max_tokens": 400}
        | ({"stream": True, "stream_options": {"include_usage": True}} if is_streamed else {})
    )


def messages(text: str, model: str, system: str, *, is_streamed: bool) -> bytes:
    return encoded(
        {"model": model, "max_tokens": 1024, "system": system, "messages": [{"role": "user", "content": text}]}
        | ({"stream": True} if is_streamed else {})
    )


def completion(text: str, model: str) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 412, "completion_tokens": 96, "total_tokens": 508}
    return encoded(
        {"id": "chatcmpl-", "object": "chat.completion", "created": 1767225600, "model": model, "choices": [choice]}
        | {"usage": usage, "service_tier": "default", "system_fingerprint": None}
    )


def message(text: str, model: str) -> bytes:
    return encoded(
        {"id": "msg_01", "type": "message", "role": "assistant", "model": model}
        | {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None}
        | {"usage": {"input_tokens": 412, "output_tokens": 96}}
    )


def piece(text: str, model: str) -> bytes:
    chunk = {
        "id": "chatcmpl-",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": model,
        "choices": [{"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}],
    }
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return b"data: " + encoded(chunk) + b"\n\n" + b"event: content_block_delta\ndata: " + encoded(delta) + b"\n\n"


if __name__ == "__main__":
    main()
