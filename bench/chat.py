"""The one call every peer carries, and the two answers the vendor gives.

The patient is invented for this file. The same bytes go to every peer, so that no peer is measured on an easier text.
"""

import json

MODEL = "gpt-4o-mini"  # a name every peer's model catalogue knows
EVENTS = 69  # server-sent events of the streamed answer, `[DONE]` included
MARKER = "continue the current dose"  # proves that an answer came from the upstream and is whole

# What identifies the invented patient in the note. The probe looks for these in what the upstream received.
IDENTIFIERS = {
    "name": "Marisol Quenneville",
    "social security number": "536-48-2917",
    "record number": "MRN 80417736",
    "telephone": "(415) 555-0164",
    "e-mail": "m.quenneville@example.org",
    "street": "2291 Alder Creek Road",
}

NUMBER = "80417736"
"""The record number in the note, in the place of which every request of a run has another."""

_SYSTEM = (
    "You are a clinical documentation assistant. Answer for the treating physician in short sentences, use generic "
    "drug names, and say so when the note does not contain what you need."
)
_NOTE = (
    "Please summarise this visit and say whether the anticoagulant plan is consistent.\n\n"
    "Patient: Marisol Quenneville, MRN 80417736, SSN 536-48-2917, DOB 04/17/1961. Lives at 2291 Alder Creek Road, "
    "Sacramento. Phone (415) 555-0164, e-mail m.quenneville@example.org.\n"
    "Seen on 03/02/2026 by Dr. Tobias Hallgrimsson at Northfold Medical Center for atrial fibrillation follow-up. "
    "Ms. Quenneville reports two episodes of palpitations, no syncope, no bleeding. BP 132/78, HR 74 irregular, "
    "weight 71 kg. Creatinine 0.9 mg/dL, eGFR 72, haemoglobin 13.1 g/dL. CHA2DS2-VASc 3, HAS-BLED 1. "
    "Medication: apixaban 5 mg twice daily, metoprolol succinate 50 mg daily, atorvastatin 20 mg at night. "
    "Echo: LVEF 58 %, left atrium 42 mm. Her daughter Ines asks whether ibuprofen is safe for knee pain. "
    "Plan: repeat renal function in 6 months, avoid NSAIDs, discuss ablation if symptoms recur; letter to "
    "Dr. Priyanka Osterwald, fax (415) 555-0119."
)
_ANSWER = (
    "Summary: follow-up for atrial fibrillation with two short episodes of palpitations and no bleeding. "
    "The rate is controlled and renal function is normal, so the anticoagulant plan is consistent: "
    "continue the current dose, check renal function at the next visit, and avoid non-steroidal drugs. "
    "Discuss ablation if the symptoms come back."
)


def request_body(*, stream: bool) -> bytes:
    """The chat completion request, about 1.3 KB of JSON."""
    body: dict[str, object] = {
        "model": MODEL,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _NOTE}],
        "temperature": 0.2,
        "max_tokens": 400,
    }
    if stream:
        body["stream"] = True
    return json.dumps(body).encode()


def answer_text() -> str:
    """The text of the answer, whole or put together from its stream."""
    return _ANSWER


def completion() -> bytes:
    """The vendor's answer in one piece."""
    return json.dumps(
        {
            "id": "chatcmpl-bench0001",
            "object": "chat.completion",
            "created": 1767225600,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _ANSWER},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 402, "completion_tokens": 78, "total_tokens": 480},
        }
    ).encode()


def event_stream() -> bytes:
    """The vendor's answer as `EVENTS` events: a role, the text in pieces, the stop reason, `[DONE]`."""
    pieces = _split(_ANSWER, EVENTS - 3)
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces), {}]
    events = [
        json.dumps(
            {
                "id": "chatcmpl-bench0001",
                "object": "chat.completion.chunk",
                "created": 1767225600,
                "model": MODEL,
                "choices": [
                    {
                        "index": 0,
                        "delta": delta,
                        "logprobs": None,
                        "finish_reason": "stop" if place == len(deltas) - 1 else None,
                    }
                ],
            }
        )
        for place, delta in enumerate(deltas)
    ]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


def streamed_text(body: bytes) -> str:
    """The text a client sees when it puts the deltas of a streamed answer together."""
    text = ""
    for line in body.decode().splitlines():
        if not line.startswith("data:") or line.endswith("[DONE]"):
            continue
        for choice in json.loads(line.removeprefix("data:")).get("choices") or []:
            text += choice.get("delta", {}).get("content") or ""
    return text


def _split(text: str, parts: int) -> list[str]:
    size, longer = divmod(len(text), parts)
    pieces: list[str] = []
    at = 0
    for part in range(parts):
        end = at + size + (part < longer)
        pieces.append(text[at:end])
        at = end
    return pieces
