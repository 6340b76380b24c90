"""Runs the comparison: what is to be drawn, in an order that makes a broken run useful."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from obclip.diffusion.pairs import Pair
from obclip.evaluation.bench.draw import Painter
from obclip.evaluation.bench.prompts import Set
from obclip.evaluation.bench.rows import Row
from obclip.evaluation.bench.work import Done, Work

#: Called with (pictures done, pictures in all).
OnDone = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to be drawn; ``k`` is 0 for rows that have none."""

    row: Row
    n: int
    k: int
    index: int

    @property
    def key(self) -> tuple[str, int, int, int]:
        return self.row.name, self.n, self.k, self.index


def tasks(
    rows: tuple[Row, ...], pair: Pair, ns: list[int], ks: list[int], count: int
) -> list[Task]:
    """Prompt by prompt, so that after any interruption all rows have nearly equal counts."""

    def one(index: int) -> Iterator[Task]:
        for n in ns:
            for row in rows:
                if row.fits(pair) and index < max(1, round(row.share * count)):
                    yield from (Task(row, n, k, index) for k in row.splits_of(pair, ks))

    return [task for index in range(count) for task in one(index)]


def run(
    painter: Painter, todo: list[Task], sets: dict[int, list[Set]], work: Work, on_done: OnDone
) -> None:
    """Draws what the work file lacks."""
    on_done(len(todo) - sum(t.key not in work.done for t in todo), len(todo))
    finished = 0
    for task in todo:
        finished += 1
        if task.key in work.done:
            continue
        drawn = painter.draw(task.row, sets[task.n][task.index], task.k)
        file = f"pictures/{task.row.name}-n{task.n}-k{task.k}-{task.index:04}.png"
        work.add(
            Done(
                task.row.name, task.n, task.k, task.index, file, drawn.cloud, drawn.device,
                drawn.up, drawn.down, drawn.extra,
            ),
            drawn.picture,
        )  # fmt: skip
        on_done(finished, len(todo))
