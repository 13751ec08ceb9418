"""The counts of the signature's way: plain numbers, made into metrics when somebody looks.

prometheus_client asks five questions and takes a lock for each count, six times for every signature. Here one thread
counts, and `collect` runs in the same thread between two signatures.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, product
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .manifest import MANIFEST


class CounterTally(Collector):
    """One counter of the manifest over the product of its labels' values, every series at 0 from the start."""

    def __init__(self, registry: CollectorRegistry, name: str, *values: Sequence[str]) -> None:
        self._declared: Final = MANIFEST[name]
        self._counts: Final = dict.fromkeys(product(*(map(str, each) for each in values)), 0)
        registry.register(self)

    def inc(self, *labels: str) -> None:
        """Count one. KeyError: a label that was not declared at the start."""
        self._counts[labels] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        """For the registry."""
        family = CounterMetricFamily(self._declared.name, self._declared.help, labels=self._declared.labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class HistogramTally(Collector):
    """One histogram of the manifest with the single label `backend`."""

    def __init__(self, registry: CollectorRegistry, name: str, backends: Iterable[str]) -> None:
        self._declared: Final = MANIFEST[name]
        self._edges: Final = self._declared.buckets
        self._counts: Final = {backend: [0] * (len(self._edges) + 1) for backend in backends}
        self._sums: Final = dict.fromkeys(self._counts, 0.0)
        registry.register(self)

    def observe(self, backend: str, value: float) -> None:
        """Count one value. KeyError: a backend that was not declared at the start."""
        self._counts[backend][bisect_left(self._edges, value)] += 1
        self._sums[backend] += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(self._declared.name, self._declared.help, labels=self._declared.labels)
        edges = [*map(floatToGoString, self._edges), "+Inf"]
        for backend, counts in self._counts.items():
            buckets = [(edge, float(count)) for edge, count in zip(edges, accumulate(counts), strict=True)]
            family.add_metric([backend], buckets, self._sums[backend])
        yield family
