"""Vendors' usage reports, by day and model: OpenAI's completions and embeddings, Anthropic's messages.

OpenAI: `/organization/usage/completions` and `/embeddings` (input tokens include cached ones, requests are counted).
Anthropic: `/v1/organizations/usage_report/messages` (tokens only; those that no cache gave are what answers report).
Both by UTC day. A page that cannot be read is a report that cannot be read: half of one would look like fewer calls.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from wardkeep.model.reconciliation import UsageLine
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.asker import Answer, Asker, Headers

_MOST_PAGES: Final = 20


class ReportUnreadable(Exception):  # noqa: N818 - named for the state found
    """A vendor's report could not be had whole; the words say why and are ours. Whoever asked takes a file."""


def report(asker: Asker, first: date, last: date) -> list[UsageLine]:
    """Return the lines of a vendor's report. Blocks. Raises ReportUnreadable."""
    if asker.inspection.credential is None or asker.credential is None:
        raise ReportUnreadable("no admin key is on record")
    if asker.deployment.platform == "openai-api":
        return [line for kind in ("completions", "embeddings") for line in _openai(asker, kind, first, last)]
    if asker.deployment.platform == "anthropic-api":
        return _anthropic(asker, first, last)
    raise ReportUnreadable("the platform has no usage report that is read here")


def _openai(asker: Asker, kind: str, first: date, last: date) -> list[UsageLine]:
    assert asker.credential is not None
    project = asker.named("project")
    narrowed = f"&project_ids[]={quote(project, safe='')}" if project else ""
    query = (
        f"start_time={_second(first)}&end_time={_second(last + timedelta(1))}&bucket_width=1d&limit=31"
        f"&group_by[]=model{narrowed}"
    )
    headers: Headers = (("authorization", Secret(f"Bearer {asker.credential.reveal()}")),)
    url = f"{asker.base(asker.deployment.base_url)}/organization/usage/{kind}?{query}"
    lines = []
    for bucket in _buckets(asker, url, headers):
        day = datetime.fromtimestamp(_count(bucket, "start_time"), UTC).date()
        lines += [
            UsageLine(
                day=day,
                model=_model(result),
                requests=_count(result, "num_model_requests"),
                tokens_in=_count(result, "input_tokens"),
                tokens_out=_count(result, "output_tokens", least=0),
            )
            for result in _results(bucket)
        ]
    return lines


def _anthropic(asker: Asker, first: date, last: date) -> list[UsageLine]:
    assert asker.credential is not None
    workspace = asker.named("workspace")
    narrowed = f"&workspace_ids[]={quote(workspace, safe='')}" if workspace else ""
    end = last + timedelta(1)
    query = (
        f"starting_at={first.isoformat()}T00:00:00Z&ending_at={end.isoformat()}T00:00:00Z&bucket_width=1d&limit=31"
        f"&group_by[]=model{narrowed}"
    )
    headers: Headers = (("x-api-key", asker.credential), ("anthropic-version", "2023-06-01"))
    parts = urlsplit(asker.deployment.base_url)
    base = asker.base(f"{parts.scheme}://{parts.netloc}")
    lines = []
    for bucket in _buckets(asker, f"{base}/v1/organizations/usage_report/messages?{query}", headers):
        day = _day(bucket.get("starting_at"))
        lines += [
            UsageLine(
                day=day,
                model=_model(result),
                requests=None,
                tokens_in=_count(result, "uncached_input_tokens"),
                tokens_out=_count(result, "output_tokens"),
            )
            for result in _results(bucket)
        ]
    return lines


def _buckets(asker: Asker, url: str, headers: Headers) -> list[dict[str, Any]]:
    """Return the buckets of all pages."""
    found: list[dict[str, Any]] = []
    page = ""
    for _ in range(_MOST_PAGES):
        answer = asker.get(f"{url}&page={quote(page, safe='')}" if page else url, headers)
        found += _page(answer)
        if answer.body.get("has_more") is not True:
            return found
        page = str(answer.body.get("next_page") or "")
        if not page:
            break
    raise ReportUnreadable("the report does not end")


def _page(answer: Answer) -> list[dict[str, Any]]:
    if not answer.is_good:
        raise ReportUnreadable(answer.failed or "nothing came")
    data = answer.body.get("data")
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise ReportUnreadable("the report is not in its shape")
    return data


def _results(bucket: dict[str, Any]) -> list[dict[str, Any]]:
    results = bucket.get("results")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise ReportUnreadable("the report is not in its shape")
    return results


def _model(result: dict[str, Any]) -> str:
    name = result.get("model")
    return name if isinstance(name, str) and name else "unnamed"


def _count(held: dict[str, Any], name: str, *, least: int | None = None) -> int:
    value = held.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ReportUnreadable("the report is not in its shape")
    return value


def _day(value: object) -> date:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).date()
    except ValueError:
        raise ReportUnreadable("the report is not in its shape") from None


def _second(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
