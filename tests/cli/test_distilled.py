"""A cloud that was distilled to steps of its own, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Obclip

REAL = "lcm-sdxl+koala-700m"


def test_a_private_picture_end_to_end(
    obclip: Obclip, distilled_pair: str, distilled_cloud: str, tmp_path: Path
) -> None:
    out, sheet = tmp_path / "a.png", tmp_path / "sheet.png"
    done = obclip("generate", "a woman doctor", "--protect", "gender", "--pair", distilled_pair,
                  "--server", distilled_cloud, "--steps", 8, "-o", out,
                  "--show-cloud", sheet)  # fmt: skip
    assert done.code == 0, done.err
    assert "It ran 4 of 8 steps for each" in done.out
    assert Image.open(out).size == (64, 64)
    assert sheet.exists()


def test_this_device_alone_takes_its_own_steps(
    obclip: Obclip, distilled_pair: str, tmp_path: Path
) -> None:
    out = tmp_path / "a.png"
    options = ("--device-only", "--steps", 3, "-o", out)
    assert obclip("generate", "a woman", "--pair", distilled_pair, *options).code == 0
    assert out.exists()


def test_another_split_is_refused(obclip: Obclip, distilled_pair: str, tmp_path: Path) -> None:
    refused = obclip("generate", "a woman", "--pair", distilled_pair, "--split", 10)
    assert refused.code == 2
    assert "--split is 4 (of 8 lcm steps)" in refused.err and "leave it out" in refused.err


def test_a_plan_is_of_the_clouds_own_steps(obclip: Obclip) -> None:
    options = ("plan", "--pair", REAL, "--attributes", "gender=2,age=3")
    found = json.loads(obclip(*options, "--json").out)
    assert (found["steps"], found["split"], found["ratio"]) == (8, 4, 3.0)
    assert not found["unconditional"]
    assert "it makes no unconditional pass" in obclip(*options).out
    for given in (("--split", 10), ("--steps", 25), ("--tune",)):
        refused = obclip("plan", "--pair", REAL, *given)
        assert refused.code == 2 and REAL in refused.err


def test_a_check_asks_for_what_is_not_said(obclip: Obclip, distilled_pair: str) -> None:
    assert obclip("models", "check", distilled_pair).code == 0
    for said in (distilled_pair.replace("@lcm=8/4", ""), distilled_pair.replace("@guidance=8", "")):
        refused = obclip("models", "check", said)
        assert refused.code == 1 and "a distilled cloud without @" in refused.err


def test_a_pair_that_is_named_wrongly_is_refused_before_anything_starts(
    obclip: Obclip, distilled_pair: str, tiny_pair: str, tmp_path: Path
) -> None:
    cloud, device = distilled_pair.replace("@guidance=8@lcm=8/4", "").split(",")
    swapped = f"{device},{cloud}"
    for command in (
        ("models", "check", swapped), ("generate", "a man", "--pair", swapped),
        ("generate", "a man", "--pair", swapped, "--device-only"),
    ):  # fmt: skip
        refused = obclip(*command)
        assert refused.code == 1 and "CLOUD,DEVICE" in refused.err
    for named in (f"{cloud},{device}", tiny_pair.replace(",", "@guidance=3,")):
        assert obclip("plan", "--pair", named).code == 1
    refused = obclip("models", "check", tiny_pair.replace(",", "@base=nowhere,"))
    assert refused.code == 1 and "leave @base out" in refused.err


@pytest.mark.parametrize("plan", ["exact", "balanced"])
def test_the_legend_knows_no_unconditional_pass(
    obclip: Obclip, distilled_pair: str, plan: str
) -> None:
    said = obclip("plan", "--pair", distilled_pair, "--plan", plan).out
    assert "both passes" not in said and "besides" not in said
