"""Many conversations at once, each about another patient: an answer has only its own patient's names, a person keeps
their surrogate over the turns, and no surrogate ever stands for two people (DESIGN sections 3 and 10).

Clients resend what they were answered, as SDKs do. What the vendor saw is asked of the vendor.
"""

import asyncio
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from tests.journeys import house as at
from tests.journeys.house import CHAT, MESSAGES, Answer, House, Line, Patient, body_for, key_headers

from wardkeep.privacy.tokens import TOKEN

TURNS = 3
AT_ONCE = 40
QUESTIONS = ("How is {name} today?", "May we call {phone} about {name}?", "Is {record} the right number for {last}?")
#: The name that the handle of a conversation travels under, so that what the vendor saw can be put in order.
HANDLE = re.compile(r"case (\d+)\.")


@pytest.fixture(params=[2])
def ward(request) -> House:
    return at.shared_house(request.config, request.param)


@dataclass(slots=True)
class Conversation:
    number: int
    patient: Patient
    path: str
    messages: list[dict[str, str]] = field(default_factory=list)

    def ask(self, turn: int) -> None:
        question = QUESTIONS[turn].format(
            name=self.patient.name, phone=self.patient.phone, record=self.patient.record, last=self.patient.last
        )
        opening = f"This is case {self.number}. {self.patient.note} " if turn == 0 else ""
        self.messages.append({"role": "user", "content": f"{opening}{question}"})


def check_only_own(conversation: Conversation, text: str, everybody: list[Patient]) -> None:
    """The answer quotes the last question word for word, and nobody else stands in it."""
    assert conversation.messages[-1]["content"] in text, f"conversation {conversation.number} was not restored"
    assert not TOKEN.search(text)
    own = conversation.patient
    for other in everybody:
        if other is not own:
            assert other.name not in text
            assert other.record not in text


async def hold(ward: House, conversation: Conversation, everybody: list[Patient], chance: random.Random) -> None:
    line = await Line.to(ward.instance.data)
    # A thousand at once wait for each other, and for this process.
    line.patience_seconds = 180.0
    try:
        for turn in range(TURNS):
            conversation.ask(turn)
            stream = chance.random() < 0.7
            headers = key_headers(ward.api_key, conversation.path, wardkeep_conversation=f"case-{conversation.number}")
            body = body_for(conversation.path, "sim-echo", list(conversation.messages), stream=stream)
            answer: Answer = await line.ask("POST", conversation.path, headers, body)
            assert answer.status == 200, answer.code
            text = at.text_of(answer)
            check_only_own(conversation, text, everybody)
            conversation.messages.append({"role": "assistant", "content": text})
    finally:
        line.close()


async def hold_all(ward: House, count: int, seed: int) -> None:
    chance = random.Random(seed)
    ward.vendor.configure(chunk="random", seed=seed, piece=0)
    patients = [at.draw_patient(chance, number) for number in range(count)]
    conversations = [Conversation(n, patient, (CHAT, MESSAGES)[n % 2]) for n, patient in enumerate(patients)]
    places = asyncio.Semaphore(AT_ONCE if count <= 200 else count)

    async def one(conversation: Conversation) -> None:
        async with places:
            # Comparing with everybody is quadratic: a sample of the others, which differs for each conversation.
            await hold(ward, conversation, chance.sample(patients, 40), random.Random(conversation.number))

    async with asyncio.TaskGroup() as group:
        for conversation in conversations:
            group.create_task(one(conversation))
    check_what_the_vendor_saw(ward, conversations)


def check_what_the_vendor_saw(ward: House, conversations: list[Conversation]) -> None:
    seen: dict[int, list[list[str]]] = defaultdict(list)
    for received in ward.vendor.seen():
        text = "\n".join(message["content"] for message in json.loads(received.body)["messages"])
        seen[int(HANDLE.search(text)[1])].append(TOKEN_OF_NAME.findall(text))
        patient = conversations[int(HANDLE.search(text)[1])].patient
        for identifier in (patient.name, patient.record, patient.social, patient.phone, patient.email):
            assert identifier not in text, "an identifier reached the vendor"
    assert len(seen) == len(conversations)
    owner: dict[str, int] = {}
    for number, turns in seen.items():
        assert len(turns) == TURNS
        first = {tag for _, tag in turns[0]}
        assert len(turns[0]) > 4
        for turn in turns:
            # Longer histories mention the same person again; a new tag would be a second person.
            assert {tag for kind, tag in turn if kind == "NAME"} == {tag for kind, tag in turns[0] if kind == "NAME"}
            assert {tag for _, tag in turn} <= first, f"conversation {number} has new surrogates in a later turn"
        for tag in first:
            assert owner.setdefault(tag, number) == number, "one surrogate stands for two people"


TOKEN_OF_NAME = re.compile(r"\[([A-Z_]+)-([a-z0-9]{8})(?:\.[a-z]+)?\]")


async def test_two_hundred_conversations(ward):
    await hold_all(ward, 200, seed=20270601)


@pytest.mark.slow
async def test_a_thousand_conversations_at_once(ward):
    await hold_all(ward, 1000, seed=20270602)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_turns_reach_other_workers_and_keep_their_surrogates(ward, path):
    """No handle is given: the scope is the opening words, the same in every worker without shared state."""
    patient = at.draw_patient(random.Random())
    messages: list[dict[str, str]] = []
    for turn in range(6):
        messages.append({"role": "user", "content": f"{patient.note} Turn {turn}."})
        # Each turn comes on a connection of its own, which either worker may take.
        answer = await at.ask(ward.instance.data, ward.api_key, path, "sim-echo", list(messages))
        assert messages[-1]["content"] in at.text_of(answer)
        messages.append({"role": "assistant", "content": at.text_of(answer)})
    tags = [set(TOKEN_OF_NAME.findall(each.body.decode())) for each in ward.vendor.seen()]
    assert len(tags) == 6
    assert all(each == tags[0] for each in tags)


async def test_a_surname_alone_stays_hidden_beside_the_whole_name(ward):
    """What an answer lists by itself comes back in the history: the conversation knows whose it is (stage 5)."""
    shown = []
    for last in (*at.LAST_NAMES, "Blackwood", "Rutherford"):
        messages = [
            {"role": "user", "content": f"Patient Gwendolyn {last} was seen. Ms. {last} may be called at home."},
            {"role": "assistant", "content": f"Concerning Gwendolyn {last}, {last}. Seen."},
            {"role": "user", "content": f"How is Gwendolyn {last} today?"},
        ]
        await at.ask(ward.instance.data, ward.api_key, CHAT, "sim-count", messages)
        if last.encode() in ward.vendor.seen()[-1].body:
            shown.append(last)
    assert not shown, "surnames of the conversation's own patient reached the vendor"


async def test_one_patient_is_somebody_else_in_anothers_conversation(ward):
    """Surrogates of two principals or two conversations cannot be joined."""
    patient = at.draw_patient(random.Random())
    for handle in ("ward-a", "ward-b", "ward-a"):
        async with at.line_to(ward.instance.data) as line:
            headers = key_headers(ward.api_key, wardkeep_conversation=handle)
            await line.ask("POST", CHAT, headers, body_for(CHAT, "sim-echo", patient.note))
    one, other, again = (set(TOKEN_OF_NAME.findall(each.body.decode())) for each in ward.vendor.seen())
    assert one == again
    assert not one & other
