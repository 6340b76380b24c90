"""How many trials a game needs, what its outcome means, and many games at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from obclip.errors import RequestError

#: What a game must be able to see: this much above chance, with this probability.
GAIN, POWER, FAMILY = 0.05, 0.9, 0.05


@lru_cache(maxsize=64)
def trials_needed(
    chance: float, *, gain: float = GAIN, power: float = POWER, alpha: float = FAMILY
) -> int:
    """Fewest trials with which an exact one-sided binomial test of level ``alpha`` finds a success
    rate of ``chance + gain`` with probability ``power`` or more.

    Raises:
        RequestError: numbers that leave nothing to find.
    """
    from scipy.stats import binom

    if not (0 < chance < chance + gain < 1 and 0 < alpha < 1 and 0 < power < 1):
        raise RequestError(
            "no sample size for that", code="bad_power", got=f"{chance} + {gain}",
            expected="probabilities between 0 and 1",
        )  # fmt: skip

    def enough(n: int) -> bool:
        least = int(binom.isf(alpha, n, chance)) + 1  # P(wins >= least) <= alpha
        return bool(binom.sf(least - 1, n, chance + gain) >= power)

    low, high = 1, 64
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    while not all(enough(high + i) for i in range(5)):  # the power of a discrete test saws
        high += 1
    return high


def power_of(n: int, chance: float, *, gain: float = GAIN, alpha: float = FAMILY) -> float:
    """Probability that ``n`` trials show a success rate of ``chance + gain``."""
    from scipy.stats import binom

    least = int(binom.isf(alpha, n, chance)) + 1
    return float(binom.sf(least - 1, n, chance + gain))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Wins of n trials where guessing wins with probability ``chance``.

    ``low`` and ``high``: exact 95 % interval (Clopper-Pearson); ``p``: probability of as many wins
    or more by guessing.
    """

    wins: int
    trials: int
    chance: float

    @property
    def rate(self) -> float:
        return self.wins / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        from scipy.stats import binomtest

        found = binomtest(self.wins, self.trials).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def p(self) -> float:
        from scipy.stats import binom

        return float(binom.sf(self.wins - 1, self.trials, self.chance))


def holm(values: Sequence[float], alpha: float = FAMILY) -> list[bool]:
    """Which hypotheses fall when all together may err with probability ``alpha`` (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [False] * len(values)
    for place, i in enumerate(order):
        if values[i] > alpha / (len(values) - place):
            break
        out[i] = True
    return out
