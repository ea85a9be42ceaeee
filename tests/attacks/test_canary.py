"""One patient who exists nowhere else goes through every road, every refusal and every failure; then everything the
product wrote, said to strangers or sent to a vendor is searched for that patient, also in disguise.

Sealed records hold the patient and nothing else may: files of the home, logs, metrics, refusals, what a process shows
of itself, temporary files, and what vendors received.
"""

import asyncio
import base64
import contextlib
import json
import os
import random
import secrets
import tempfile
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, COUNT, MESSAGES, Answer, House, Patient, key_headers, line_to

from wardkeep.demo.furnish import AGREEMENTS, OPENAI_VENDOR, create_key
from wardkeep.demo.instance import FIRST, SECOND

IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
FAILURES = (
    "sim-error-400", "sim-error-401", "sim-error-403", "sim-error-404", "sim-error-429", "sim-error-500",
    "sim-error-503", "sim-error-529", "sim-error-stream", "sim-drop", "sim-garbage",
)  # fmt: skip


@dataclass(slots=True)
class Canary:
    """The patient, and what came back to callers: answers may name them, refusals may not."""

    ward: House
    patient: Patient
    answers: list[Answer] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)

    async def send(
        self, path: str, body: bytes | dict[str, Any], *, key: str | None = None, method: str = "POST", **headers: str
    ) -> Answer:
        fields = key_headers(key or self.ward.api_key, path.partition("?")[0], **headers)
        async with line_to(self.ward.instance.data) as line:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            line.send(method, path, fields, sent)
            answer = await line.answer()
        (self.refusals if "fix" in error_of(answer) else self.answers).append(answer)
        return answer


def error_of(answer: Answer) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        error = answer.json().get("error")
        return error if isinstance(error, dict) else {}
    return {}


# ---- what is searched for --------------------------------------------------------------------------------------------


def needles(patient: Patient) -> dict[str, bytes]:
    """Each identifier and its disguises, all in lower case but those that case belongs to."""
    whole = {
        "first": patient.first, "last": patient.last, "record": patient.record, "social": patient.social,
        "phone": patient.phone, "email": patient.email, "social-digits": patient.social.replace("-", ""),
        "phone-digits": patient.phone.replace("-", ""),
    }  # fmt: skip
    found: dict[str, bytes] = {}
    for name, text in whole.items():
        found[name] = text.lower().encode()
        found[f"{name}-backwards"] = text[::-1].lower().encode()
        found[f"{name}-utf-16-le"] = text.lower().encode("utf-16-le")
        found[f"{name}-utf-16-be"] = text.lower().encode("utf-16-be")
        found[f"{name}-hex"] = text.encode().hex().encode()
        found[f"{name}-percent"] = "".join(f"%{byte:02x}" for byte in text.encode()).encode()
        found[f"{name}-quoted"] = urllib.parse.quote(text).lower().encode()
    return found


