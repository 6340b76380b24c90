"""``plan``, ``models`` and ``serve`` as programs read them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from obclip.cli.main import COMMANDS
from tests.cli.conftest import Obclip
from tests.tiny import write
from tests.wire import HTTP


def test_help_names_every_command(obclip: Obclip) -> None:
    ran = obclip("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in COMMANDS)
    assert obclip("--version").out.startswith("obclip, version ")
    assert obclip("nonsense").code == 2


def test_plan_json_has_the_stable_keys(obclip: Obclip, tiny_pair: str) -> None:
    ran = obclip(
        "plan", "--pair", tiny_pair, "--attributes", "gender,age=3", "--split", 5, "--json"
    )
    shown = json.loads(ran.out)
    assert {"n", "cells", "flops", "ratio", "ratio_cached"} <= set(shown)
    assert shown["n"] == len(shown["cells"]) == 6
    assert {len(row) for row in shown["cells"]} == {5}
    assert shown["ratio"] == pytest.approx(6 * 5 / 25)
    assert shown["ratio_cached"] == shown["ratio"]
    assert shown["flops"] > 0


def test_plan_is_shown_as_a_picture(obclip: Obclip, tiny_pair: str) -> None:
    ran = obclip("plan", "--pair", tiny_pair, "--attributes", "gender", "--steps", 6, "--split", 2)
    assert ran.out.splitlines()[1:3] == ["FF....", "FF...."]


def test_plan_knows_the_real_pairs_without_their_weights(obclip: Obclip) -> None:
    ran = obclip("plan", "--pair", "sd-v1.4+bk-sdm-tiny", "--attributes", "gender", "--json")
    assert json.loads(ran.out)["flops"] == pytest.approx(2 * 10 * 2 * 0.68e12, rel=0.25)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plan", "magic"), "unknown plan"),
        (("--split", "26"), "split out of range"),
        (("--steps", "0"), "steps out of range"),
        (("--attributes", "hair"), "unknown attribute"),
        (("--attributes", "gender=0"), "bad count"),
        (("--pair", "nope"), "unknown pair"),
        (("--size", "65"), "size does not fit"),
    ],
)
def test_a_plan_that_cannot_be_is_told(
    obclip: Obclip, tiny_pair: str, options: tuple[str, str], said: str
) -> None:
    ran = obclip("plan", "--pair", tiny_pair, *options)
    assert ran.code == 1
    assert said in ran.line


def test_models_list_names_every_known_pair(obclip: Obclip) -> None:
    names = {row["name"] for row in json.loads(obclip("models", "list", "--json").out)}
    assert names == {
        "mini", "rv4+small-sd", "sd-v1.4+bk-sdm-small", "sd-v1.4+bk-sdm-tiny", "sdxl+koala-700m",
        "lcm-sdxl+koala-700m",
    }  # fmt: skip
    assert "mini" in obclip("models", "list").out


def test_models_check_says_whether_two_make_a_pair(
    obclip: Obclip, tiny_pair: str, tmp_path: Path
) -> None:
    assert json.loads(obclip("models", "check", tiny_pair, "--json").out)["ok"] is True
    assert "a pair" in obclip("models", "check", tiny_pair).out
    other = write(tmp_path / "v", prediction_type="v_prediction")
    pair = f"{tiny_pair.partition(',')[0]},{other}"
    ran = obclip("models", "check", pair)
    assert ran.code == 1
    assert "prediction_type: epsilon and v_prediction" in ran.line
    ran = obclip("models", "check", pair, "--json")
    assert (ran.code, json.loads(ran.out)["ok"]) == (1, False)


def test_models_show_gives_the_facts_of_both(obclip: Obclip, tiny_pair: str) -> None:
    shown = json.loads(obclip("models", "show", tiny_pair, "--json").out)
    assert shown["cloud"]["latent_channels"] == shown["device"]["latent_channels"] == 4
    assert "beta_start" in obclip("models", "show", tiny_pair).out
    assert obclip("models", "show", "nope").code == 1


def test_serve_prints_ready_and_serves(tiny_pair: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "obclip", "serve", "--pair", tiny_pair, "--port", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        address = line.removeprefix("ready ")
        assert line.startswith("ready http://127.0.0.1:")
        assert HTTP.get(f"{address}/openapi.json").status_code == 200
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def test_a_port_in_use_is_told(obclip: Obclip, tiny_pair: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = obclip("serve", "--pair", tiny_pair, "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert "cannot listen" in ran.line


def test_a_model_that_is_not_there_is_told(obclip: Obclip) -> None:
    ran = obclip("serve", "--pair", "/nowhere,/nowhere", "--port", 0)
    assert (ran.code, ran.out) == (1, "")
    assert "no model folder there" in ran.line


def test_a_prompt_that_cannot_be_closed_exits_3(obclip: Obclip) -> None:
    assert obclip("expand", "a womman", "--json").code == 3
    assert obclip("expand", "a woman", "--json").code == 0


def test_answers_of_a_crash_are_shown_and_deleted(obclip: Obclip) -> None:
    from obclip.client.cache import ResultCache

    cache = ResultCache()
    cache.put("a" * 64, b"latents")
    told = json.loads(obclip("cache", "--json").out)
    assert (told["answers"], told["bytes"], told["deleted"]) == (1, 39, False)
    assert "Deleted: 1 answers" in obclip("cache", "--delete").out
    assert json.loads(obclip("cache", "--json").out)["answers"] == 0
    assert str(cache.folder) in obclip("cache").out
