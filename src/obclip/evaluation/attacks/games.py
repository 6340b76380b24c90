"""The games. Each plays ``trials`` rounds against one client and counts the server's right guesses.

A round draws the secret uniformly, so guessing wins with a known probability. The server trains on
as many rounds as it is tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from obclip.evaluation.attacks.clients import Client, Private
from obclip.evaluation.attacks.guesser import Features, Guesser, read
from obclip.evaluation.attacks.servers import WAYS
from obclip.evaluation.attacks.stage import Stage
from obclip.evaluation.attacks.stats import Outcome
from obclip.evaluation.bench.prompts import SETTINGS
from obclip.evaluation.peers import dp
from obclip.privacy import CandidateSet, PrivacySettings, expand

#: Prompts of no particular leaning; the secret is drawn anew in each round.
BASES = (
    "a photo of a young woman in a park", "portrait of a young woman, oil on canvas",
    "a young woman reading on a train", "a young woman drinking tea at a window",
    "a watercolour of a young woman and a dog", "a young woman in a red coat, city street",
    "studio photograph of a young woman, grey background", "a young woman walking on a beach",
    "a young woman at a desk with a laptop", "pencil drawing of a young woman",
    "a young woman playing the piano", "a young woman waiting for a bus in the rain",
)  # fmt: skip

#: Makes the client under test for some settings.
Maker = Callable[[PrivacySettings], Client]
#: Text embeddings of the prompts of one request, flat.
Embed = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Game:
    """A game's name, how often guessing wins, and how it is played."""

    name: str
    chance: float
    play: Callable[[Maker, int, int], Outcome]


@lru_cache(maxsize=8)
def _sets(n: int) -> list[CandidateSet]:
    return [expand(base, SETTINGS[n]).candidates for base in BASES]


def choice_game(n: int, embed: Embed | None = None) -> Game:
    """Which member is the user's own? Words, sizes, order, timing; embeddings if ``embed``."""
    found = _sets(n)

    def play(maker: Maker, trials: int, seed: int) -> Outcome:
        rng = np.random.default_rng(seed)
        client = maker(SETTINGS[n])
        client.rng = rng
        seen, labels = [], []
        for i in range(2 * trials):
            members, at = found[int(rng.integers(len(found)))], int(rng.integers(n))
            stage = Stage()
            client.ask(members.prompts[at], stage, int(rng.integers(2**31)))
            seen.append(read(stage.view, embed))
            if isinstance(client, Private) and i >= trials:
                at_guess = _likeliest(client, stage, members)
                labels.append(-1 if at_guess == at else -2)
            else:
                labels.append(at)
        if isinstance(client, Private):  # the mechanism is known: no learner does better
            return Outcome(sum(x == -1 for x in labels[trials:]), trials, 1 / n)
        return _guessed(seen, labels, trials, 1 / n)

    kind = "embedding inversion" if embed else "guess the choice"
    return Game(f"{kind}, N = {n}", 1 / n, play)


def _likeliest(client: Private, stage: Stage, members: CandidateSet) -> int:
    vocabulary = client.mechanism.vocabulary
    sensitive = dp.sensitive_tokens(vocabulary, members.prompts)
    sent = vocabulary.tokens(stage.view.asked[0].prompts[0])
    return dp.best_guess(client.mechanism, sent, members.prompts, sensitive)


def _guessed(
    seen: Sequence[Features], labels: Sequence[int], trials: int, chance: float
) -> Outcome:
    guesser = Guesser().fit(seen[:trials], labels[:trials])
    wins = sum(a == b for a, b in zip(guesser.predict(seen[trials:]), labels[trials:], strict=True))
    return Outcome(wins, trials, chance)


