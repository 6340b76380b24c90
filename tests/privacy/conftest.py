"""Hypothesis profiles and the shared prompts of the privacy tests."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
_COMMON = {
    "deadline": None,
    "suppress_health_check": [
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
}
settings.register_profile("ci", max_examples=500, derandomize=True, **_COMMON)
settings.register_profile("fast", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("nightly", max_examples=10_000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def rows(name: str) -> list[dict]:
    return [
        json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines() if line
    ]


@pytest.fixture(scope="session")
def dev_prompts() -> list[str]:
    """241 public prompts; their sources are named beside each in the file."""
    return [row["text"] for row in rows("../data/dev_prompts.jsonl")]
