"""One huge prompt does not hold up everybody else: it is read beside the event loop (a failure of peers under load)."""

import asyncio
import time

from tests.journeys import house as at
from tests.journeys.house import CHAT

NOTE = "Seen by Dr. Tobias Hallgrimsson for Marisol Quenneville, MRN 80417736, phone (415) 555-0164. Cr 1.1, K 4.2. "


async def test_others_are_answered_while_a_huge_prompt_is_read():
    with at.house("sim-echo", workers=1) as ward:
        began = time.monotonic()
        large = asyncio.create_task(at.ask(ward.instance.data, ward.api_key, CHAT, "sim-echo", NOTE * 4000))
        longest = 0.0
        while not large.done():
            asked = time.monotonic()
            status, _ = await asyncio.to_thread(ward.operations, "/livez")
            assert status == 200
            longest = max(longest, time.monotonic() - asked)
        answer = await large
        assert answer.status == 200, answer.code
        assert "Quenneville" in answer.body.decode()
        assert longest < (time.monotonic() - began) / 3, "a probe waited for most of the large call"
