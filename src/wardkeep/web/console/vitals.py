"""How the instance itself is, as the console shows it: what only the running process knows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """Ledger and watch at this moment. `witnessed` is None where no witness is configured."""

    is_writable: bool
    workers: int
    data_address: str
    alarms: tuple[str, ...]
    canary_age_seconds: float
    published: int | None
    witnessed: int | None
    witness_lag_seconds: float
    stamped: int
    archived: int
