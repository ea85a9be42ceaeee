"""The daily look at vendors: one deployment whose answer breaks its check must not end the others'."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from tests.unit.compliance.organisation import registry

from wardkeep.app.checking import check_due
from wardkeep.model.inspection import RouteCheck

if TYPE_CHECKING:
    from wardkeep.compliance.inspecting import Checker

AT = datetime(2026, 11, 23, tzinfo=UTC)
CHECK = RouteCheck(id="a", at=AT, by="host", asked="vendor.example", findings=())


async def test_a_check_that_breaks_is_told_and_the_next_is_made():
    checks = {name: replace(CHECK, id=name) for name in ("a", "b", "c")}
    checked: list[str] = []
    told: list[tuple[str, Any]] = []

    async def check(name: str, *, by: str) -> dict[str, object]:
        checked.append(name)
        if name == "b":
            raise TypeError("unhashable type: 'list'")
        return {"closed": name == "c", "by": by}

    place = SimpleNamespace(
        control=SimpleNamespace(registry=registry(route_checks=checks)),
        clock=lambda: SimpleNamespace(wall=AT + timedelta(days=2)),
        check=check,
    )

    def log(event: str, **words: object) -> None:
        told.append((event, words["deployment"]))

    await check_due(cast("Checker", place), stopping=asyncio.Event(), log=log)
    assert checked == ["a", "b", "c"]
    assert told == [("check_unavailable", "b"), ("route_drifted", "c")]