def exact_needles(patient: Patient) -> dict[str, bytes]:
    """Base64 at each of its three alignments; case matters there. The ends depend on the neighbours and are cut."""
    found = {}
    for name in ("first", "last", "record", "social", "phone", "email", "name"):
        text = getattr(patient, name)
        for case, spelled in (("", text), ("-lower", text.lower()), ("-upper", text.upper())):
            for shift in range(3):
                encoded = base64.b64encode(b"\0" * shift + spelled.encode() + b"\0" * 2)
                found[f"{name}{case}-base64-{shift}"] = encoded[(0, 2, 3)[shift] : len(spelled) * 4 // 3]
    return found


def search(patient: Patient, data: bytes) -> list[str]:
    lower = data.lower()
    hits = [name for name, needle in needles(patient).items() if needle in lower]
    return hits + [name for name, needle in exact_needles(patient).items() if needle in data]


def test_the_search_finds_what_it_searches_for():
    patient = at.draw_patient(random.Random())
    for hidden in (
        patient.note.encode(),
        patient.name.upper().encode(),
        patient.name.swapcase()[::-1].encode(),
        base64.b64encode(patient.note.encode()),
        base64.b64encode(b"x" + patient.note.encode()),
        base64.b64encode(b"xy" + patient.note.encode()),
        patient.note.encode("utf-16"),
        urllib.parse.quote(patient.email).encode(),
        patient.record.encode().hex().encode(),
    ):
        assert search(patient, os.urandom(99) + hidden + os.urandom(99))
    assert not search(patient, os.urandom(1 << 16))


# ---- the roads -------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"patient_name": {"type": "string"}}, "additionalProperties": False}


def tool(path: str) -> dict[str, Any]:
    if path == CHAT:
        return {"type": "function", "function": {"name": "find_record", "description": "Find.", "parameters": SCHEMA}}
    return {"name": "find_record", "description": "Find.", "input_schema": SCHEMA}


def asking(path: str, model: str, content: object, **more: object) -> dict[str, Any]:
    return json.loads(at.body_for(path, model, content, **more))


async def every_road(canary: Canary) -> None:
    patient = canary.patient
    for path in (CHAT, MESSAGES):
        for stream in (False, True):
            for model in ("sim-echo", "sim-long"):
                await good(canary, path, asking(path, model, patient.note, stream=stream))
            await tools(canary, path, stream=stream)
        history = [
            {"role": "user", "content": patient.note},
            {"role": "assistant", "content": f"{patient.name} is well."},
            {"role": "user", "content": f"And the number of {patient.name}?"},
        ]
        await good(canary, path, asking(path, "sim-echo", history))
    await good(canary, COUNT, asking(COUNT, "sim-echo", patient.note))
    wanted = {"type": "json_schema", "json_schema": {"name": "record", "schema": SCHEMA, "strict": True}}
    labelled = f"As JSON, patient_name: {patient.name}; mrn: {patient.record}"
    for format_ in (wanted, {"type": "json_object"}):
        await good(canary, CHAT, asking(CHAT, "sim-json", labelled, response_format=format_))
    await thinking(canary)
    more = {"user": f"{patient.email}", "metadata": {"who": patient.name}, "stop": [patient.name]}
    await good(canary, CHAT, asking(CHAT, "sim-echo", patient.note, **more))
    await good(canary, MESSAGES, asking(MESSAGES, "sim-echo", patient.note, system=f"About {patient.name}."))
    identities = {"subject_identities": [patient.first, patient.last, patient.name, patient.record]}
    await good(canary, CHAT, asking(CHAT, "sim-echo", patient.note, wardkeep=identities))
    for header in ("wardkeep_subject", "wardkeep_conversation"):
        handle = patient.email.replace("+", "-")
        answer = await canary.send(CHAT, asking(CHAT, "sim-echo", patient.note), **{header: handle})
        assert answer.status == 200
    for header in ("x_patient", "user_agent", "referer", "cookie", "x_stainless_lang", "traceparent"):
        answer = await canary.send(CHAT, asking(CHAT, "sim-echo", patient.note), **{header: patient.name})
        assert answer.status == 200


async def good(canary: Canary, path: str, body: dict[str, Any]) -> Answer:
    answer = await canary.send(path, body)
    assert answer.status == 200, (path, answer.code)
    return answer


async def tools(canary: Canary, path: str, *, stream: bool) -> None:
    """A call of the model, its result, and both again as history."""
    patient = canary.patient
    asked = {"role": "user", "content": f"patient_name: {patient.name}; mrn: {patient.record}"}
    body = asking(path, "sim-tools", [asked], tools=[tool(path)])
    answer = await good(canary, path, body)
    if path == CHAT:
        message = answer.json()["choices"][0]["message"]
        said = {"role": "assistant", "content": None, "tool_calls": message["tool_calls"]}
        identifier = message["tool_calls"][0]["id"]
        result = {"role": "tool", "tool_call_id": identifier, "content": json.dumps({"found": patient.note})}
    else:
        blocks = answer.json()["content"]
        said = {"role": "assistant", "content": blocks}
        found = {"type": "tool_result", "tool_use_id": blocks[-1]["id"], "content": patient.note}
        result = {"role": "user", "content": [found]}
    await good(canary, path, {**body, "messages": [asked, said, result], "stream": stream})
    await good(canary, path, {**body, "stream": True})


async def thinking(canary: Canary) -> None:
    """Thinking goes out and comes back in our wrapper."""
    more = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
    first = {"role": "user", "content": canary.patient.note}
    body = {**asking(MESSAGES, "sim-think", [first]), **more}
    blocks = (await good(canary, MESSAGES, body)).json()["content"]
    again = {"role": "user", "content": f"And {canary.patient.name}?"}
    await good(canary, MESSAGES, {**body, "messages": [first, {"role": "assistant", "content": blocks}, again]})
    await good(canary, MESSAGES, {**body, "stream": True})


# ---- the refusals ----------------------------------------------------------------------------------------------------


async def every_refusal(canary: Canary) -> set[str]:
    """Provoke each reason that a caller can; return the codes."""
    patient, ward = canary.patient, canary.ward
    note = patient.note
    for path in (CHAT, MESSAGES):
        body = asking(path, "sim-echo", note)
        for key in ("wrong", patient.name, f"wk_live_{patient.last.lower()}_{patient.record}", f"{ward.api_key}x"):
            await canary.send(path, body, key=key)
        await canary.send(path, {**body, "model": patient.last})
        await canary.send(path, {**body, "model": patient.name})
        await canary.send(path, {**body, patient.name: note})
        await canary.send(path, {**body, f"x {patient.record}": note})
        await canary.send(path, {**body, "messages": [{"role": patient.name, "content": note}]})
        await canary.send(path, {**body, "messages": [{"role": "user", "content": note, patient.name: 1}]})
        await canary.send(path, {**body, "stream": patient.name})
        await canary.send(path, {**body, "tools": [{"type": patient.name}]})
        await canary.send(path, {**body, "tool_choice": patient.name})
        await canary.send(path, json.dumps(body).encode()[:-9])
        await canary.send(path, f'{{"{patient.name}": {{}}, "{patient.name}": {{}}}}'.encode())
        await canary.send(path, ('{"a":' * 99 + f'"{note}"' + "}" * 99).encode())
        await canary.send(path, note.encode())
        await canary.send(path, note.encode("utf-16"))
        await canary.send(path, note.encode() * 40_000)
        await canary.send(path, body, content_type=f"text/{patient.last}")
        await canary.send(path, body, content_encoding=patient.last)
        await canary.send(path, body, wardkeep_purpose=patient.last)
        await canary.send(path, body, wardkeep_subject=patient.name)
        await canary.send(path, body, wardkeep_conversation=patient.name)
        await canary.send(path, body, **{f"wardkeep_{patient.last}": patient.name})
        await canary.send(path, body, expect=patient.name)
        await canary.send(path, body, upgrade=patient.name)
        await canary.send(f"{path}/{patient.last}", body)
        await canary.send(f"/{patient.last}/{patient.record}", body)
        await canary.send(f"{path}/{urllib.parse.quote(patient.name)}?who={patient.last}", body)
        await canary.send(path, body, method="PUT")
        identifying = {"type": "object", "properties": {"who": {"enum": [note]}}}
        offered = tool(path)
        described = offered["function"] if path == CHAT else offered
        described["parameters" if path == CHAT else "input_schema"] = identifying
        await canary.send(path, {**body, "tools": [offered]})
        described["name"] = patient.email.replace("@", "_")
        await canary.send(path, {**body, "tools": [offered]})
    await only_one_format(canary)
    await by_facts(canary)
    return {str(answer.code) for answer in canary.refusals}


async def only_one_format(canary: Canary) -> None:
    patient = canary.patient
    note = patient.note
    chat, message = asking(CHAT, "sim-echo", note), asking(MESSAGES, "sim-echo", note)
    await canary.send(CHAT, {**chat, "store": True})
    await canary.send(CHAT, {**chat, "store": patient.name})
    await canary.send(CHAT, {**chat, "previous_response_id": patient.name})
    await canary.send(CHAT, {**chat, "web_search_options": {"user_location": patient.name}})
    await canary.send(CHAT, {**chat, "prompt_cache_key": patient.email})
    await canary.send(CHAT, {**chat, "metadata": patient.name, "n": patient.name})
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}#{patient.last}"}}
    await canary.send(CHAT, asking(CHAT, "sim-echo", [{"type": "text", "text": note}, picture]))
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    words = {"type": "text", "text": note}
    await canary.send(MESSAGES, asking(MESSAGES, "sim-echo", [words, {"type": "image", "source": source}]))
    await canary.send(MESSAGES, {**message, "mcp_servers": [{"url": f"https://{patient.last}.example.org"}]})
    await canary.send(MESSAGES, {**message, "container": patient.name})
    await canary.send(MESSAGES, message, anthropic_beta=patient.last)
    await canary.send(MESSAGES, message, anthropic_version=patient.last)
    said = {"type": "thinking", "thinking": note, "signature": f"wk1.{patient.last}.{patient.record}"}
    turns = [{"role": "user", "content": note}, {"role": "assistant", "content": [said]}]
    await canary.send(MESSAGES, {**message, "messages": [*turns, turns[0]]})
    assert not [answer.status for answer in canary.refusals if answer.status >= 500]


