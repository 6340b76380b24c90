"""All games against all methods: which are promises, which are reported, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import Any

from obclip.evaluation.attacks import clients, games, leaks, reported
from obclip.evaluation.attacks.games import Game, Maker
from obclip.evaluation.attacks.servers import WAYS
from obclip.evaluation.attacks.stage import PLANS
from obclip.evaluation.attacks.stats import FAMILY, GAIN, POWER, Outcome, holm, power_of
from obclip.evaluation.attacks.stats import trials_needed as needed
from obclip.evaluation.peers import dp

#: Called with (games played, games in all).
OnDone = Callable[[int, int], None]
PROMISE, PLANTED, BASELINE, OPEN = "promise", "planted leak", "baseline", "reported"

WHAT_TO_DO = {
    "re-roll": "wait before drawing again, draw several pictures at once, or change the cloud",
    "published": "do not publish a picture whose choice matters, or draw it with --device-only",
    "words": "rephrase the telling words, or refuse above a limit with --strict",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """One game against one method.

    ``found``: significantly above chance among its kind (Holm). ``needed``: trials for the stated
    power; ``advice``: what a user can do where nothing is promised.
    """

    game: str
    method: str
    kind: str
    outcome: Outcome
    needed: int
    power: float
    found: bool = False
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Bout:
    """A game to be played, and what its outcome counts as."""

    game: Game
    method: str
    kind: str
    maker: Maker
    advice: str = ""


@lru_cache(maxsize=1)
def bouts() -> tuple[Bout, ...]:
    """Every game against every method it makes sense for.

    A plan is told in the request and changes nothing else that leaves the device, so inversion and
    the server's misbehaviour are played under one of them.
    """
    plain = [games.choice_game(2), games.choice_game(6)]
    inverted = [games.choice_game(n, _embedding) for n in (2, 6)]
    past = [games.history_game(6), games.repeat_game()]
    ways = [games.misbehaving_game(way) for way in WAYS]
    out: list[Bout] = []
    for plan in PLANS:
        maker = partial(clients.Oblivious, plan=plan)
        chosen = [*plain, *inverted, *past] if plan == "exact" else [*plain, *past]
        out += [Bout(g, f"ObCLIP, {plan}", PROMISE, maker) for g in chosen]
    out += [Bout(g, "ObCLIP, exact", PROMISE, clients.Oblivious) for g in ways]
    out += [Bout(g, "vanilla oblivious", PROMISE, clients.Vanilla) for g in [*plain, *past]]
    out += [Bout(g, "device-only", PROMISE, clients.DeviceOnly) for g in [*plain, *past]]
    for name, split in (("cloud-only", 8), ("Hybrid SD", 3), ("HE-Diffusion", 8)):
        alone = partial(clients.Alone, name=name, split=split)
        out += [Bout(g, name, BASELINE, alone) for g in [*plain, *inverted, *past[:1]]]
    out += [Bout(g, "random substitution", BASELINE, clients.Substitution) for g in plain]
    for kind in dp.KINDS:
        for epsilon in dp.EPSILONS:
            private = partial(_private, kind=kind, epsilon=epsilon)
            title = f"{kind.upper()}-like, epsilon {epsilon:g}"
            out += [Bout(g, title, BASELINE, private) for g in plain]
    # each leak against the games that are there to find it
    against = {
        leaks.OwnFirst: [*plain, *inverted], leaks.PivotByChoice: plain[1:],
        leaks.TemplateBlocks: past[:1], leaks.PromptCache: past[1:],
        leaks.EarlyCancel: [g for g in ways if g.name in ("server: NaN", "server: spoil")],
        leaks.Reconnect: [
            g for g in ways if g.name in ("server: NaN", "server: spoil", "server: other k")
        ],
        leaks.Preview: [g for g in ways if g.name != "server: delay"],
        leaks.HangUp: [g for g in ways if g.name == "server: delay"],
    }  # fmt: skip
    for leak, chosen in against.items():
        out += [Bout(g, f"planted: {leak.leak}", PLANTED, leak) for g in chosen]
    for n in (2, 6):
        game = games.reroll_game(n)
        out.append(Bout(game, "ObCLIP, exact", OPEN, clients.Oblivious, WHAT_TO_DO["re-roll"]))
    return tuple(out)


def _private(settings: Any, kind: str, epsilon: float) -> clients.Client:
    return clients.Private(settings, dp.Mechanism(kind, epsilon, _vocabulary()))


@lru_cache(maxsize=1)
def _model() -> Any:
    from obclip.diffusion.loading import load
    from obclip.diffusion.pairs import find

    return load(find("mini").cloud, vae=False)


@lru_cache(maxsize=1)
def _vocabulary() -> dp.Vocabulary:
    return dp.Vocabulary.of(_model())


@lru_cache(maxsize=4096)
def _embedded(prompt: str) -> tuple[float, ...]:
    from obclip.diffusion.denoiser import UNetDenoiser

    states = UNetDenoiser(_model()).encode([prompt], 128, 128).states[0]
    return tuple(states.mean(0).tolist())


def _embedding(prompts: Any) -> list[float]:
    return [x for prompt in prompts for x in _embedded(prompt)]


def run(
    *, quick: bool = False, trials: int | None = None, only: str = "", jobs: int = 1,
    on_done: OnDone | None = None,
) -> list[Result]:  # fmt: skip
    """Plays all games.

    Args:
        trials: rounds of each; None takes what the stated power needs for the whole family.
        only: part of a game's or method's name.
        jobs: processes that play side by side; the outcome is the same for any number.
    """
    chosen = [i for i, b in enumerate(bouts()) if only in b.game.name or only in b.method]
    alpha = FAMILY / max(1, sum(bouts()[i].kind == PROMISE for i in chosen))
    counts = {}
    for i in chosen:
        bout = bouts()[i]
        enough = needed(bout.game.chance, alpha=alpha)
        # what wins nearly always, or is promised nothing, needs no such precision
        count = trials or (enough if bout.kind == PROMISE else min(enough, 400))
        counts[i] = min(count, 200) if quick and trials is None else count
    outcomes = _play(counts, jobs, on_done or (lambda _, __: None))
    results = []
    for i in chosen:
        bout, chance = bouts()[i], bouts()[i].game.chance
        enough, power = needed(chance, alpha=alpha), power_of(counts[i], chance, alpha=alpha)
        results.append(
            Result(bout.game.name, bout.method, bout.kind, outcomes[i], enough, power,
                   advice=bout.advice)
        )  # fmt: skip
    return list(judged(results))


def _play(counts: dict[int, int], jobs: int, on_done: OnDone) -> dict[int, Outcome]:
    """Outcome of each bout by its place; its seed is its place, whoever plays it."""
    outcomes: dict[int, Outcome] = {}
    if counts:
        on_done(0, len(counts))
    if jobs <= 1:
        for i, count in counts.items():
            outcomes[i] = play(i, count)
            on_done(len(outcomes), len(counts))
        return outcomes
    # fresh processes: a forked one would inherit torch's threads in an unknown state
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_alone)
    try:
        waiting = {pool.submit(play, i, count): i for i, count in counts.items()}
        for future in as_completed(waiting):
            outcomes[waiting[future]] = future.result()
            on_done(len(outcomes), len(counts))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return outcomes


def play(place: int, count: int) -> Outcome:
    """One bout, by its place in ``bouts()``."""
    bout = bouts()[place]
    return bout.game.play(bout.maker, count, place)


def _alone() -> None:
    """One thread a process: as many processes as cores compute already."""
    import torch

    torch.set_num_threads(1)


def extras(
    pictures: int, texts: Any = None, only: str = "", on_done: OnDone | None = None
) -> list[Result]:
    """Priors and words that tell, and published pictures (which need the real pair and its time).

    Raises:
        RequestError: ``texts`` cannot be read. ModelError: the pair is not there.
    """
    told = WHAT_TO_DO["words"]
    games_: list[tuple[str, Callable[[], Outcome], str]] = [
        ("mention priors", partial(reported.prior_aware, texts, words=False), told),
        ("correlated words and mention priors", partial(reported.prior_aware, texts), told),
    ]
    done = on_done or (lambda _, __: None)
    for n in (2, 6) if pictures else ():
        game = partial(reported.published, pictures, n=n, on_done=done)
        games_.append((f"a published picture, N = {n}", game, WHAT_TO_DO["published"]))
    chosen = [(name, game, advice) for name, game, advice in games_ if only in name]
    return list(judged([_open(name, game(), advice) for name, game, advice in chosen]))


def _open(game: str, outcome: Outcome, advice: str) -> Result:
    enough = needed(outcome.chance)
    return Result(
        game, "ObCLIP, exact", OPEN, outcome, enough, power_of(outcome.trials, outcome.chance),
        advice=advice,
    )  # fmt: skip


def judged(results: list[Result]) -> Iterator[Result]:
    """Marks what lies above chance; each kind is a family of its own."""
    from dataclasses import replace

    verdict: dict[int, bool] = {}
    for kind in (PROMISE, PLANTED, BASELINE, OPEN):
        places = [i for i, r in enumerate(results) if r.kind == kind]
        found = holm([results[i].outcome.p for i in places])
        verdict |= dict(zip(places, found, strict=True))
    for i, result in enumerate(results):
        yield replace(result, found=verdict[i])


def broken(results: list[Result]) -> list[str]:
    """Promises that are broken, and planted leaks that went unseen; empty when all is well."""
    out = [
        f"promise broken: {r.game}, {r.method}" for r in results if r.kind == PROMISE and r.found
    ]
    return out + [
        f"planted leak unseen: {r.game}, {r.method}"
        for r in results
        if r.kind == PLANTED and not r.found
    ]


def statement(results: list[Result]) -> str:
    """Power and family-wise error in a sentence, from the trials that were played."""
    promised = [r for r in results if r.kind == PROMISE]
    if not promised:
        return "no promise was tested"
    least = min(r.power for r in promised)
    return (
        f"{len(promised)} promises tested; an attacker who is right {100 * GAIN:.0f} points more "
        f"often than by guessing would be found in any one with probability {least:.2f} or more "
        f"(aim {POWER}); the chance of any false alarm among them is at most {FAMILY:.0%} (Holm)"
    )
