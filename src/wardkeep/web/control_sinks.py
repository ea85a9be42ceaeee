"""The part of the control API that hands the record over: exports, and the sinks that get it as it grows."""

from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import sink_forms as form
from wardkeep.compliance import sinks
from wardkeep.compliance.exporting import ExportPage
from wardkeep.compliance.forms import ReasonForm
from wardkeep.model.sink import ExportFormat
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _export(asked: Asked, filled: form.ExportForm) -> object:
    exporter = asked.app.exporter
    if filled.cursor is not None:
        return _page_view(await exporter.resume(by=asked.by, cursor=filled.cursor), filled.format)
    page = await exporter.begin(
        by=asked.by, form=filled.format, start=filled.start, stop=filled.stop, reason=filled.reason
    )
    return _page_view(page, filled.format)


def _page_view(page: ExportPage, form_asked: ExportFormat) -> object:
    is_json = form_asked in {ExportFormat.JSONL, ExportFormat.FHIR, ExportFormat.OCSF}
    lines = [msgspec.Raw(line) if is_json else line.decode() for line in page.lines]
    return {"lines": lines, "cursor": page.cursor, "read_index": page.read_index}


async def _list(asked: Asked) -> object:
    return {
        "sinks": [
            form.sink_view(each, asked.app.sink_standing(each.id), sinks.uncovered(asked.registry, each, today(asked)))
            for _, each in sorted(asked.registry.sinks.items())
        ]
    }


async def _add(asked: Asked, filled: form.SinkForm) -> object:
    size = (await asked.app.reader.ledger.head()).size
    plan = partial(sinks.add_sink, sink=filled.sink(size), size=size, today=today(asked))
    return await change(asked, "sink.add", filled.reason, plan, id=filled.id)


async def _remove(asked: Asked, filled: ReasonForm) -> object:
    return await change(asked, "sink.remove", filled.reason, partial(sinks.remove_sink, sink=asked.words[0]))


SINK_ROUTES: Final[tuple[ApiRoute, ...]] = (
    post_route("audit/export", Permission.LEDGER_READ, "audit.export", form.ExportForm, _export),
    get_route("sinks", Permission.REGISTRY_READ, "sink.list", _list),
    post_route("sinks", Permission.SINK_CHANGE, "sink.add", form.SinkForm, _add),
    post_route("sinks/{}/remove", Permission.SINK_CHANGE, "sink.remove", ReasonForm, _remove),
)