async def by_facts(canary: Canary) -> None:
    """What an officer closed."""
    ward = canary.ward
    body = asking(CHAT, "sim-echo", canary.patient.note)
    why = {"reason": "test"}

    async def change(officer: str, path: str, filled: object = None) -> Any:
        return await asyncio.to_thread(ward.officer, "POST", path, filled or why, officer=officer)

    async def key(**limits: object) -> str:
        return await asyncio.to_thread(lambda: create_key(ward.instance, ["sim-echo"], **limits))

    for what in (f"agreements/{AGREEMENTS[OPENAI_VENDOR]}", f"vendors/{OPENAI_VENDOR}"):
        await change(FIRST, f"{what}/suspend")
        await canary.send(CHAT, body)
        await canary.send(CHAT, {**body, "stream": True})
        await change(SECOND, f"{what}/resume")
    await at.eventually(lambda: served(ward))
    narrow = await key(purposes=["HOPERAT"], default_purpose="HOPERAT", calls_per_minute=6)
    await at.eventually(lambda: served(ward, narrow))
    await canary.send(CHAT, {**body, "model": "sim-long"}, key=narrow)
    await canary.send(CHAT, body, key=narrow, wardkeep_purpose="TREAT")
    for _ in range(3):
        await canary.send(CHAT, body, key=narrow)
    await change(FIRST, f"keys/{narrow.split('_')[2]}/revoke")
    await canary.send(CHAT, body, key=narrow)