def history_game(n: int, requests: int = 4) -> Game:
    """One secret value asked for in several templates: what do all the sets have in common?"""
    found = _sets(n)

    def play(maker: Maker, trials: int, seed: int) -> Outcome:
        rng = np.random.default_rng(seed)
        wins = 0
        for _ in range(trials):
            client, stage, at = maker(SETTINGS[n]), Stage(), int(rng.integers(n))
            client.rng = rng
            for t in rng.choice(len(found), requests, replace=False).tolist():
                client.ask(found[t].prompts[at], stage, int(rng.integers(2**31)))
            left = set(range(n))
            for asked in stage.view.asked:
                whole = next((s for s in found if set(asked.prompts) <= set(s.prompts)), None)
                if whole is not None:
                    left &= {whole.prompts.index(p) for p in asked.prompts}
            wins += bool(left) and int(rng.choice(sorted(left))) == at
        return Outcome(wins, trials, 1 / n)

    return Game(f"history of {requests} requests, N = {n}", 1 / n, play)


def repeat_game() -> Game:
    """The user draws twice with one seed: was it the same prompt again, or an edit of its value?"""
    found = _sets(2)

    def play(maker: Maker, trials: int, seed: int) -> Outcome:
        rng = np.random.default_rng(seed)
        seen, labels = [], []
        for _ in range(2 * trials):
            client, stage = maker(SETTINGS[2]), Stage()
            client.rng = rng
            members, at = found[int(rng.integers(len(found)))], int(rng.integers(2))
            edit, noise = int(rng.integers(2)), int(rng.integers(2**31))
            client.ask(members.prompts[at], stage, noise)
            client.ask(members.prompts[at ^ edit], stage, noise)
            same = len({e.body for e in stage.view.events if e.method == "POST"}) == 1
            features = read(stage.view)
            seen.append(
                replace(features, form=f"{features.form}{same}", course=f"{features.course}{same}")
            )
            labels.append(edit)
        return _guessed(seen, labels, trials, 0.5)

    return Game("repeat or edit", 0.5, play)


def misbehaving_game(way: str, n: int = 6) -> Game:
    """The server does ``way`` to one candidate and watches: was it the user's own?"""
    found = _sets(n)

    def play(maker: Maker, trials: int, seed: int) -> Outcome:
        rng = np.random.default_rng(seed)
        client = maker(SETTINGS[n])
        client.rng = rng
        seen, labels = [], []
        for _ in range(2 * trials):
            members, target = found[int(rng.integers(len(found)))], int(rng.integers(n))
            hit = int(rng.integers(2))
            at = target if hit else int((target + rng.integers(1, n)) % n)
            stage = Stage(WAYS[way](target))
            client.ask(members.prompts[at], stage, int(rng.integers(2**31)))
            features = read(stage.view)
            seen.append(
                replace(
                    features, words=f"{target} {features.words}",
                    form=f"{target}|{features.form}", course=f"{target}|{features.course}",
                    numbers=(float(target), *features.numbers),
                )
            )  # fmt: skip
            labels.append(hit)
        return _guessed(seen, labels, trials, 0.5)

    return Game(f"server: {way}", 0.5, play)


def reroll_game(n: int) -> Game:
    """A person asks again when the picture is garbage: the server spoils members in turn.

    Scripted: the user dislikes a picture whose latents look wrong and draws anew, at most n times.
    """
    found = _sets(n)

    def play(maker: Maker, trials: int, seed: int) -> Outcome:
        rng = np.random.default_rng(seed)
        wins = 0
        for _ in range(trials):
            client = maker(SETTINGS[n])
            client.rng = rng
            members, at = found[int(rng.integers(len(found)))], int(rng.integers(n))
            order, guess = rng.permutation(n).tolist(), -1
            for target in order[:-1]:
                stage = Stage(WAYS["spoil"](target))
                got = client.ask(members.prompts[at], stage, int(rng.integers(2**31)))
                disliked = got.latents is not None and float(np.std(got.latents)) > 4
                if disliked:  # the next request comes soon: the server sees that it does
                    guess = target
                    break
            wins += (guess if guess >= 0 else order[-1]) == at
        return Outcome(wins, trials, 1 / n)

    return Game(f"the user re-rolls what they dislike, N = {n}", 1 / n, play)
