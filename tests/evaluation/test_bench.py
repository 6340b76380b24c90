"""The comparison: resumable, exact in cost, and clear about what it lacks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from obclip.diffusion.pairs import PAIRS
from obclip.errors import ObclipError, RequestError
from obclip.evaluation.bench.cost import PAPER, flops
from obclip.evaluation.bench.prompts import captions, portraits, sets
from obclip.evaluation.bench.rows import ROWS, chosen
from obclip.evaluation.bench.run import tasks
from obclip.evaluation.bench.score import Frechet, distances
from obclip.evaluation.bench.work import Done, Work
from obclip.evaluation.metrics import frechet, kid
from tests.cli.conftest import Obclip, obclip

__all__ = ["obclip"]

ABOUT = {"pair": "x"}


def done(index: int = 0, **changes: object) -> Done:
    values: dict[str, object] = {
        "row": "cloud-only", "n": 2, "k": 0, "index": index, "file": f"pictures/{index}.png",
        "cloud": 1.0, "device": 0.0, "up": 10, "down": 20,
    }  # fmt: skip
    return Done(**{**values, **changes})  # type: ignore[arg-type]


def test_the_papers_thirty_combinations_in_ten_templates() -> None:
    texts = portraits()
    assert len(texts) == len(set(texts)) == 300
    for n in (2, 6):
        found = sets("portraits", n, 5)
        assert all(s.candidates.n == n and s.prompt in s.candidates.prompts for s in found)


@pytest.mark.parametrize("n", [2, 6, 30])
def test_the_benchmark_gives_sets_of_the_size_asked_for(n: int) -> None:
    for wanted in sets("benchmark", n, 5):
        assert wanted.candidates.n == n
        assert wanted.prompt == wanted.candidates.prompts[wanted.own]
        assert {"gender", "concept", "style"} <= set(wanted.asked)
    assert sets("benchmark", n, 3) == sets("benchmark", n, 5)[:3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("coco.json", json.dumps({"annotations": [{"caption": "a man"}, {"caption": "a dog"}]})),
        ("mjhq.json", json.dumps({"ab": {"prompt": "a man"}, "cd": {"prompt": "a dog"}})),
        ("rows.jsonl", '{"text": "a man"}\n{"prompt": "a dog"}\n'),
        ("lines.txt", "a man\n\na dog\n"),
    ],
)
def test_captions_are_read_from_every_common_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert captions(tmp_path / name) == ["a man", "a dog"]
    (found,) = sets(str(tmp_path / name), 2, 1)  # the dog has no gender
    assert found.prompt == "a man"


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("b.json", '[{"x": 1}]'), ("c", "")])
def test_an_unreadable_prompt_file_is_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    for file in (tmp_path / name, tmp_path / "gone.txt"):
        with pytest.raises(RequestError) as error:
            captions(file)
        assert error.value.code == "bad_prompts"


def test_the_unaccelerated_rows_cost_what_the_paper_prints() -> None:
    pair = PAIRS["sd-v1.4+bk-sdm-tiny"]
    for name in ("vanilla", "hybrid", "obclip"):
        (row,) = chosen(name)
        for (n, k), (low, _) in PAPER[name].items():
            assert flops(pair, row, n, k, 25, 64).ratio == pytest.approx(low)
    (device,) = chosen("device-only")
    found = flops(pair, device, 2, 10, 25, 64)
    assert found.cloud == 0
    assert 0.3 < found.device / found.cloud_only < 0.7


def test_a_pair_that_steps_differently_is_counted_in_its_own_steps() -> None:
    pair = PAIRS["lcm-sdxl+koala-700m"]
    (row,) = chosen("obclip")
    found = flops(pair, row, 6, 10, 25, 64)
    assert found.ratio == pytest.approx(6 * 4 / 8)
    (alone,) = chosen("device-only")
    assert found.device / flops(pair, alone, 6, 10, 25, 64).device == pytest.approx(13 / 25)


def test_every_method_of_the_paper_and_its_peers_has_a_row() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert len([r for r in ROWS if r.epsilon is not None]) == 8
    wanted = "cloud-only device-only vanilla hybrid obclip obclip+cache obclip+reuse balanced fast"
    assert {*wanted.split(), "substitution", "he-diffusion"} < set(names)


def test_tasks_come_prompt_by_prompt() -> None:
    todo = tasks(chosen("cloud-only,obclip,he-diffusion"), [2, 6], [10, 5], 4)
    assert len({t.key for t in todo}) == len(todo) == 2 * (4 + 8 + 1)
    assert [t.index for t in todo] == sorted(t.index for t in todo)


def test_a_broken_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 4))
    work = Work(tmp_path, ABOUT)
    for i in range(3):
        work.add(done(i), picture)
    with work.file.open("a") as stream:
        stream.write('{"row": "clou')  # the power went
    (tmp_path / "pictures/1.png").unlink()
    again = Work(tmp_path, ABOUT)
    assert [key[3] for key in again.done] == [0, 2]
    assert len(Work(tmp_path, ABOUT).done) == 2
    with pytest.raises(RequestError) as error:
        Work(tmp_path, {"pair": "y"})
    assert error.value.code == "other_run"
    assert "pair: x there, y here" in str(error.value)


def test_a_damaged_work_file_and_an_unwritable_folder_are_told(tmp_path: Path) -> None:
    Work(tmp_path / "a", ABOUT).add(done(), Image.new("RGB", (4, 4)))
    file = tmp_path / "a" / "work.jsonl"
    file.write_text("nonsense\n" + file.read_text())
    (tmp_path / "b").write_text("a file")
    for folder, code in (("a", "bad_work"), ("b", "output")):
        with pytest.raises(ObclipError) as error:
            Work(tmp_path / folder, ABOUT)
        assert error.value.code == code


def test_distances_agree_with_the_library_and_hold_an_interval() -> None:
    torch.manual_seed(0)
    real, made = torch.randn(300, 8), torch.randn(120, 8) * 1.2 + 0.3
    names = [str(i) for i in range(120)]
    d, k = distances(real, made, names, draws=50)
    assert d.value == pytest.approx(frechet(real, made), rel=1e-3)
    assert k.value == pytest.approx(kid(real, made, subset=120), rel=0.3)
    assert k.low < k.value < k.high
    assert d.low < d.high
    assert Frechet(real.double().numpy())(real.double().numpy()) == pytest.approx(0, abs=1e-6)


def test_the_command_draws_judges_and_reports(
    obclip: Obclip, tmp_path: Path, tiny_pair: str
) -> None:
    out = tmp_path / "run"
    options = ("bench", "--pair", tiny_pair, "--n", 2, "--k", "10", "--count", 1, "--methods",
               "cloud-only,device-only,obclip,substitution,santext-8", "--out", out)  # fmt: skip
    ran = obclip(*options, "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    by = {row["row"]: row for row in shown["rows"]}
    assert by["obclip"]["flops"]["ratio"] == pytest.approx(0.8)
    assert by["obclip"]["figures"]["pictures"] == 1
    assert by["obclip"]["figures"]["mean_accuracy"] is None  # no judge of photographs is here
    assert by["device-only"]["figures"]["up"] == 0 < by["cloud-only"]["figures"]["up"]
    page = (out / "report.html").read_text()
    assert "Cloud only" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    before = (out / "work.jsonl").read_text()
    assert obclip(*options, "--json").code == 0
    assert (out / "work.jsonl").read_text() == before  # nothing was drawn twice


@pytest.mark.parametrize(
    "options",
    [("--pair", "nope"), ("--methods", "magic"), ("--n", "3"), ("--k", "x"), ("--count", 0),
     ("--bandwidth", 0), ("--k", "30"), ("--pair", "rv4+small-sd"), ("--count", 5000),
     ("--prompts", "/nowhere.json")],
)  # fmt: skip
def test_bad_input_is_one_clear_line(
    obclip: Obclip, tmp_path: Path, options: tuple[str, object]
) -> None:
    ran = obclip("bench", "--out", tmp_path / "x", "--count", 1, *options)
    assert ran.code == 1
    assert ran.line.startswith("Error (")


def test_seconds_are_medians_over_prompts() -> None:
    from obclip.evaluation.bench.score import _median

    assert _median(np.asarray([1.0, 2.0, 9.0])) == 2.0
