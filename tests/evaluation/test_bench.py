"""The comparison: resumable, exact in cost, and clear about what it lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from obclip.cli._told import Lines
from obclip.client.device import Device, Sampling
from obclip.cloud import planner
from obclip.diffusion.loading import load
from obclip.diffusion.pairs import PAIRS, Steps, find
from obclip.errors import ObclipError, RequestError
from obclip.evaluation.bench.cost import PAPER, Flops, flops
from obclip.evaluation.bench.draw import Painter
from obclip.evaluation.bench.findings import findings
from obclip.evaluation.bench.prompts import captions, portraits, sets
from obclip.evaluation.bench.rows import ROWS, chosen, recipes
from obclip.evaluation.bench.run import tasks
from obclip.evaluation.bench.score import Figures, Frechet, distances
from obclip.evaluation.bench.table import Line, markdown, paper_layout
from obclip.evaluation.bench.told import words_tell
from obclip.evaluation.bench.work import Done, Work
from obclip.evaluation.clip import Clip
from obclip.evaluation.metrics import Estimate, frechet, kid
from obclip.evaluation.peers import dp
from tests.cli.conftest import Obclip, obclip
from tests.tiny import write

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
    rows = chosen("cloud-only,obclip,he-diffusion")
    todo = tasks(rows, PAIRS["mini"], [2, 6], [10, 5], 4)
    assert len({t.key for t in todo}) == len(todo) == 2 * (4 + 8 + 1)
    assert [t.index for t in todo] == sorted(t.index for t in todo)


def test_a_broken_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    work = Work(tmp_path, ABOUT)
    for i in range(3):
        work.add(done(i), picture)
    with work.file.open("a") as stream:
        stream.write('{"row": "clou')  # the power went
    (tmp_path / "pictures/1.png").unlink()
    again = Work(tmp_path, ABOUT)
    assert [key[3] for key in again.done] == [0, 2]
    assert len(Work(tmp_path, ABOUT).done) == 2
    (tmp_path / "pictures/2.png").write_bytes((tmp_path / "pictures/2.png").read_bytes()[:400])
    assert [key[3] for key in Work(tmp_path, ABOUT).done] == [0]  # half a picture is drawn again
    with pytest.raises(RequestError) as error:
        Work(tmp_path, {"pair": "y"})
    assert error.value.code == "other_run"
    assert "pair: x there, y here" in str(error.value)


@pytest.mark.parametrize(
    "line", [b"nonsense", b"3", b'{"row": "x"}', b"\xff\xfe", json.dumps({"row": 1}).encode()]
)
def test_a_damaged_work_file_is_told_with_its_line(tmp_path: Path, line: bytes) -> None:
    Work(tmp_path, ABOUT).add(done(), Image.new("RGB", (4, 4)))
    file = tmp_path / "work.jsonl"
    head, first = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([head, line, first]) + b"\n")
    with pytest.raises(RequestError) as error:
        Work(tmp_path, ABOUT)
    assert error.value.code == "bad_work"
    assert "line 2" in str(error.value)
    assert file.read_bytes().splitlines()[1] == line  # nothing was overwritten


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file")
    with pytest.raises(ObclipError) as error:
        Work(tmp_path / "b", ABOUT)
    assert error.value.code == "output"


def test_a_recipe_that_changed_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipes()
    changed = {**planner.NAMED, "fast": planner.NAMED["balanced"]}
    monkeypatch.setattr("obclip.evaluation.bench.rows.NAMED", changed)
    assert recipes() != before
    assert set(planner.NAMED) <= {row.plan for row in ROWS}


def test_distances_agree_with_the_library_and_hold_an_interval() -> None:
    torch.manual_seed(0)
    real, made = torch.randn(300, 8), torch.randn(120, 8) * 1.2 + 0.3
    names = [str(i) for i in range(120)]
    d, k = distances(real, made, names, draws=50)
    assert d.value == pytest.approx(frechet(real, made), rel=1e-3)
    assert k.value == pytest.approx(kid(real, made, subset=120), rel=0.3)
    assert k.low < k.value < k.high
    assert d.low < d.value < d.high  # drawing pictures twice does not carry it off its estimate
    two = distances(real, made[:2], names[:2], draws=20)
    assert all(np.isfinite([e.low, e.high]).all() for e in two)
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
    page, table = (out / "report.html").read_text(), (out / "table.md").read_text()
    assert "Cloud only" in page
    assert by["obclip"]["words_tell"]["value"] == by["device-only"]["words_tell"]["value"] == 0.5
    assert by["cloud-only"]["words_tell"]["value"] == 1.0
    assert "| ObCLIP | 1 |" in table.replace("+", "")
    assert "http://" not in page.replace("http://www.w3.org", "")
    before = (out / "work.jsonl").read_text()
    assert obclip(*options, "--json").code == 0
    assert (out / "work.jsonl").read_text() == before  # nothing was drawn twice
    fewer = obclip(*options[:-4], "--methods", "obclip", "--out", out, "--markdown")
    assert (fewer.code, fewer.out.strip()) == (0, (out / "table.md").read_text().strip())
    assert "pictures: 1 of 1" in fewer.err  # no terminal: lines instead of a bar


def test_clip_judges_pictures_that_the_bundled_judge_does_not_know(
    obclip: Obclip, tmp_path: Path, tiny_pair: str, clip_folder: Path
) -> None:
    for colour in ("red", "blue", "green"):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{colour}.png")
    options = ("bench", "--pair", tiny_pair, "--n", 2, "--k", "10", "--count", 2, "--methods",
               "obclip", "--prompts", "portraits", "--out", tmp_path / "run")  # fmt: skip
    judged = (*options, "--clip", clip_folder, "--reference", tmp_path, "--json")
    ran = obclip(*judged)
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown["about"]["judged by"] == "CLIP, tiny-clip"
    (row,) = shown["rows"]
    found = row["figures"]
    assert found["mean_accuracy"] is None and found["attributes"] == {}
    clip = Clip.load(clip_folder)
    work = [
        json.loads(line) for line in (tmp_path / "run" / "work.jsonl").read_text().split("\n")[1:-1]
    ]
    pictures = clip.embeddings([Image.open(tmp_path / "run" / line["file"]) for line in work])
    assert found["frechet"]["value"] == pytest.approx(
        Frechet(clip.reference(tmp_path).double().numpy())(pictures.double().numpy()), rel=1e-6
    )
    assert -1 <= found["caption"]["value"] <= 1
    alone = obclip(*options, "--reference", tmp_path)
    assert (alone.code, "--clip FOLDER" in alone.err) == (1, True)
    missing = obclip(*options, "--clip", tmp_path)
    assert missing.code == 1 and "no CLIP model there" in missing.err


def test_a_stopped_run_says_what_is_kept(
    obclip: Obclip, tmp_path: Path, tiny_pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, drawn = Painter.draw, []

    def draw(self: Painter, *given: Any) -> Any:
        if drawn:
            raise KeyboardInterrupt
        drawn.append(given)
        return honest(self, *given)

    monkeypatch.setattr(Painter, "draw", draw)
    options = ("bench", "--pair", tiny_pair, "--n", 2, "--k", "10", "--count", 1, "--methods",
               "cloud-only,device-only", "--out", tmp_path / "run")  # fmt: skip
    stopped = obclip(*options)
    assert stopped.code == 130
    assert "1 of 2 pictures are kept" in stopped.err
    monkeypatch.setattr(Painter, "draw", honest)
    assert obclip(*options).code == 0


def test_a_cloud_that_steps_in_its_own_way_hands_over_where_its_timestep_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = {"timestep_spacing": "leading"}  # as SDXL has it
    names = [str(write(tmp_path / role, scheduler=spaced)) for role in ("cloud", "device")]
    pair = replace(find(",".join(names)), cloud_steps=Steps("lcm", 8, 4))
    cloud, device = Device.of(pair.cloud), Device.of(pair.device)
    painter = Painter(pair, cloud, device, Sampling("dpm++", 25, 2.0, 64, 64))
    begun: list[int] = []
    honest = device.finish

    def finish(*given: Any) -> Any:
        begun.append(given[4])
        return honest(*given)

    monkeypatch.setattr(device, "finish", finish)
    rows, (wanted,) = chosen("obclip,cloud-only,device-only"), sets("benchmark", 2, 1)
    for row in rows:
        assert painter.draw(row, wanted, 10).picture.size == (64, 64)
    assert begun == [12, 0]
    todo = tasks(chosen("obclip,he-diffusion"), pair, [2], [10, 5], 1)
    assert [t.key for t in todo] == [("obclip", 2, 4, 0)]


def judged(row: str, k: int, right: list[float]) -> Line:
    (found,) = chosen(row)
    e = Estimate(float(np.mean(right)), 0.0, 1.0, len(right))
    figures = Figures(
        row, 2, k, len(right), {"gender": e}, e, e, e, e, e, e, 1.0, 1.0, {},
        dict(enumerate(right)),
    )  # fmt: skip
    return Line(found, 2, k, figures, Flops(4, 2, 10), e)


def test_findings_are_differences_prompt_by_prompt() -> None:
    better, worse = [1.0, 0.8] * 20, [0.9, 0.7] * 20
    lines = [judged("cloud-only", 10, better), judged("device-only", 10, worse),
             judged("obclip", 10, better), judged("obclip", 5, worse)]  # fmt: skip
    order, near, falls = findings(lines)
    assert "ObCLIP is better than device only: yes (+10.0 points [+10.0, +10.0], 40" in order
    assert "below cloud only: not told apart" in near
    assert "quality falls with k: yes" in falls


def test_the_papers_layout_has_a_block_for_each_k() -> None:
    right = [1.0, 0.5]
    lines = [judged("cloud-only", 10, right), judged("obclip", 10, right),
             judged("santext-8", 10, right), judged("cloud-only", 5, right),
             judged("obclip", 5, right), judged("santext-8", 5, right)]  # fmt: skip
    head, rows = paper_layout(lines)
    assert [row[0].strip() for row in rows] == [
        "Cloud only", "k = 10", "ObCLIP", "k = 5", "ObCLIP", "differential privacy",
        "SANTEXT-like, epsilon 8",
    ]  # fmt: skip
    assert {len(row) for row in rows} == {1, len(head)}
    page = markdown(head, rows)
    assert {line.count("|") for line in page.splitlines()} == {len(head) + 1}


def test_a_run_without_a_terminal_says_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = Lines("pictures", lambda: now[0])
    for i in range(5):
        now[0] = 31.0 * i
        lines(i, 4)
    assert capsys.readouterr().err.splitlines() == [
        "pictures: 0 of 4", "pictures: 2 of 4, about 1 min left", "pictures: 4 of 4",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", dp.KINDS)
def test_words_under_differential_privacy_tell_more_with_epsilon(kind: str) -> None:
    vocabulary = dp.Vocabulary.of(load(find("mini").cloud, vae=False))
    found = sets("benchmark", 2, 4)
    little, much = (
        words_tell(row, found, lambda: vocabulary, rounds=40).value
        for row in chosen(f"{kind}-1,{kind}-16")
    )
    assert little < 0.7 < 0.8 < much


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
