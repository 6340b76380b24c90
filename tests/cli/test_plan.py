"""``obclip plan`` with plans that share: picture, drawing, numbers and errors."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from obclip.cloud.planner import NAMED
from tests.cli.conftest import Obclip


@pytest.mark.parametrize("name", NAMED)
def test_every_named_plan_is_shown_with_its_cost(obclip: Obclip, tiny_pair: str, name: str) -> None:
    ran = obclip("plan", "--pair", tiny_pair, "--attributes", "gender=2,age=3", "--plan", name,
                 "--json")  # fmt: skip
    shown = json.loads(ran.out)
    assert (shown["n"], len(shown["cells"]), len(shown["program"])) == (6, 6, 10)
    assert {len(row) for row in shown["cells"]} == {10}
    assert 0 < shown["ratio"] <= 2.4
    assert shown["ratio_cached"] >= shown["ratio"]


def test_the_picture_comes_with_a_legend(obclip: Obclip, tiny_pair: str) -> None:
    ran = obclip("plan", "--pair", tiny_pair, "--attributes", "gender=2,age=3", "--plan", "tree")
    lines = ran.out.splitlines()
    assert lines[1] == "F" * 10 + "." * 15
    assert "|: rides on the run above" in lines


def test_a_plan_is_drawn(obclip: Obclip, tiny_pair: str, tmp_path: Path) -> None:
    for kind in ("svg", "png"):
        file = tmp_path / f"plan.{kind}"
        ran = obclip("plan", "--pair", tiny_pair, "--plan", "balanced", "--output", file)
        assert ran.code == 0
    boxes = ElementTree.parse(tmp_path / "plan.svg").iter("{http://www.w3.org/2000/svg}rect")  # noqa: S314 ours
    assert len(list(boxes)) > 6 * 25
    with Image.open(tmp_path / "plan.png") as picture:
        assert len(picture.getcolors(1 << 16) or ()) > 4


def test_a_drawing_that_cannot_be_is_told(obclip: Obclip, tiny_pair: str, tmp_path: Path) -> None:
    for target, said in (("x.gif", "expected .svg or .png"), ("no/x.svg", "cannot be written")):
        ran = obclip("plan", "--pair", tiny_pair, "--output", tmp_path / target)
        assert (ran.code, said in ran.line) == (1, True)


def test_a_set_over_the_cap_is_told(obclip: Obclip, tiny_pair: str) -> None:
    ran = obclip("plan", "--pair", tiny_pair, "--attributes", "gender=5,age=13")
    assert (ran.code, "got 65; expected 1 to 64" in ran.line) == (1, True)
