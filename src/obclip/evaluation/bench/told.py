"""What the words that a method sends tell of the choice: the best guess, computed, not learnt.

``obclip attack`` plays the games with the whole transcript; this column stands beside quality and
cost so that one table shows what each method buys and what it gives away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.rows import Row
from obclip.evaluation.metrics import Estimate, cluster_bootstrap
from obclip.evaluation.peers import dp

#: Rounds a set of a method that is random by itself.
ROUNDS = 24


def words_tell(
    row: Row, sets: Sequence[Set], vocabulary: Callable[[], dp.Vocabulary], *, rounds: int = ROUNDS
) -> Estimate:
    """How often a server that knows the method names the user's own member from the words sent.

    The secret is uniform over the set. A prompt in clear is always named; a whole set, a member at
    random or nothing leaves 1/N; of differential privacy the likeliest member is taken, which no
    attacker beats, in ``rounds`` rounds a set.
    """
    names = [s.name for s in sets]
    if row.epsilon is None:
        return cluster_bootstrap([1 / s.candidates.n if row.private else 1.0 for s in sets], names)
    mechanism = dp.Mechanism(row.method, row.epsilon, vocabulary())
    rng = np.random.default_rng(0)
    return cluster_bootstrap([_rounds(mechanism, s, rounds, rng) for s in sets], names)


def _rounds(mechanism: dp.Mechanism, wanted: Set, rounds: int, rng: np.random.Generator) -> float:
    members = wanted.candidates.prompts
    sensitive = dp.sensitive_tokens(mechanism.vocabulary, members)
    wins = 0
    for _ in range(rounds):
        at = int(rng.integers(len(members)))
        sent = mechanism.sanitise(members[at], sensitive, rng)
        wins += dp.best_guess(mechanism, sent, members, sensitive) == at
    return wins / rounds