async def served(ward: House, key: str | None = None) -> bool:
    return (await at.ask(ward.instance.data, key or ward.api_key, CHAT, "sim-echo", "chest pain")).status == 200


async def every_failure(canary: Canary) -> None:
    canary.ward.vendor.configure(drop_after=700)
    for model in FAILURES:
        for path in (CHAT, MESSAGES):
            for stream in (False, True):
                answer = await canary.send(path, asking(path, model, canary.patient.note, stream=stream))
                broken = answer.status >= 400 or not at.is_finished(answer.body)
                assert broken, (model, path, stream)


async def killed_in_mid_stream(canary: Canary) -> None:
    """Whatever a process that is killed leaves behind is searched as well."""
    ward = canary.ward
    ward.vendor.configure(delay_ms=0, event_delay_ms=20, piece=3)
    async with contextlib.AsyncExitStack() as stack:
        flying = [await stack.enter_async_context(line_to(ward.instance.data)) for _ in range(4)]
        for number, line in enumerate(flying):
            path = (CHAT, MESSAGES)[number % 2]
            body = json.dumps(asking(path, "sim-slow", canary.patient.note, stream=True)).encode()
            line.send("POST", path, key_headers(ward.api_key, path), body)
            head = await line.read_head()
            pieces = line.pieces(head)
            for _ in range(3):
                await anext(pieces)
        await asyncio.to_thread(at.kill_all, ward.instance)


