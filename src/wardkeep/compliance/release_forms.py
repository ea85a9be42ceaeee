"""Forms and views of what leaves: determinations, data use agreements, releases (see `compliance.forms`)."""

from datetime import date

import msgspec

from wardkeep.compliance.forms import Form
from wardkeep.model.registry import Registry
from wardkeep.model.release import DataUse, DataUseAgreement, Determination, Release, ReleaseBasis


class DeterminationForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An Expert Determination to record."""

    id: str
    expert: str
    document_sha256: str
    effective_on: date
    expires_on: date
    allows_shifted_dates: bool = False

    def determination(self) -> Determination:
        """Return the record; the plan sets its author."""
        return Determination(
            id=self.id,
            expert=self.expert,
            document_sha256=self.document_sha256,
            effective_on=self.effective_on,
            expires_on=self.expires_on,
            allows_shifted_dates=self.allows_shifted_dates,
            added_by="",
        )


class DataUseForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data use agreement to record. `expires_on` is stated even when it is null."""

    id: str
    recipient: str
    use: DataUse
    document_sha256: str
    effective_on: date
    expires_on: date | None

    def agreement(self) -> DataUseAgreement:
        """Return the record; the plan sets its author."""
        return DataUseAgreement(
            id=self.id,
            recipient=self.recipient,
            use=self.use,
            document_sha256=self.document_sha256,
            effective_on=self.effective_on,
            expires_on=self.expires_on,
            added_by="",
        )


class ReleaseForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A data set to release. `is_associate` says whether the organisation acts as a business associate here."""

    id: str
    basis: ReleaseBasis
    policy: str
    dataset_sha256: str
    report_sha256: str
    recipient: str
    shifts_dates: bool
    is_associate: bool
    permission_sha256: str | None = None
    determination: str | None = None
    data_use: str | None = None

    def release(self) -> Release:
        """Return the record; the plan sets who prepared it."""
        return Release(
            id=self.id,
            basis=self.basis,
            policy=self.policy,
            dataset_sha256=self.dataset_sha256,
            report_sha256=self.report_sha256,
            recipient=self.recipient,
            shifts_dates=self.shifts_dates,
            is_associate=self.is_associate,
            permission_sha256=self.permission_sha256,
            determination=self.determination,
            data_use=self.data_use,
            prepared_by="",
        )


class SignForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reviewer's signature: what they reviewed in words, and the statement of 164.514(b)(2)(ii)."""

    reason: str
    no_actual_knowledge: bool


class TrainingSetForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A signed data set that is taken out to train a model; `reason` says which one."""

    reason: str
    dataset_sha256: str


def releases_view(registry: Registry, today: date) -> dict[str, object]:
    """Return all that is on record about releases, and what of it holds today."""
    return {
        **determinations_view(registry, today),
        "data_uses": [
            {**msgspec.to_builtins(each), "holds": each.holds(today)} for _, each in sorted(registry.data_uses.items())
        ],
        "releases": [
            {**msgspec.to_builtins(each), "is_released": each.is_released}
            for _, each in sorted(registry.releases.items())
        ],
    }


def determinations_view(registry: Registry, today: date) -> dict[str, object]:
    """Return the Expert Determinations, and which of them hold today."""
    return {
        "determinations": [
            {**msgspec.to_builtins(each), "holds": each.holds(today)}
            for _, each in sorted(registry.determinations.items())
        ]
    }
