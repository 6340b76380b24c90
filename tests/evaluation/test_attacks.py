"""The games find what leaks, miss what does not, and say how much they could have seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from obclip.errors import RequestError
from obclip.evaluation.attacks import clients, games, leaks
from obclip.evaluation.attacks import run as runs
from obclip.evaluation.attacks.servers import WAYS
from obclip.evaluation.attacks.stage import Stage
from obclip.evaluation.attacks.stats import Outcome, holm, power_of, trials_needed
from obclip.evaluation.bench.prompts import SETTINGS
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
]


@pytest.mark.parametrize(("game", "leak"), CAUGHT, ids=lambda x: getattr(x, "__name__", ""))
def test_every_planted_leak_is_caught(game: games.Game, leak: Callable[..., leaks.Leak]) -> None:
    assert above(game.play(leak, 60, 2))
    assert not above(game.play(clients.Oblivious, 60, 2))


def test_every_leak_is_planted_in_the_whole_run() -> None:
    planted = {b.method for b in runs.bouts() if b.kind == runs.PLANTED}
    assert planted == {f"planted: {leak.leak}" for leak in leaks.LEAKS}
    promised = {b.game.name for b in runs.bouts() if b.kind == runs.PROMISE}
    assert {f"server: {way}" for way in WAYS} <= promised
    assert len(WAYS) == 12


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


def test_the_command_fails_when_a_promise_is_broken(
    obclip: Obclip, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = obclip("attack", "--trials", 30, "--only", "repeat or edit", "--json")
    shown = json.loads(ran.out)
    assert (ran.code, shown["broken"]) == (0, [])
    assert {r["kind"] for r in shown["results"]} == {"promise", "planted leak"}
    assert "would be found with probability" in shown["statement"]
    honest = clients.Oblivious.ask

    def remembering(self: Any, prompt: str, stage: Stage, seed: int) -> clients.Got:
        seen = self.__dict__.setdefault("memory", {})
        if prompt not in seen:
            seen[prompt] = honest(self, prompt, stage, seed)
        return seen[prompt]

    monkeypatch.setattr(clients.Oblivious, "ask", remembering)
    assert obclip("attack", "--trials", 30, "--only", "repeat or edit", "--json").code == 1


@pytest.mark.parametrize("options", [("--trials", 3), ("--only", "no such game")])
def test_bad_options_are_told(obclip: Obclip, options: tuple[str, object]) -> None:
    ran = obclip("attack", *options)
    assert ran.code == 1
    assert "got" in ran.line