# ---- where is searched -----------------------------------------------------------------------------------------------


def places(canary: Canary, temporary: Path) -> Iterator[tuple[str, bytes]]:
    home = canary.ward.instance.home
    for directory in (home, temporary):
        for path in directory.rglob("*"):
            yield f"name of {path.suffix or 'a file'}", path.name.encode()
            if path.is_file():
                yield str(path.relative_to(directory)), path.read_bytes()
    for answer in canary.refusals:
        yield f"refusal {answer.code}", answer.head + answer.body


def own_words(pid: int) -> Iterator[tuple[str, bytes]]:
    for name in ("environ", "cmdline", "comm"):
        yield f"process {name}", Path(f"/proc/{pid}/{name}").read_bytes()


def received(canary: Canary) -> Iterator[tuple[str, bytes]]:
    for number, each in enumerate(canary.ward.vendor.seen()):
        fields = "\n".join(f"{name}: {value}" for name, value in each.headers)
        yield f"vendor, request {number}", f"{each.path}\n{fields}\n".encode() + each.body


def check_nowhere(canary: Canary, found: Iterator[tuple[str, bytes]]) -> None:
    hits = sorted({(place, hit) for place, data in found for hit in search(canary.patient, data)})
    assert not hits, f"the canary was found: {hits[:20]}"


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_canary_is_nowhere_but_in_sealed_records(workers):
    with tempfile.TemporaryDirectory() as temporary:
        with at.house(*at.MODELS, workers=workers, environment={"TMPDIR": temporary}) as ward:
            patient = at.draw_patient(random.Random(secrets.randbits(64)))
            canary = Canary(ward, patient)
            await every_road(canary)
            codes = await every_refusal(canary)
            await every_failure(canary)
            assert len(codes) >= 25, sorted(codes)
            # The patient was there: answers name them, and the sealed records open to them.
            assert any(patient.name.encode() in answer.body for answer in canary.answers)
            check_nowhere(canary, received(canary))
            running = [ward.instance.pid, *at.workers_of(ward.instance)]
            check_nowhere(canary, (each for pid in running for each in own_words(pid)))
            metrics = [(path, ward.operations(path)[1]) for path in ("/metrics", "/readyz", "/livez")]
            check_nowhere(canary, iter(metrics))
            headers = json.dumps(await asyncio.to_thread(ward.headers)).encode()
            check_nowhere(canary, iter([("ledger headers", headers)]))
            await killed_in_mid_stream(canary)
            check_nowhere(canary, places(canary, Path(temporary)))
            check_nowhere(canary, received(canary))
            await asyncio.to_thread(ward.instance.start)
            books = at.Bookkeeper(ward.instance.home)
            sealed = [books.opened(each) for each in books.stored() if each.payload is not None]
            assert sum(patient.name.encode() in each for each in sealed) > 30
            assert at.check_ledger(ward.instance.home)
        check_nowhere(canary, places(canary, Path(temporary)))


async def test_reasons_of_officers_are_sealed_wherever_they_are_kept():
    """Why a road was closed is written in words, and words name patients."""
    with tempfile.TemporaryDirectory() as temporary, at.house("sim-echo") as ward:
        canary = Canary(ward, at.draw_patient(random.Random(secrets.randbits(64))))
        why = {"reason": f"{canary.patient.name} ({canary.patient.record}) complained"}
        for what in (f"agreements/{AGREEMENTS[OPENAI_VENDOR]}", f"vendors/{OPENAI_VENDOR}"):
            for officer, step in ((FIRST, "suspend"), (SECOND, "resume"), (FIRST, "suspend")):
                await asyncio.to_thread(ward.officer, "POST", f"{what}/{step}", why, officer=officer)
        await asyncio.to_thread(ward.open_entry, 0)
        await canary.send(CHAT, asking(CHAT, "sim-echo", canary.patient.note))
        assert canary.refusals
        check_nowhere(canary, iter([("/metrics", ward.operations("/metrics")[1])]))
        check_nowhere(canary, places(canary, Path(temporary)))
