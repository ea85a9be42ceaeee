"""Runs a cloud configuration check: ask the vendor, record what it told with its date (45 CFR 164.308(a)(8)).

Lives in the keeper: the credential for asking is opened here and nowhere else. Asking blocks, so it is a thread's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from wardkeep.compliance.control import Control
from wardkeep.compliance.deployments import open_credential
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.geography import load_geography
from wardkeep.compliance.inspections import check_view, find_deployment, record_check
from wardkeep.crypto.keys import DataKeys
from wardkeep.model.inspection import Inspection
from wardkeep.model.instant import Instant
from wardkeep.model.reconciliation import UsageLine
from wardkeep.model.registry import Deployment, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.providers.inspecting.inspect import ask_vendor, asked_at, asker_for
from wardkeep.providers.inspecting.usage import ReportUnreadable, report


def _unreadable(why: str) -> NotAllowed:
    return NotAllowed(
        "report_unavailable",
        what=f"The vendor's usage report could not be had: {why}.",
        why="What was not compared is not known to agree.",
        fix="Record how the vendor is asked with `wardkeep route check-with`, or export its report and give --file.",
        status=409,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """What is needed to check deployments. `keys` open the credentials."""

    control: Control
    keys: DataKeys
    clock: Callable[[], Instant]

    async def check(self, deployment: str, *, by: str) -> dict[str, object]:
        """Ask about one deployment, record what was told, and return it as it is shown.

        Raises:
            NotAllowed: there is no such deployment.
            LedgerUnavailable, StaleFacts, ControlNotApplied: nothing is recorded; nothing that it found holds.
            CryptoError, RecordUnreadable: the credential for asking does not open.
        """
        registry = self.control.registry
        found = find_deployment(registry, deployment)
        inspection = registry.inspections.get(deployment) or Inspection(id=deployment)
        credential = self._credential(registry, found, inspection)
        said = await asyncio.to_thread(ask_vendor, found, inspection, credential, self.clock)
        geography = await asyncio.to_thread(load_geography)
        index = await self.control.change(
            by=by,
            action="deployment.check",
            reason="what the vendor tells of the deployment",
            plan=lambda held: record_check(
                held,
                deployment=deployment,
                said=said,
                geography=geography,
                by=by,
                at=self.clock().wall,
                asked=asked_at(found, inspection),
            ),
        )
        return {**check_view(self.control.registry.route_checks[deployment]), "ledger_index": index}

    async def usage(self, vendor: str, first: date, last: date) -> tuple[tuple[UsageLine, ...], str]:
        """Return the vendor's usage report of some days, and whose word it is.

        Raises:
            NotAllowed: no deployment of the vendor says how it is asked, or the report could not be had whole.
            CryptoError, RecordUnreadable: the credential for asking does not open.
        """
        registry = self.control.registry
        asked = {
            (inspection.account.get("project"), inspection.account.get("workspace")): (deployment, inspection)
            for name, inspection in sorted(registry.inspections.items())
            if (deployment := registry.deployments.get(name)) is not None
            and deployment.vendor == vendor
            and inspection.credential is not None
        }
        if not asked:
            raise _unreadable("no admin key is on record")
        lines: list[UsageLine] = []
        for deployment, inspection in asked.values():
            credential = self._credential(registry, deployment, inspection)
            asker = asker_for(deployment, inspection, credential, self.clock)
            try:
                lines += await asyncio.to_thread(report, asker, first, last)
            except ReportUnreadable as error:
                raise _unreadable(str(error)) from None
        return tuple(lines), "vendor"

    def _credential(self, registry: Registry, deployment: Deployment, inspection: Inspection) -> Secret[str] | None:
        """Return what the vendor is asked with: the inspection's own credential, else the deployment's."""
        name = inspection.credential or deployment.credential
        body = None if name is None else registry.secrets.get(name)
        if name is None or body is None:
            return None
        return open_credential(self.keys, tenant=self.keys.tenant, identifier=name, body=body)
