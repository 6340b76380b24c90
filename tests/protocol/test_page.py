"""``docs/protocol.md`` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from obclip.protocol import limits
from obclip.protocol.messages import (
    Accepted,
    ErrorBody,
    GenerateRequest,
    ModelInfo,
    Progress,
    ServerInfo,
)
from obclip.protocol.schedule import NoiseSchedule
from tests.wire import HTTP

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]


def test_every_endpoint_stands_on_the_page_and_no_other(cloud: str) -> None:
    paths = HTTP.get(f"{cloud}/openapi.json").json()["paths"]
    served = {f"{m.upper()} {path}" for path, methods in paths.items() for m in methods}
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) /\S+)`", PAGE)) == served


def test_every_field_of_a_request_stands_on_the_page_in_order() -> None:
    start = next(i for i, row in enumerate(ROWS) if row[0] == "field")
    names = [row[0].strip("`") for row in ROWS[start + 1 :]]
    fields = GenerateRequest.__struct_fields__
    assert tuple(names[: len(fields)]) == fields


@pytest.mark.parametrize(
    "kind", [ServerInfo, ModelInfo, NoiseSchedule, Accepted, Progress, ErrorBody]
)
def test_every_message_stands_on_the_page(kind: Any) -> None:
    (row,) = [r for r in ROWS if r[0] == f"`{kind.__name__}`" and len(r) == 2 and "`" in r[1]]
    names = [f.name for f in msgspec.inspect.type_info(kind).fields]  # type: ignore[union-attr]
    assert [n for n in re.findall(r"`(\w+)`", row[1]) if not n[0].isupper()] == names


def test_the_caps_are_the_codes() -> None:
    for cap in (
        limits.MAX_REQUEST_BYTES, limits.MAX_ANSWER_HEADER_BYTES, limits.MAX_PROGRESS_LINE_BYTES,
        limits.MAX_INFO_BYTES, limits.MAX_ERROR_BYTES,
    ):  # fmt: skip
        assert f" {cap} bytes |" in PAGE
    for low, high in (
        (1, limits.MAX_STEPS), (1, limits.MAX_IMAGES), (1, limits.MAX_CANDIDATES),
        (limits.MIN_SIDE, limits.MAX_SIDE), (0, f"{limits.MAX_GUIDANCE:g}"),
        (1, limits.MAX_ATTRIBUTES),
    ):  # fmt: skip
        assert f"{low} to {high}" in PAGE
    assert f"Version {limits.VERSION}." in PAGE
    assert f"at most {limits.MAX_PROMPT_CHARS} characters" in PAGE
    assert f"at most {limits.MAX_LATENTS}" in PAGE


def test_every_status_of_a_refusal_stands_on_the_page() -> None:
    from obclip.server.refusals import STATUS

    told = {
        code: int(row[0])
        for row in ROWS
        if row[0].isdecimal() and len(row) == 3 and len(row[0]) == 3
        for code in re.findall(r"`(\w+)`", row[1])
    }
    assert STATUS.items() <= told.items()
    assert {c for c, status in told.items() if status == 500} == {"engine_failed", "internal"}
