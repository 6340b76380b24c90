"""The judge's recipe runs, its split is its own, and what it writes can be loaded."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from obclip.errors import ModelError
from obclip.evaluation.judge import FEATURES, Judge
from obclip.evaluation.reader import Words
from training.judge import train as recipe
from training.mini import catalogue, render, tokenizer


@pytest.fixture(scope="module", autouse=True)
def words(work: Path) -> Words:
    if not (work / "tokenizer").exists():
        items = list(catalogue.load(work / "packages"))
        tokenizer.train(items, work / "tokenizer", captions=200)
    return Words(tokenizer.load(work / "tokenizer"))


def test_the_recipe_runs_and_the_judge_it_writes_can_be_loaded(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "BATCH", 4)
    monkeypatch.setattr(recipe, "held_out", lambda item: item.tone == "dark")
    items = render.render_all(work / "packages", work)
    net = recipe.train(work, items, minutes=0.005)
    recipe.export(net, work, items, tmp_path)
    judge = Judge.load(tmp_path)
    assert Judge.real_features(tmp_path).shape == (len(items), FEATURES)
    with pytest.raises(ModelError, match="no features"):
        Judge.real_features(work)
    verdict = judge(recipe.plain(work, [0, 1, 2]))
    assert verdict.features.shape == (3, FEATURES)
    assert set(verdict.values("gender")) <= {"woman", "man"}
    for rows in verdict.probabilities.values():
        assert rows.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    scores = judge.caption_scores(verdict, ["a woman", "a man", ""])
    assert scores.shape == (3,)
    assert float(scores.abs().max()) <= 1 + 1e-5
    with pytest.raises(ModelError, match="captions and pictures differ"):
        judge.caption_scores(verdict, ["a woman"])


def test_the_judges_tenth_is_not_the_generators_tenth(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    mine = {i for i, item in enumerate(items) if recipe.held_out(item)}
    theirs = {i for i, item in enumerate(items) if item.held_out}
    assert mine != theirs


def test_a_picture_of_neither_gender_teaches_nothing_about_gender(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    numbers = recipe.labels(items)["gender"].tolist()
    for item, number in zip(items, numbers, strict=True):
        assert (number == recipe.NONE) == (item.gender == "unspecified")


def test_a_caption_counts_as_true_of_every_picture_it_is_true_of(work: Path) -> None:
    items = [i for i in catalogue.load(work / "packages") if i.concept == "person"][:6]
    _, true = recipe.captions(items, ["gray"] * len(items), Random(1))
    assert true.diagonal().all()
    images = torch.nn.functional.one_hot(torch.arange(6), 6).float()
    scale = torch.tensor(4.0)
    alone = torch.eye(6, dtype=torch.bool)
    both = alone.clone()
    both[0, 1] = both[1, 0] = True
    right = recipe.contrastive(images, images, scale, alone)
    assert float(right) < 1e-6
    assert float(recipe.contrastive(images, images.roll(1, 0), scale, alone)) > 10
    # two captions that are true of two pictures: telling those apart is not asked for
    images[0] = images[1] = torch.tensor([1, 1, 0, 0, 0, 0]) / 2**0.5
    assert float(recipe.contrastive(images, images, scale, both)) == pytest.approx(
        float(np.log(2)) * 2 / 6, abs=1e-4
    )


def test_calibration_error_of_known_cases() -> None:
    sure = torch.tensor([[10.0, -10.0]]).repeat(10, 1)
    assert recipe.calibration_error(sure, torch.zeros(10, dtype=torch.long)) < 1e-6
    half = torch.tensor([0, 1] * 5)
    assert recipe.calibration_error(sure, half) == pytest.approx(0.5, abs=1e-6)


def test_a_well_calibrated_head_keeps_its_temperature() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 5) * 2
    wanted = torch.distributions.Categorical(logits=logits).sample()
    assert recipe.temperature(logits, wanted) == pytest.approx(1.0, abs=0.15)
    assert recipe.temperature(logits * 3, wanted) == pytest.approx(3.0, rel=0.15)


def test_a_folder_without_a_judge_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no judge"):
        Judge.load(tmp_path)


def test_pictures_of_another_shape_are_refused(words: Words) -> None:
    net = recipe.JudgeNet(recipe.CLASSES, words.vocabulary)
    judge = Judge(net, dict.fromkeys(recipe.CLASSES, 1.0), words)
    with pytest.raises(ModelError, match="cannot read"):
        judge(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
