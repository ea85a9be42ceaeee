"""The part of the control API for policies, duties, training, sanctions and checklists (45 CFR 164.308(a), 164.316)."""

from functools import partial
from typing import Final

import msgspec

from wardkeep.compliance import checklists, duties, policies, reminders, sanctions, training
from wardkeep.compliance import programme_forms as form
from wardkeep.compliance.courses import course_of, load_courses, scored
from wardkeep.compliance.forms import Form
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_DECIDE: Final = Permission.CONTROL_DECIDE
_OWN: Final = Permission.OWN_ACCOUNT


# ---- policies --------------------------------------------------------------------------------------------------------


async def _list_policies(asked: Asked) -> object:
    texts, day = load_texts(), today(asked)
    newest = [texts[name][max(texts[name])] for name in sorted(texts)]
    return {"policies": [policies.policy_view(asked.registry, each, asked.by, day) for each in newest]}


async def _show_policy(asked: Asked) -> object:
    return policies.whole_view(asked.registry, load_texts(), asked.words[0], asked.by, today(asked))


async def _signatures(asked: Asked) -> object:
    missing = policies.unsigned(asked.registry, load_texts())
    signed = {
        name: {policy: msgspec.to_builtins(each) for policy, each in sorted(held.signed.items())}
        for name, held in sorted(asked.registry.signatures.items())
    }
    return {"missing": {policy: list(people) for policy, people in missing.items()}, "signed": signed}


async def _drift(asked: Asked) -> object:
    found = policies.drifts(asked.registry, load_texts(), asked.app.clock(), today(asked))
    return {"promises": [msgspec.to_builtins(each) for each in found]}


async def _propose(asked: Asked, filled: form.PolicyForm) -> object:
    plan = partial(
        policies.propose_policy,
        policy=asked.words[0],
        variables=filled.variables,
        review_on=filled.review_on,
        own_sha256=filled.own_sha256,
        today=today(asked),
        texts=load_texts(),
    )
    return await change(asked, "policy.propose", filled.reason, plan)


async def _approve(asked: Asked, filled: form.TextForm) -> object:
    plan = partial(policies.approve_policy, policy=asked.words[0], sha256=filled.sha256, today=today(asked))
    return await change(asked, "policy.approve", filled.reason, plan)


async def _sign(asked: Asked, filled: form.TextForm) -> object:
    plan = partial(policies.sign_policy, policy=asked.words[0], sha256=filled.sha256, today=today(asked))
    return await change(asked, "policy.sign", filled.reason, plan)


# ---- duties ----------------------------------------------------------------------------------------------------------


async def _show_duties(asked: Asked) -> object:
    return duties.duties_view(asked.registry, load_texts(), today(asked))


async def _reminders(asked: Asked) -> object:
    return {"reminders": reminders.reminders_view(asked.registry, today(asked))}


async def _require(asked: Asked, filled: form.DutiesForm) -> object:
    return await change(asked, "duties.require", filled.reason, partial(duties.require_duties, terms=filled.terms()))


async def _approve_duties(asked: Asked, filled: form.DutiesForm) -> object:
    return await change(asked, "duties.approve", filled.reason, partial(duties.approve_duties, terms=filled.terms()))


# ---- training --------------------------------------------------------------------------------------------------------


async def _list_courses(asked: Asked) -> object:
    shown = [training.course_view(each, asked.registry.courses.get(name)) for name, each in load_courses().items()]
    brief = [{name: each[name] for name in each if name not in {"sections", "questions"}} for each in shown]
    return {"courses": sorted(brief, key=lambda each: str(each["id"]))}


async def _show_course(asked: Asked) -> object:
    course = course_of(load_courses(), asked.words[0])
    return training.course_view(course, asked.registry.courses.get(course.id))


async def _report(asked: Asked) -> object:
    return {"rows": training.report(asked.registry, today(asked))}


async def _mine(asked: Asked) -> object:
    rows = training.report(asked.registry, today(asked))
    return {"rows": [each for each in rows if each["person"] == asked.by.id]}


async def _certificate(asked: Asked) -> object:
    return training.certificate_view(asked.registry, asked.by.id, asked.words[0])


async def _certificate_of(asked: Asked) -> object:
    return training.certificate_view(asked.registry, asked.query.get("person", ""), asked.words[0])


async def _assign(asked: Asked, filled: form.CourseRuleForm) -> object:
    plan = partial(
        training.assign_course,
        course=asked.words[0],
        roles=filled.roles,
        due_on=filled.due_on,
        valid_days=filled.valid_days,
        pass_percent=filled.pass_percent,
        today=today(asked),
        courses=load_courses(),
    )
    return await change(asked, "training.assign", filled.reason, plan)


async def _extend(asked: Asked, filled: form.ExtensionForm) -> object:
    plan = partial(
        training.extend_due, person=filled.person, course=asked.words[0], due_on=filled.due_on, today=today(asked)
    )
    return await change(asked, "training.extend", filled.reason, plan)


