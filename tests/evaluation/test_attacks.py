"""The games find what leaks, miss what does not, and say how much they could have seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obclip.cloud.planner import NAMED
from obclip.errors import RequestError
from obclip.evaluation.attacks import clients, games, leaks, reported
from obclip.evaluation.attacks import run as runs
from obclip.evaluation.attacks.servers import WAYS
from obclip.evaluation.attacks.stage import Stage
from obclip.evaluation.attacks.stats import Outcome, holm, power_of, trials_needed
from obclip.evaluation.bench.prompts import SETTINGS
from obclip.evaluation.bench.rows import ROWS
from obclip.privacy import expand
from tests.cli.conftest import Obclip, obclip

__all__ = ["obclip"]


def above(outcome: Outcome) -> bool:
    return outcome.p < 1e-4


@pytest.mark.parametrize("chance", [0.5, 1 / 6])
@pytest.mark.parametrize("alpha", [0.05, 0.002])
def test_a_sample_is_large_enough_and_not_much_larger(chance: float, alpha: float) -> None:
    n = trials_needed(chance, alpha=alpha)
    assert power_of(n, chance, alpha=alpha) >= 0.9
    assert power_of(int(0.9 * n), chance, alpha=alpha) < 0.9


def test_the_stated_power_is_what_simulation_gives() -> None:
    n, rng = trials_needed(0.5), np.random.default_rng(0)
    wins = rng.binomial(n, 0.55, 4000)
    found = np.mean([Outcome(int(w), n, 0.5).p <= 0.05 for w in wins[:1000]])
    assert 0.87 < found < 0.94
    silent = rng.binomial(n, 0.5, 1000)
    assert np.mean([Outcome(int(w), n, 0.5).p <= 0.05 for w in silent]) <= 0.07


@pytest.mark.parametrize("chance", [0.0, 1.0, 0.99])
def test_a_chance_that_leaves_nothing_to_find_is_told(chance: float) -> None:
    with pytest.raises(RequestError):
        trials_needed(chance)


def test_holm_keeps_the_family() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([]) == []


def test_a_prompt_in_clear_is_found_and_a_set_is_not() -> None:
    game = games.choice_game(2)
    alone = partial(clients.Alone, name="cloud-only")
    assert game.play(alone, 100, 1).rate > 0.9
    assert not above(game.play(clients.Oblivious, 60, 1))
    assert game.play(clients.DeviceOnly, 30, 1).p > 1e-4


CAUGHT: list[tuple[games.Game, Callable[..., leaks.Leak]]] = [
    (games.choice_game(6), leaks.OwnFirst),
    (games.choice_game(6), leaks.PivotByChoice),
    (games.history_game(6), leaks.TemplateBlocks),
    (games.repeat_game(), leaks.PromptCache),
    (games.misbehaving_game("NaN"), leaks.EarlyCancel),
    (games.misbehaving_game("NaN"), leaks.Reconnect),
    (games.misbehaving_game("spoil"), leaks.EarlyCancel),
    (games.misbehaving_game("delay"), leaks.HangUp),
    *((games.misbehaving_game(way), leaks.Preview) for way in WAYS if way != "delay"),
]


@pytest.mark.parametrize(("game", "leak"), CAUGHT, ids=lambda x: getattr(x, "__name__", ""))
def test_every_planted_leak_is_caught(game: games.Game, leak: Callable[..., leaks.Leak]) -> None:
    # where it hung up must be learnt for each of six targets and six places
    assert above(game.play(leak, 200 if leak is leaks.HangUp else 60, 2))


@pytest.mark.parametrize("game", {g.name: g for g, _ in CAUGHT}.values(), ids=lambda g: g.name)
def test_what_catches_a_leak_does_not_catch_the_product(game: games.Game) -> None:
    assert not above(game.play(clients.Oblivious, 60, 2))


def test_every_leak_is_planted_in_the_whole_run() -> None:
    planted = {b.method for b in runs.bouts() if b.kind == runs.PLANTED}
    assert planted == {f"planted: {leak.leak}" for leak in leaks.LEAKS}
    promised = {b.game.name for b in runs.bouts() if b.kind == runs.PROMISE}
    assert {f"server: {way}" for way in WAYS} <= promised
    assert len(WAYS) == 12
    # a game that cannot win proves nothing
    assert promised <= {b.game.name for b in runs.bouts() if b.kind == runs.PLANTED}


def test_every_named_plan_and_every_method_is_played() -> None:
    played = {(b.method, b.game.name) for b in runs.bouts()}
    for plan in NAMED:
        for n in (2, 6):
            assert (f"ObCLIP, {plan}", f"guess the choice, N = {n}") in played
    for row in ROWS:
        title = {"cloud-only": "cloud-only", "hybrid": "Hybrid SD", "he-diffusion": "HE-Diffusion",
                 "substitution": "random substitution"}.get(row.name, row.title)  # fmt: skip
        if row.epsilon is not None or not row.private:
            assert (title, "guess the choice, N = 2") in played


def test_side_by_side_or_alone_the_outcome_is_the_same() -> None:
    one, two = (runs.run(trials=8, only="planted: hangs up", jobs=jobs) for jobs in (1, 2))
    assert [r.outcome for r in one] == [r.outcome for r in two]


def test_a_server_that_knows_how_people_write_guesses_better(tmp_path: Path) -> None:
    forms, words = reported.prior_aware(words=False), reported.prior_aware()
    assert forms.trials == words.trials == len(reported.PEOPLE)
    assert words.wins > forms.wins
    (tmp_path / "empty.txt").write_text("a tree\n")
    with pytest.raises(RequestError) as error:
        reported.prior_aware(tmp_path / "empty.txt")
    assert error.value.code == "bad_prompts"


@pytest.mark.parametrize("way", WAYS)
def test_the_device_says_the_same_whichever_member_is_touched(way: str) -> None:
    """Twelve ways, each at each member: what the server sees depends on what it did alone."""
    found = expand(games.BASES[0], SETTINGS[6]).candidates
    for target in (0, 4):
        seen = set()
        for prompt in found.prompts:
            stage = Stage(WAYS[way](target))
            clients.Oblivious(SETTINGS[6]).ask(prompt, stage, 5)
            seen.add(tuple((e.method, e.stage, e.body) for e in stage.view.events))
        assert len(seen) == 1


def test_a_user_who_draws_again_tells() -> None:
    assert games.reroll_game(6).play(clients.Oblivious, 20, 3).rate == 1.0


def test_a_broken_promise_and_an_unseen_leak_are_told() -> None:
    def result(kind: str, wins: int) -> runs.Result:
        return runs.Result("g", "m", kind, Outcome(wins, 100, 0.5), 100, 0.5)

    good = list(runs.judged([result(runs.PROMISE, 52), result(runs.PLANTED, 100)]))
    assert runs.broken(good) == []
    bad = list(runs.judged([result(runs.PROMISE, 90), result(runs.PLANTED, 51)]))
    assert len(runs.broken(bad)) == 2


FEW = ("--trials", 30, "--only", "repeat or edit")


def test_the_command_fails_when_a_promise_is_broken(
    obclip: Obclip, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = obclip("attack", "--jobs", 1, *FEW, "--json")
    shown = json.loads(ran.out)
    assert (ran.code, shown["broken"]) == (0, [])
    assert {r["kind"] for r in shown["results"]} == {"promise", "planted leak"}
    assert "would be found in any one with probability" in shown["statement"]
    honest = clients.Oblivious.ask

    def remembering(self: Any, prompt: str, stage: Stage, seed: int) -> clients.Got:
        seen = self.__dict__.setdefault("memory", {})
        if prompt not in seen:
            seen[prompt] = honest(self, prompt, stage, seed)
        return seen[prompt]

    monkeypatch.setattr(clients.Oblivious, "ask", remembering)
    assert obclip("attack", "--jobs", 1, *FEW, "--json").code == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--trials", 3), "got 3, expected 8 to 1000000"),
        (("--only", "no such game"), "'no such game'"),
        (("--jobs", 0), "got 0, expected 1 to 256"),
        (("--pictures", 99), "got 99, expected 0 to 50"),
    ],
)
def test_bad_options_are_wrong_usage(
    obclip: Obclip, options: tuple[str, object], said: str
) -> None:
    """2, so that nobody takes a typing error for a broken promise."""
    ran = obclip("attack", *options)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_texts_that_are_not_there_are_told(obclip: Obclip) -> None:
    ran = obclip("attack", "--texts", "/nowhere.txt")
    assert ran.code == 1
    assert "got" in ran.line
