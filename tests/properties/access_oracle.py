"""A second opinion on "may this caller ask this?", written from the words of the rules alone.

It shares no code with `policy.criteria`: it lists every defect that a case has, as plain statements over plain names,
and opens only when there is none. The role table is written out again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

TEXT = {
    "model",
    "messages",
    "system",
    "wardkeep",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "n",
    "seed",
    "stop",
    "stop_sequences",
    "stream",
    "stream_options",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
    "verbosity",
    "thinking",
    "store",
    "user",
    "safety_identifier",
    "metadata",
    "service_tier",
    "modalities",
    "background",
    "output_config",
}
SHAPES = {"response_format", "output_format"}
TOOLS = {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "prediction"}
TUNING = {"logit_bias", "logprobs", "top_logprobs", "prompt_cache_key", "cache_control"}
# role: purposes, data classes, fields, sees originals
ROLES = {
    "clinician": ({"TREAT", "ETREAT"}, {"ordinary", "psychotherapy", "part2"}, TEXT | SHAPES | TOOLS, True),
    "nurse": ({"TREAT", "ETREAT"}, {"ordinary", "part2"}, TEXT | SHAPES, True),
    "billing": ({"HPAYMT"}, {"ordinary"}, TEXT | SHAPES, True),
    "researcher": ({"HRESCH"}, {"ordinary"}, TEXT | SHAPES, False),
    "developer": ({"HOPERAT"}, {"ordinary"}, TEXT | SHAPES | TOOLS | TUNING, False),
}
# identifier classes that may go unmasked at the most; None is all of them
PASSES = {"clinician": None, "nurse": None, "billing": {"DATE", "AGE"}, "researcher": set(), "developer": set()}
CODES = {"TREAT", "HPAYMT", "HOPERAT", "HRESCH", "ETREAT"}
CLASSES = {"ordinary", "psychotherapy", "part2"}


@dataclass(kw_only=True)
class World:
    """What is true, in plain words."""

    organisation: bool = True
    now: datetime
    key_owner: str = "owner"
    key_workspace: str = "ward"
    key_models: set = field(default_factory=set)
    key_purposes: set = field(default_factory=set)
    key_default: str | None = None
    key_application: str | None = None
    app: dict | None = None  # active, workspace, owner, roles, asserts
    workspaces: dict = field(default_factory=dict)
    people: dict = field(default_factory=dict)  # id -> (active, roles)
    routes: dict = field(default_factory=dict)  # model -> (needs subject, classes)
    teams: dict = field(default_factory=dict)  # (workspace, subject) -> team
    overdue: set | None = None
    unsigned: set | None = None
    sources: dict = field(default_factory=dict)  # workspace.x or application.x -> part2, or the last day it is cleared
    restrictions: list = field(default_factory=list)  # subject, purposes, all vendors?, unnamed too?, ended
    glasses: list = field(default_factory=list)  # person, workspace, subject or None, begins, until, ended
    # the call
    person: str | None = None
    verified: bool = False
    second_factor_at: datetime | None = None
    purpose: str | None = None
    model: str | None = None
    fields: set = field(default_factory=set)
    subject: str | None = None
    classes: tuple = ()


def carried(world: World) -> set | None:
    """The data classes of the call: stated and assumed, ordinary when there is neither; None when not understood."""
    if not set(world.classes) <= CLASSES:
        return None
    place = world.workspaces.get(world.key_workspace)
    assumed = set(CLASSES) if place is None else place["assumed"]
    inherited = {"part2"} if comes_from_part2(world) else set()
    return set(world.classes) | assumed | inherited or {"ordinary"}


def comes_from_part2(world: World) -> bool:
    """Tagged hands its tag on, and a clearing that is over is a tag; once anything is tagged, only cleared is not."""
    own = {f"workspace.{world.key_workspace}"}
    if world.key_application is not None:
        own.add(f"application.{world.key_application}")
    today = world.now.date()
    tagged = {name for name, tag in world.sources.items() if tag == "part2" or tag < today}
    return bool(own & tagged) or (bool(tagged) and own.isdisjoint(world.sources))


def purpose_of(world: World) -> str | None:
    stated = world.key_default if world.purpose is None else world.purpose
    return stated if stated in CODES else None


def in_emergency(world: World) -> bool:
    """Whether the person of this call, proven, broke the glass for it: there, now, for this subject, to treat."""
    known = world.people.get(world.person)
    return (
        known is not None
        and known[0]
        and world.verified
        and purpose_of(world) == "ETREAT"
        and any(
            glass["person"] == world.person
            and glass["workspace"] == world.key_workspace
            and glass["subject"] in {None, world.subject}
            and glass["begins"] <= world.now < glass["until"]
            and not glass["ended"]
            for glass in world.glasses
        )
    )


def defects(world: World) -> set[str]:
    return set(_defects(world))


def _defects(world: World) -> Iterator[str]:
    place = world.workspaces.get(world.key_workspace)
    demands = place["requires"] if place else {
        "person", "verified_person", "second_factor", "training", "acknowledgement", "subject", "care_team"
    }  # fmt: skip
    if not world.organisation:
        yield "facts_unavailable"
    if world.key_application is not None and (world.app is None or not world.app["active"]):
        yield "application_inactive"
    if place is None or not place["open"]:
        yield "workspace_closed"
    if world.app is not None and world.app["workspace"] != world.key_workspace:
        yield "not_in_workspace"
    known = world.people.get(world.person)
    if world.person is None:
        if demands & {"person", "verified_person", "care_team"}:
            yield "person_missing"
    else:
        if known is None or not known[0]:
            yield "person_not_accepted"
        if not world.verified and not (world.app is not None and world.app["asserts"]):
            yield "person_not_accepted"
        if not world.verified and "verified_person" in demands:
            yield "person_unverified"
        if place is not None and world.person not in place["members"]:
            yield "not_in_workspace"
    if place is not None and "second_factor" in demands:
        age = None if world.second_factor_at is None else (world.now - world.second_factor_at).total_seconds()
        if age is None or not -60 <= age <= place["factor_seconds"]:
            yield "mfa_stale"
    responsible = {world.key_owner, world.person} | ({world.app["owner"]} if world.app else set())
    emergency = in_emergency(world)
    for late, word, reason in (
        ()
        if emergency
        else (
            (world.overdue, "training", "training_overdue"),
            (world.unsigned, "acknowledgement", "policy_unsigned"),
        )
    ):
        if late is None:
            if word in demands:
                yield "facts_unavailable"
        elif responsible & late:
            yield reason
    purpose = purpose_of(world)
    if purpose is None:
        yield "purpose_missing" if world.purpose is None else "purpose_unknown"
    elif purpose not in world.key_purposes or (place is not None and purpose not in place["purposes"]):
        yield "purpose_not_permitted"
    route = world.routes.get(world.model)
    if world.model is None:
        yield "field_missing"
    elif route is None:
        yield "model_unknown"
    if world.model not in world.key_models or (
        place is not None and place["models"] is not None and world.model not in place["models"]
    ):
        yield "route_not_permitted"
    if world.subject is None and ("subject" in demands or route is None or route[0]):
        yield "subject_missing"
    classes = carried(world)
    if classes is None:
        yield "data_class_unknown"
        return
    if place is None or route is None or not classes <= place["classes"] or not classes <= route[1]:
        yield "data_class_not_permitted"
    holders = [known[1]] if known is not None else []
    if world.app is not None:
        holders.append(world.app["roles"])
    for roles in holders:
        rows = [ROLES[role] for role in roles if role in ROLES]
        if not any(purpose in row[0] for row in rows):
            yield "role_not_permitted"
        elif not any(purpose in row[0] and classes <= row[1] for row in rows):
            yield "data_class_not_permitted"
        elif not any(purpose in row[0] and classes <= row[1] and world.fields <= row[2] for row in rows):
            yield "field_not_necessary"
    resolved = world.subject is not None and world.subject not in {"unknown", "multiple"}
    team = world.teams.get((world.key_workspace, world.subject)) if resolved and place else None
    relations = team["members"].get(world.person, set()) if team and known else set()
    if "care_team" in demands and not relations and not emergency:
        yield "relationship_missing"
    if "psychotherapy" in classes and not (
        team and known and (world.person in team["authorized"] or ("originator" in relations and purpose == "TREAT"))
    ):
        yield "psychotherapy_not_authorized"
    if "part2" in classes and purpose != "ETREAT" and not (team and purpose in team["consents"]):
        yield "substance_use_consent_missing"
    if purpose == "ETREAT":
        return
    for subject, purposes, everywhere, unnamed, ended in world.restrictions:
        if ended or not everywhere or (purpose is not None and purpose not in purposes):
            continue
        if resolved and subject == world.subject:
            yield "restriction_agreed"
        if not resolved and unnamed:
            yield "restriction_subject_unnamed"


def sees_originals(world: World) -> bool:
    """For a case without defects: every holder of roles involved has a row that fits and shows them.

    In an emergency the person's own role alone counts.
    """
    return all(any(ROLES[role][3] for role in roles) for roles in _fitting(world))


def unmasked(world: World, profile: set | None) -> set:
    """For a case without defects: what the task needs, within what the fitting roles may pass."""
    by_purpose = {"DATE", "AGE", "DEMOGRAPHIC"} if purpose_of(world) in {"TREAT", "ETREAT"} else set()
    wanted = by_purpose if profile is None else set(profile)
    if in_emergency(world):
        wanted |= {"DATE", "AGE", "DEMOGRAPHIC"}
    for roles in _fitting(world):
        if all(PASSES[role] is not None for role in roles):
            wanted &= set().union(*(PASSES[role] for role in roles))
    return wanted


def _fitting(world: World) -> list[list[str]]:
    known = world.people.get(world.person)
    holders = ([known[1]] if known else []) + ([world.app["roles"]] if world.app and not in_emergency(world) else [])
    purpose, classes = purpose_of(world), carried(world)
    return [
        [
            r
            for r in roles
            if r in ROLES and purpose in ROLES[r][0] and classes <= ROLES[r][1] and world.fields <= ROLES[r][2]
        ]
        for roles in holders
    ]
