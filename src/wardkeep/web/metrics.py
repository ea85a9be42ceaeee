"""What is counted: numbers by reason, status and endpoint, never by anything a caller sent.

Each process counts for itself; the keeper gathers the workers' counts and shows the sum at /metrics in the Prometheus
text format.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from wardkeep.model.reasons import Reason

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
Counts = dict[str, float]

# How many requests a process has sent upstream; held against the ledger's request records, not shown by itself.
SENT: Final = "sent|"


class Metrics:
    """Counters of one process. A name is `family|label`; a snapshot is a plain mapping that can be added to others."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count_refused(self, reason: Reason) -> None:
        """Count one refusal."""
        self._counts[f"refused|{reason.value}"] += 1

    def count_answered(self, status: int) -> None:
        """Count one answer by the vendor's status."""
        self._counts[f"answered|{status}"] += 1

    def observe(self, endpoint: str, seconds: float) -> None:
        """Count one call's duration."""
        for bound in BUCKETS:
            if seconds <= bound:
                self._counts[f"bucket|{endpoint}|{bound}"] += 1
                break
        self._counts[f"calls|{endpoint}"] += 1
        self._counts[f"seconds|{endpoint}"] += seconds  # type: ignore[assignment]  # a Counter adds floats as well

    def snapshot(self) -> Counts:
        """Return all counts so far."""
        return dict(self._counts)


class _Families(Collector):
    def __init__(self, counts: Counts, gauges: dict[str, float]) -> None:
        self._counts = counts
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        refused = CounterMetricFamily("wardkeep_refused_calls", "Calls refused, by reason.", labels=["reason"])
        answered = CounterMetricFamily(
            "wardkeep_answered_calls", "Calls answered, by vendor status.", labels=["status"]
        )
        for name, value in sorted(self._counts.items()):
            family, _, label = name.partition("|")
            if family == "refused":
                refused.add_metric([label], value)
            elif family == "answered":
                answered.add_metric([label], value)
        yield refused
        yield answered
        yield self._durations()
        for name, value in sorted(self._gauges.items()):
            yield GaugeMetricFamily(f"wardkeep_{name}", name.replace("_", " "), value=value)

    def _durations(self) -> Metric:
        family = HistogramMetricFamily("wardkeep_call_seconds", "Duration of calls.", labels=["endpoint"])
        for endpoint in sorted(name.split("|")[1] for name in self._counts if name.startswith("calls|")):
            total, buckets = 0.0, []
            for bound in BUCKETS:
                total += self._counts.get(f"bucket|{endpoint}|{bound}", 0)
                buckets.append((str(bound), total))
            buckets.append(("+Inf", self._counts[f"calls|{endpoint}"]))
            family.add_metric([endpoint], buckets, self._counts.get(f"seconds|{endpoint}", 0.0))
        return family


def total(snapshots: Iterable[Counts]) -> Counts:
    """Add the counts of several processes."""
    summed: Counter[str] = Counter()
    for counts in snapshots:
        for name, value in counts.items():
            summed[name] += value  # type: ignore[assignment]  # a Counter adds floats as well
    return dict(summed)


def exposition(counts: Counts, gauges: dict[str, float]) -> bytes:
    """Return the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Families(counts, gauges))
    return generate_latest(registry)
