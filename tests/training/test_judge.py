"""The judge's recipe runs, its split is its own, and what it writes can be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from obclip.errors import ModelError
from obclip.evaluation.judge import FEATURES, Judge
from training.judge import train as recipe
from training.mini import catalogue, render


def test_the_recipe_runs_and_the_judge_it_writes_can_be_loaded(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "BATCH", 4)
    monkeypatch.setattr(recipe, "held_out", lambda item: item.tone == "dark")
    items = render.render_all(work / "packages", work)
    net = recipe.train(work, items, minutes=0.005)
    recipe.export(net, work, items, tmp_path)
    judge = Judge.load(tmp_path)
    verdict = judge(recipe.plain(work, [0, 1, 2]))
    assert verdict.features.shape == (3, FEATURES)
    assert set(verdict.values("gender")) <= set(catalogue.GENDERS)
    for rows in verdict.probabilities.values():
        assert rows.sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_judges_tenth_is_not_the_generators_tenth(work: Path) -> None:
    items = list(catalogue.load(work / "packages"))
    mine = {i for i, item in enumerate(items) if recipe.held_out(item)}
    theirs = {i for i, item in enumerate(items) if item.held_out}
    assert mine != theirs


def test_a_well_calibrated_head_keeps_its_temperature() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 5) * 2
    wanted = torch.distributions.Categorical(logits=logits).sample()
    assert recipe.temperature(logits, wanted) == pytest.approx(1.0, abs=0.15)
    assert recipe.temperature(logits * 3, wanted) == pytest.approx(3.0, rel=0.15)


def test_a_folder_without_a_judge_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no judge"):
        Judge.load(tmp_path)


def test_pictures_of_another_shape_are_refused(work: Path) -> None:
    judge = Judge(recipe.JudgeNet(recipe.CLASSES), dict.fromkeys(recipe.CLASSES, 1.0))
    with pytest.raises(ModelError, match="cannot read"):
        judge(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
