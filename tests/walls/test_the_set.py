"""Walls around the set: what decides it, what cannot, and when one of it may be taken."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from obclip.client.download import Report, download
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import read_facts
from obclip.diffusion.pairs import find
from obclip.errors import ObclipError, RequestError, SelectionError
from obclip.privacy import (
    CandidateSet,
    Choice,
    PrivacySettings,
    PublicParameters,
    Sealed,
    SetAttribute,
    attributes,
    build_request,
    expand,
    seal,
    select,
)
from obclip.protocol.codec import decode_request
from tests.client.fakes import between

PROMPTS = ("a photo of a woman doctor", "an elderly man cooking", "a young Black woman")
ALONE = CandidateSet(
    prompts=("a woman",), negatives=(), table_version="t",
    attributes=(SetAttribute("gender", 0, ("woman",)),),
)  # fmt: skip
PUBLIC = PublicParameters(
    model="m", plan="exact", steps=8, split=3, guidance=2.0, scheduler="ddim", height=64, width=64
)


@pytest.mark.parametrize(
    "change",
    [{}, {"plan": "fast"}, {"steps": 1, "split": 0}, {"split": 8}, {"images": 8}, {"guidance": 0.0},
     {"model": "none"}],
)  # fmt: skip
def test_no_public_setting_lets_a_protected_prompt_leave_alone(change: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="may not leave alone"):
        build_request(ALONE, replace(PUBLIC, **change), 1)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_no_grouping_lets_a_protected_prompt_leave_alone(prompt: str) -> None:
    for attribute in attributes().values():
        for level in attribute.groupings:
            settings = PrivacySettings(groups={attribute.name: level})
            try:
                candidates = expand(prompt, settings).candidates
                build_request(candidates, PUBLIC, 1)
            except ObclipError:
                continue
            assert candidates.n > 1 or not candidates.attributes


def test_a_device_sends_no_protected_prompt_alone(tiny_pair: str, cloud: str) -> None:
    facts, public = read_facts(find(tiny_pair).device), Public(pair=tiny_pair, steps=2, split=1)
    with between(cloud) as fake:
        with pytest.raises(RequestError, match="may not leave alone"):
            download(ALONE, public, facts, Connection(fake.address), seed=1, report=Report())
        assert fake.paths() == ["models"]


def test_performance_settings_change_neither_the_set_nor_its_order_nor_the_seed(
    tiny_pair: str, cloud: str
) -> None:
    facts = read_facts(find(tiny_pair).device)
    candidates = expand(PROMPTS[1], PrivacySettings()).candidates
    public = Public(pair=tiny_pair, steps=3, split=1)
    seen = set()
    for change in (
        {}, {"steps": 4}, {"split": 2}, {"split": 0}, {"guidance": 1.0}, {"side": 128},
        {"scheduler": "ddim"},
    ):  # fmt: skip
        connection = Connection(cloud)
        chosen = replace(public, **change)  # type: ignore[arg-type]
        download(candidates, chosen, facts, connection, seed=77, report=Report())
        (sent,) = [decode_request(e.sent) for e in connection.trace if e.method == "POST"]
        seen.add((sent.prompts, sent.negatives, sent.seed, sent.table_version))
    assert len(seen) == 1
    assert next(iter(seen))[0] == candidates.prompts


def test_what_makes_the_set_is_not_given_the_public_settings() -> None:
    hints = inspect.get_annotations(expand)
    assert list(hints) == ["prompt", "settings", "negative", "return"]
    assert hints["settings"].removesuffix(" | None") == "PrivacySettings"


def test_what_makes_the_request_is_not_given_the_choice() -> None:
    hints = inspect.get_annotations(build_request)
    del hints["return"]
    assert hints == {"candidates": "CandidateSet", "public": "PublicParameters", "seed": "int"}
    assert not {"choice", "index"} & set(CandidateSet.__dataclass_fields__)


def test_nothing_is_selected_before_the_connection_is_closed(cloud: str) -> None:
    connection = Connection(cloud)
    connection.info()
    with pytest.raises(SelectionError):
        seal((1, 2), connection)
    with pytest.raises(SelectionError):
        Sealed((1, 2), object())
    connection.close()
    assert select(seal((1, 2), connection), Choice(1)) == 2


def test_a_closed_connection_is_closed_for_good(cloud: str) -> None:
    connection = Connection(cloud)
    connection.info()
    connection.close()
    before = list(connection.trace)
    with pytest.raises(ObclipError):
        connection.submit(b"{}")
    with pytest.raises(AttributeError):
        connection.is_closed = False  # type: ignore[misc]
    assert connection.trace == before
    assert connection.is_closed
