"""Prometheus metrics: counts, sizes and seconds. No label but endpoints, codes and states.

Protects: no tenant and no content is told; whoever reads them learns the load.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_ROWS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128)


class Metrics:
    """One server's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "obclip_requests", "Requests answered.", ("method", "route", "status"),
            registry=registry,
        )  # fmt: skip
        self.refusals = Counter(
            "obclip_refusals", "Requests refused, by code.", ("code",), registry=registry
        )
        self.request_seconds = Histogram(
            "obclip_request_seconds", "Time to answer, progress streams apart.", ("route",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.jobs = Counter("obclip_jobs", "Jobs ended, by state.", ("state",), registry=registry)
        self.open = Gauge("obclip_jobs_open", "Jobs here, by state.", ("state",), registry=registry)
        self.job_seconds = Histogram(
            "obclip_job_seconds", "Time of jobs that were done.", ("part",), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.units = Counter(
            "obclip_units", "Work done: N x pictures x k x height x width.", registry=registry
        )
        self.call_seconds = Histogram(
            "obclip_call_seconds", "Time of a model call.", buckets=_SECONDS, registry=registry
        )
        self.call_rows = Histogram(
            "obclip_call_rows", "Latents of a model call.", buckets=_ROWS, registry=registry
        )
        self.call_jobs = Histogram(
            "obclip_call_jobs", "Jobs that share a model call.", buckets=_ROWS, registry=registry
        )
        self.memory = Gauge(
            "obclip_memory_bytes", "Memory: budget, answers, free.", ("of",), registry=registry
        )

    def called(self, rows: int, jobs: int, seconds: float) -> None:
        """A model call was made; from the engine's thread."""
        self.call_rows.observe(rows)
        self.call_jobs.observe(jobs)
        self.call_seconds.observe(seconds)

    def watch(self, counts: Callable[[], dict[str, int]], free: Callable[[], int]) -> None:
        """Where open jobs and memory are read when somebody asks."""
        for state in ("queued", "running", "done"):
            self.open.labels(state).set_function(partial(_one, counts, state))
        self.memory.labels("answers").set_function(partial(_one, counts, "bytes"))
        self.memory.labels("free").set_function(free)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


def _one(counts: Callable[[], dict[str, int]], name: str) -> float:
    return counts()[name]
