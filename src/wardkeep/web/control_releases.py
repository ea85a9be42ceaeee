"""The part of the control API for data sets that leave: determinations, data use agreements, releases."""

from functools import partial
from typing import Final

from wardkeep.compliance import forms as form
from wardkeep.compliance import release_forms, releases
from wardkeep.crypto.mac import sha256
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today


async def _list(asked: Asked) -> object:
    return release_forms.releases_view(asked.registry, today(asked))


async def _determinations(asked: Asked) -> object:
    return release_forms.determinations_view(asked.registry, today(asked))


async def _add_determination(asked: Asked, filled: release_forms.DeterminationForm) -> object:
    plan = partial(releases.add_determination, determination=filled.determination())
    return await change(asked, "determination.add", filled.reason, plan, id=filled.id)


async def _end_determination(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(releases.end_determination, determination=asked.words[0])
    return await change(asked, "determination.end", filled.reason, plan)


async def _add_data_use(asked: Asked, filled: release_forms.DataUseForm) -> object:
    plan = partial(releases.add_data_use, agreement=filled.agreement())
    return await change(asked, "datause.add", filled.reason, plan, id=filled.id)


async def _end_data_use(asked: Asked, filled: form.ReasonForm) -> object:
    plan = partial(releases.end_data_use, agreement=asked.words[0])
    return await change(asked, "datause.end", filled.reason, plan)


async def _prepare(asked: Asked, filled: release_forms.ReleaseForm) -> object:
    plan = partial(releases.prepare_release, release=filled.release())
    return await change(asked, "release.prepare", filled.reason, plan, id=filled.id)


async def _sign(asked: Asked, filled: release_forms.SignForm) -> object:
    plan = partial(
        releases.sign_release,
        release=asked.words[0],
        no_actual_knowledge=filled.no_actual_knowledge,
        today=today(asked),
    )
    return await change(asked, "release.sign", filled.reason, plan)


async def _export(asked: Asked, filled: release_forms.TrainingSetForm) -> object:
    found = releases.exportable(asked.registry, asked.words[0], today=today(asked))
    organisation = asked.registry.organisation
    name = "" if organisation is None else organisation.name
    text = releases.certificate(asked.registry, found, organisation=name, today=today(asked))
    digest = sha256(text.encode()).hex()
    plan = partial(
        releases.export_release,
        release=found.id,
        dataset_sha256=filled.dataset_sha256,
        certificate_sha256=digest,
        today=today(asked),
    )
    return await change(asked, "release.export", filled.reason, plan, certificate=text, sha256=digest)


async def _withdraw(asked: Asked, filled: form.ReasonForm) -> object:
    return await change(
        asked, "release.withdraw", filled.reason, partial(releases.withdraw_release, release=asked.words[0])
    )


RELEASE_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("releases", Permission.REGISTRY_READ, "release.list", _list),
    post_route("releases", Permission.RELEASE_PREPARE, "release.prepare", release_forms.ReleaseForm, _prepare),
    post_route("releases/{}/sign", Permission.RELEASE_SIGN, "release.sign", release_forms.SignForm, _sign),
    post_route(
        "releases/{}/export", Permission.RELEASE_PREPARE, "release.export", release_forms.TrainingSetForm, _export
    ),
    post_route("releases/{}/withdraw", Permission.RELEASE_PREPARE, "release.withdraw", form.ReasonForm, _withdraw),
    # Who prepares a data set asks whether a determination covers it, and sees no other record.
    get_route("determinations", Permission.RELEASE_PREPARE, "determination.list", _determinations),
    post_route(
        "determinations",
        Permission.RELEASE_SIGN,
        "determination.add",
        release_forms.DeterminationForm,
        _add_determination,
    ),
    post_route(
        "determinations/{}/end", Permission.RELEASE_SIGN, "determination.end", form.ReasonForm, _end_determination
    ),
    post_route("datauses", Permission.RELEASE_SIGN, "datause.add", release_forms.DataUseForm, _add_data_use),
    post_route("datauses/{}/end", Permission.RELEASE_SIGN, "datause.end", form.ReasonForm, _end_data_use),
)
