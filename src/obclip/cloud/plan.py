"""A plan as plain data: the steps of a whole candidate set, each saying what is computed.

The state of a run is a list of *nodes*. A node is a subset of the candidates that share one
latent; it is conditioned on the mean of its members' text embeddings. At a branching, new nodes
are linear mixes of the old ones, and so is everything that a linear solver remembers. A plan
depends on the set's sizes, never on the choice. Knows no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from obclip.errors import PlanError

#: Candidate indexes, ascending.
Node = tuple[int, ...]
#: One row of coefficients a new node, over the nodes of the step before; each row sums to one.
Mix = tuple[tuple[float, ...], ...]


class Guidance(Enum):
    """Where the unconditional prediction of a step comes from."""

    OWN = "own"  # a pass for each node
    SHARED = "shared"  # one pass for all, on the mean latent of the candidates
    CARRIED = "carried"  # each node's last difference (conditional - unconditional) again
    NONE = "none"  # the conditional prediction alone


class Features(Enum):
    """How much of the network a pass runs."""

    FULL = "full"
    SHALLOW = "shallow"  # the outer layers; what comes from within is the last full pass's
    SKIP = "skip"  # the up blocks only: block skip, as published


class Attention(Enum):
    """Where the attention of a pass comes from."""

    OWN = "own"
    PIVOT = "pivot"  # one candidate's map for all, values their own: as published
    CACHED = "cached"  # each layer's last output again: as published


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of model pass. ``depth``: how many skip connections a shallow pass renews."""

    features: Features = Features.FULL
    attention: Attention = Attention.OWN
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One solver step of all nodes.

    ``mix`` makes the nodes out of those of the step before; None: they are the same ones.
    ``catch_up`` is the share that is made up for of what new nodes differ by (``catchup``).
    """

    nodes: tuple[Node, ...]
    mix: Mix | None = None
    guidance: Guidance = Guidance.OWN
    kind: Kind = Kind()
    catch_up: float = 0.0

    @property
    def conditional(self) -> int:
        """Rows of the conditional pass."""
        return len(self.nodes)

    @property
    def unconditional(self) -> int:
        """Rows of the unconditional pass."""
        return {Guidance.OWN: len(self.nodes), Guidance.SHARED: 1}.get(self.guidance, 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """The cloud's ``split`` of ``steps`` steps for ``n`` candidates.

    Attributes:
        name: the public name it was made under.
        answer: mixes the last step's nodes into the candidates; None: they are the candidates.
        note: what was asked for and could not be done, in words.
        alone: the same savings for one candidate and all T steps, to compare costs with.

    Raises:
        PlanError: a step uses what no step before it made; the message names the step.
    """

    name: str
    n: int
    steps: int
    split: int
    program: tuple[Step, ...]
    answer: Mix | None = None
    note: str = ""
    alone: Plan | None = None

    def __post_init__(self) -> None:
        check_numbers(self.n, self.steps, self.split)
        if len(self.program) != self.split:
            raise _bad("steps in the program", len(self.program), f"split ({self.split})")
        _Walk(self.n).program(self.program, self.answer)

    def keep(self, index: int) -> Kind | None:
        """What later steps reuse of the features of step ``index``: the kind that will ask."""
        if index + 1 >= self.split or self.program[index].kind.features is not Features.FULL:
            return None
        after = self.program[index + 1].kind
        return None if after.features is Features.FULL else after

    def records(self, index: int) -> bool:
        """Whether the next step reuses the attention of step ``index``."""
        return (
            index + 1 < self.split
            and self.program[index + 1].kind.attention is Attention.CACHED
            and self.program[index].kind.attention is not Attention.CACHED
        )

    def passes(self, *, guidance: bool = True) -> Iterator[tuple[Kind, int]]:
        """(kind, rows) of every model pass of one picture, in order."""
        for step in self.program:
            yield step.kind, step.conditional
            if guidance and step.unconditional:
                yield step.kind, step.unconditional

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """``cells[candidate][step]``: what is computed for it, in a word (see ``picture``)."""
        from obclip.cloud.picture import cells

        return cells(self)

    def picture(self) -> str:
        """The table as text: candidates down, steps across."""
        from obclip.cloud.picture import as_text

        return as_text(self)


def check_numbers(n: int, steps: int, split: int) -> None:
    """Raises PlanError unless n and steps are 1 or more and split is 0 to steps."""
    for name, value in (("n", n), ("steps", steps)):
        if value < 1:
            raise PlanError(
                f"{name} out of range", code=f"bad_{name}", got=value, expected="1 or more"
            )
    if not 0 <= split <= steps:
        raise PlanError(
            "split out of range", code="bad_split", got=split,
            expected=f"0 to the number of steps ({steps})",
        )  # fmt: skip


def singles(n: int) -> tuple[Node, ...]:
    """Every candidate a node of its own."""
    return tuple((i,) for i in range(n))


class _Walk:
    """Follows a program and refuses the first step that cannot be run."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.nodes: tuple[Node, ...] | None = None
        self.difference = False
        self.attention: Guidance | None = None  # guidance of the pass whose attention is kept
        self.full: Step | None = None  # the last full step since the nodes changed
        self.entry: Kind | None = None  # what its features are kept for

    def program(self, program: tuple[Step, ...], answer: Mix | None) -> None:
        for index, step in enumerate(program):
            try:
                self._step(step)
            except PlanError as error:
                error.message = f"step {index}: {error.message}"
                raise
        last = self.nodes
        if answer is not None:
            if last is None:
                raise _bad("answer", "a mix of no steps", "none")
            _check_mix("answer", answer, self.n, len(last))
        elif last is not None and last != singles(self.n):
            raise _bad("last nodes", f"{len(last)}", f"the {self.n} candidates, or an answer mix")

    def _step(self, step: Step) -> None:
        if not step.nodes or any(
            not node or list(node) != sorted({i for i in node if 0 <= i < self.n})
            for node in step.nodes
        ):
            raise _bad("node", step.nodes[:3], f"ascending candidates of 0 to {self.n - 1}")
        if len({i for node in step.nodes for i in node}) != self.n:
            raise _bad("nodes", "a candidate in none", f"all {self.n} candidates")
        if self.nodes is not None and (step.mix is None) != (step.nodes == self.nodes):
            raise _bad("mix", "none" if step.mix is None else "one", "one when the nodes change")
        if step.mix is not None:
            if self.nodes is None:
                raise _bad("mix", "one", "none in the first step: all start from one noise")
            _check_mix("mix", step.mix, len(step.nodes), len(self.nodes))
            self.full = self.attention = self.entry = None
        if not 0 <= step.catch_up <= 2 or (step.catch_up and step.mix is None):
            raise _bad("catch-up", step.catch_up, "0 to 2, where nodes are new")
        self.nodes = step.nodes
        self._kind(step)
        if step.guidance in (Guidance.OWN, Guidance.SHARED):
            self.difference = True
        elif step.guidance is Guidance.CARRIED and not self.difference:
            raise _bad("guidance", "carried", "a step with an unconditional pass before it")

    def _kind(self, step: Step) -> None:
        kind = step.kind
        if kind.features is Features.FULL:
            self.full, self.entry = step, None
        else:
            passed = Guidance.CARRIED if not step.unconditional else step.guidance
            if self.full is None:
                raise _bad("features", kind.features.value, "a full step of the same nodes before")
            # features of a common pass serve every node, not the other way round
            served = {self.full.guidance, Guidance.CARRIED}
            served |= {Guidance.OWN} if self.full.guidance is Guidance.SHARED else set()
            if passed not in served:
                raise _bad("guidance", passed.value, f"{self.full.guidance.value}, as when full")
            if (self.entry or kind).features is not kind.features or (
                (self.entry or kind).depth != kind.depth
            ):
                raise _bad("depth", kind.depth, "one depth until the next full step")
            if kind.features is Features.SHALLOW and kind.depth < 1:
                raise _bad("depth", kind.depth, "1 or more")
            self.entry = kind
        if kind.attention is Attention.CACHED:
            if self.attention is not step.guidance:
                raise _bad("attention", "cached", "the same passes' attention in a step before")
        else:
            self.attention = step.guidance


def _check_mix(what: str, mix: Mix, rows: int, columns: int) -> None:
    if len(mix) != rows or any(len(row) != columns for row in mix):
        raise _bad(what, f"{len(mix)} rows", f"{rows} rows of {columns} coefficients")
    for row in mix:
        if abs(sum(row) - 1.0) > 1e-9:
            raise _bad(what, f"a row that sums to {sum(row):.6g}", "1")


def _bad(what: str, got: object, expected: str) -> PlanError:
    return PlanError(f"bad {what}", code="bad_plan", got=got, expected=expected)
