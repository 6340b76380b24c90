"""What would be ignored, lost or mixed up is refused, in one line, before anything is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from obclip.client.errand import Errand
from tests.cli.conftest import Obclip
from tests.client.fakes import between

WOMAN = "a photo of a woman doctor"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "--floor", "2"), "--floor changes nothing with a plan without --tune"),
        (("plan", "--sets", "0"), "--sets changes nothing"),
        (("plan", "--curve", "--budget", "3"), "--budget changes nothing with --curve"),
        (("plan", "--curve", "--attributes", "age"), "--attributes changes nothing with --curve"),
        (("attack", "--trials", "0"), "8 to 1000000"),
        (("attack", "--jobs", "0"), "1 to 256"),
        (("attack", "--trials", "8", "--only", "nosuch"), "guess the choice, N = 2"),
        (("serve", "--memory", "nan"), "not a number"),
        (("serve", "--keep", "inf"), "not a number"),
        (("generate", WOMAN, "-o", "a.png", "--show-cloud", "./a.png"), "one file"),
        (("generate", WOMAN, "-o", "a.png", "--n", "2", "--show-cloud", "a-2.png"), "one file"),
    ],
    ids=lambda x: " ".join(x[:3]) if isinstance(x, tuple) else "",
)  # fmt: skip
def test_wrong_usage_is_told_and_is_2(
    obclip: Obclip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...],
    said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ran = obclip(*arguments)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("plan", "--size", "1000000000"), "bad_size", "2048"),
        (("plan", "--size", "0"), "bad_size", "2048"),
        (("plan", "--steps", "100000"), "bad_steps", "1 to 200"),
        (("plan", "--attributes", "gender,gender=3"), "profile", "each once"),
        (("bench", "--table", "costs", "--k", "30"), "bad_split", "1 to 25"),
        (("bench", "--table", "costs", "--n", "1000"), "bad_n", "1 to 64"),
        (("generate", WOMAN, "-o", "x" * 300 + ".png"), "output", "at most 230 bytes"),
    ],
    ids=lambda x: " ".join(x[:3]) if isinstance(x, tuple) else "",
)  # fmt: skip
def test_numbers_out_of_range_are_told(
    obclip: Obclip, arguments: tuple[str, ...], code: str, said: str
) -> None:
    ran = obclip(*arguments)
    assert ran.code == 1
    assert f"({code})" in ran.line
    assert said in ran.line


@pytest.mark.parametrize("how", ["--no-privacy", "--device-only"])
def test_what_is_no_text_is_refused(obclip: Obclip, tmp_path: Path, how: str) -> None:
    ran = obclip("generate", "a \udcff", how, "-o", tmp_path / "x.png")
    assert ran.code == 3
    assert "(bad_character)" in ran.line


def test_a_fault_of_ours_names_its_kind_and_quotes_nothing(
    obclip: Obclip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ValueError("secret words of a prompt")

    monkeypatch.setattr("obclip.cli.plan.value_counts", fault)
    ran = obclip("plan")
    assert ran.code == 1
    assert "ValueError" in ran.line
    assert "OBCLIP_DEBUG" in ran.line
    assert "secret" not in ran.line
    monkeypatch.setenv("OBCLIP_DEBUG", "1")
    with pytest.raises(ValueError, match="secret"):
        obclip("plan")


def test_words_of_others_cannot_steer_the_terminal(obclip: Obclip) -> None:
    ran = obclip("plan", "--plan", "\x1b]0;owned\x07")
    assert ran.code == 1
    assert ran.line.isprintable()


def test_pictures_of_other_prompts_are_another_runs(obclip: Obclip, tmp_path: Path) -> None:
    prompts, out = tmp_path / "p.txt", tmp_path / "out"
    arguments = ("bench", "--methods", "device-only,device-only", "--n", "2,2", "--k", "5,5",
                 "--count", "1", "--prompts", prompts, "--out", out, "--json")  # fmt: skip
    prompts.write_text("a noto emoji of a woman judge with dark skin\n")
    assert obclip(*arguments).code == 0
    (picture,) = [f for f in out.rglob("*.png") if f.stat().st_size]
    before = picture.read_bytes()
    Image.new("RGB", (10, 10)).save(picture)  # a picture, but none of this run's
    assert obclip(*arguments).code == 0
    assert picture.read_bytes() == before
    prompts.write_text("a noto emoji of a man farmer with light skin\n")
    ran = obclip(*arguments)
    assert ran.code == 1
    assert "(other_run)" in ran.err


@pytest.mark.parametrize("text", ["{broken", '{"id": "1"}'])
def test_labels_that_are_none_are_no_measurement(obclip: Obclip, tmp_path: Path, text: str) -> None:
    prompts, labels = tmp_path / "p.txt", tmp_path / "l.jsonl"
    prompts.write_text("a woman\n")
    labels.write_text(text + "\n")
    ran = obclip("audit", prompts, "--labels", labels)
    assert ran.code == 1
    assert "holds no label" in ran.err


def test_the_meter_knows_what_has_left_whatever_came_of_it(
    obclip: Obclip, tiny_pair: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.client.fakes import at
    from tests.conftest import running

    monkeypatch.setenv("OBCLIP_HISTORY", str(tmp_path / "history.db"))
    with running(tiny_pair) as cloud, between(cloud, at("latents", body=b"no latents")) as fake:
        ran = obclip("generate", WOMAN, "--pair", tiny_pair, "--server", fake.address, "--steps",
                     "4", "--split", "2", "-o", tmp_path / "x.png")  # fmt: skip
        assert ran.code == 1
        told = json.loads(obclip("history", "--json").out)
    assert (told["cloud"], told["requests"]) == (fake.address, 1)
    assert not (tmp_path / "x.png").exists()


def test_an_answer_that_was_kept_is_told_to_nobody() -> None:
    told: list[int] = []
    with Errand(on_send=lambda: told.append(1)) as errand:
        errand.done()
    assert not told