async def _answer(asked: Asked, filled: form.AnswersForm) -> object:
    course = course_of(load_courses(), asked.words[0])
    percent, wrong = scored(course, filled.answers)
    plan = partial(
        training.answer_course, course=course, version=filled.version, answers=filled.answers, today=today(asked)
    )
    rule = asked.registry.courses.get(course.id)
    return await change(
        asked,
        "training.answer",
        filled.reason,
        plan,
        score_percent=percent,
        is_passed=rule is not None and percent >= rule.pass_percent,
        wrong=[{"question": place, "why": course.questions[place].why} for place in wrong],
    )


# ---- sanctions and checklists ----------------------------------------------------------------------------------------


async def _list_sanctions(asked: Asked) -> object:
    return {"sanctions": [sanctions.sanction_view(each) for _, each in sorted(asked.registry.sanctions.items())]}


async def _sanction(asked: Asked, filled: form.SanctionForm) -> object:
    plan = partial(
        sanctions.propose_sanction,
        sanction=filled.id,
        person=filled.person,
        policy=filled.policy,
        level=filled.level,
        today=today(asked),
    )
    return await change(asked, "sanction.propose", filled.reason, plan, id=filled.id)


async def _confirm(asked: Asked, filled: form.LevelForm) -> object:
    plan = partial(sanctions.confirm_sanction, sanction=asked.words[0], level=filled.level)
    return await change(asked, "sanction.confirm", filled.reason, plan)


async def _list_checklists(asked: Asked) -> object:
    texts, day = load_texts(), today(asked)
    held = sorted(asked.registry.checklists.items())
    return {"checklists": [checklists.checklist_view(asked.registry, each, texts, day) for _, each in held]}


async def _open_checklist(asked: Asked, filled: form.ChecklistForm) -> object:
    plan = partial(
        checklists.open_checklist, kind=filled.kind, person=filled.person, due_on=filled.due_on, today=today(asked)
    )
    shown = f"{filled.kind.value}.{filled.person}"
    return await change(asked, "checklist.open", filled.reason, plan, id=shown)


async def _attest(asked: Asked, filled: form.ItemForm) -> object:
    plan = partial(checklists.attest_item, checklist=asked.words[0], item=filled.item, today=today(asked))
    return await change(asked, "checklist.attest", filled.reason, plan)


async def _close(asked: Asked, filled: Form) -> object:
    plan = partial(checklists.close_checklist, checklist=asked.words[0], today=today(asked), texts=load_texts())
    return await change(asked, "checklist.close", filled.reason, plan)


PROGRAMME_ROUTES: Final[tuple[ApiRoute, ...]] = (
    # Policies bind everybody, so everybody reads them (45 CFR 164.316(b)(2)(ii)).
    get_route("policies", _OWN, "policy.list", _list_policies),
    get_route("policies/{}", _OWN, "policy.show", _show_policy),
    post_route("policies/{}/propose", _DECIDE, "policy.propose", form.PolicyForm, _propose),
    post_route("policies/{}/approve", _DECIDE, "policy.approve", form.TextForm, _approve),
    post_route("policies/{}/sign", _OWN, "policy.sign", form.TextForm, _sign),
    get_route("signatures", Permission.REGISTRY_READ, "policy.signatures", _signatures),
    get_route("drift", Permission.REGISTRY_READ, "policy.drift", _drift),
    get_route("duties", Permission.REGISTRY_READ, "duties.show", _show_duties),
    get_route("reminders", Permission.REGISTRY_READ, "reminder.list", _reminders),
    post_route("duties/require", _DECIDE, "duties.require", form.DutiesForm, _require),
    post_route("duties/approve", _DECIDE, "duties.approve", form.DutiesForm, _approve_duties),
    get_route("courses", _OWN, "training.list", _list_courses),
    get_route("courses/{}", _OWN, "training.show", _show_course),
    get_route("courses/{}/certificate", _OWN, "training.certificate", _certificate),
    get_route(
        "courses/{}/certificate-of",
        Permission.REGISTRY_READ,
        "training.certificates",
        _certificate_of,
        query=("person",),
    ),
    post_route("courses/{}/assign", _DECIDE, "training.assign", form.CourseRuleForm, _assign),
    post_route("courses/{}/extend", _DECIDE, "training.extend", form.ExtensionForm, _extend),
    post_route("courses/{}/answer", _OWN, "training.answer", form.AnswersForm, _answer),
    get_route("training", Permission.REGISTRY_READ, "training.report", _report),
    get_route("training/mine", _OWN, "training.mine", _mine),
    get_route("sanctions", Permission.LEDGER_READ, "sanction.list", _list_sanctions),
    post_route("sanctions", _DECIDE, "sanction.propose", form.SanctionForm, _sanction),
    post_route("sanctions/{}/confirm", _DECIDE, "sanction.confirm", form.LevelForm, _confirm),
    get_route("checklists", Permission.REGISTRY_READ, "checklist.list", _list_checklists),
    post_route("checklists", _DECIDE, "checklist.open", form.ChecklistForm, _open_checklist),
    post_route("checklists/{}/attest", _DECIDE, "checklist.attest", form.ItemForm, _attest),
    post_route("checklists/{}/close", _DECIDE, "checklist.close", Form, _close),
)
