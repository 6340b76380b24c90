"""Mutation testing of ``obclip.privacy``: small faults, one at a time, that the tests must notice.

    python -m training.privacy.mutate --count 360 --seed 1 --out mutants.jsonl
    python -m training.privacy.mutate --only candidates:17,judge:40

A mutant is one changed node of one module's syntax tree: a comparison, a boolean operator, a
negation, a condition, a number, a word, an arithmetic operator, a slice bound, a returned value, a
dropped call or ``continue``/``break``. Data (displays of more than five elements), annotations,
docstrings, ``__all__``, ``slots=``, ``strict=`` and the wording of errors are left alone; whether
an error is raised is not.

Each mutant runs in a fork of one warm process in which no module of ``obclip.privacy`` has been
imported yet, so tables and caches are built anew from the changed module (a runner that switches
functions in an imported package would test caches filled before the switch). First the cases with
exact wording run as plain calls, then the rest of the fast suite under pytest; the first failure
ends it.
A mutant that takes more than LIMIT seconds of processor time counts as killed.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRIVACY = ROOT / "src/obclip/privacy"
LIMIT = 20
FLOOR = 5  # mutants of every module
#: The fast suite: deterministic, a few seconds. The slow properties are left to ``make test``.
FILES = [
    "mutants", "faults", "expand", "tables", "custom", "request", "leakage", "history", "audit",
    "cli", "advice", "emphasis", "survivors",
]  # fmt: skip
SLOW = (
    "hard_case", "not_about_a_person",  # run as plain calls, see `table_cases`
    "every_member_of_a_custom_set", "is_the_same_for_every_member", "for_generated_prompts",
    "the_same_for_every_member", "strict_refuses_every_member", "no_lower_than_chance",
    "half_a_millisecond", "the_counts_",
)  # fmt: skip
HEAVY = frozenset(
    {"candidates", "analyse", "judge", "guards", "pronouns", "normalise", "request", "selection"}
    | {"seed", "choice", "template", "assemble", "scan", "ages", "settings", "leakage", "custom"}
    | {"history", "phrases", "advice", "naming", "alone"}
)

Change = Callable[[], None]
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.Div: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def _set(node: ast.AST, field: str, value: object) -> Change:
    return lambda: setattr(node, field, value)


def _left_alone(node: ast.AST) -> bool:
    """Error wording, data, type-checking imports, ``__all__``."""
    if isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > 5:
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "__name__ == '__main__'",
    ):
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in (
        "__all__",
        "__slots__",
        "T",
    ):
        return True
    if isinstance(node, ast.keyword) and node.arg in ("slots", "strict"):
        return True
    return isinstance(node, ast.Raise)


def variants(tree: ast.AST) -> Iterator[tuple[int, str, Change]]:
    """Every change that can be made to a tree: line, kind, and how to make it."""
    for node in ast.iter_child_nodes(tree):
        if (
            _left_alone(node)
            or node is getattr(tree, "annotation", 0)
            or node is getattr(tree, "returns", 0)
        ):
            continue
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.Compare):
            for i, op in enumerate(node.ops):
                ops = [*node.ops[:i], _SWAPS[type(op)](), *node.ops[i + 1 :]]
                yield line, "comparison", _set(node, "ops", ops)
        elif isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in _SWAPS:
            yield line, "operator", _set(node, "op", _SWAPS[type(node.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield line, "negation", _set(node, "op", ast.UAdd())
        elif isinstance(node, (ast.If, ast.IfExp)):
            yield line, "condition", _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
        elif isinstance(node, ast.Return) and not isinstance(
            node.value, (ast.Constant, type(None))
        ):
            yield line, "return", _set(node, "value", ast.Constant(None))
        elif isinstance(node, ast.Slice):
            for field in ("lower", "upper"):
                if (bound := getattr(node, field)) is not None:
                    more = ast.BinOp(bound, ast.Add(), ast.Constant(1))
                    yield line, "slice", _set(node, field, more)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield line, "dropped call", _set(node, "value", ast.Constant(None))
        elif isinstance(node, (ast.Continue, ast.Break)):
            other = ast.Break() if isinstance(node, ast.Continue) else ast.Continue()
            for field in ("body", "orelse"):
                found = getattr(tree, field, None)
                if isinstance(found, list) and node in found:
                    new = [other if one is node else one for one in found]
                    yield line, "loop", _set(tree, field, new)
        elif isinstance(node, ast.Constant) and not isinstance(tree, ast.FormattedValue):
            value = node.value
            if isinstance(value, bool):
                yield line, "truth", _set(node, "value", not value)
            elif isinstance(value, (int, float)):
                step = -1 if isinstance(tree, ast.UnaryOp) else 1  # -1 becomes 0
                yield line, "number", _set(node, "value", value + step)
            elif isinstance(value, (str, bytes)):
                wrong = f"XX{value}" if isinstance(value, str) else b"XX" + value
                yield line, "word", _set(node, "value", wrong)
        yield from variants(node)


def mutate(module: str, index: int) -> tuple[str, int, str, str]:
    """Source with change ``index`` made, its line and kind, and the changed line."""
    text = (PRIVACY / f"{module}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    before = ast.unparse(tree).splitlines()
    line, kind, change = list(variants(tree))[index]
    change()
    after = ast.unparse(ast.fix_missing_locations(tree))
    pairs = zip(before, after.splitlines(), strict=False)
    shown = next((f"{a.strip()}  ->  {b.strip()}" for a, b in pairs if a != b), "a line less")
    return after, line, kind, shown


def sample(count: int, seed: int) -> list[tuple[str, int]]:
    """``count`` mutants spread over all modules, the heart's modules counted three times."""
    sizes = {
        path.stem: len(list(variants(ast.parse(path.read_text(encoding="utf-8")))))
        for path in sorted(PRIVACY.glob("*.py"))
    }
    weights = {name: n * (3 if name in HEAVY else 1) for name, n in sizes.items() if n}
    rng = random.Random(seed)
    chosen = {
        (name, i)
        for name in weights
        for i in rng.sample(range(sizes[name]), min(FLOOR, sizes[name]))
    }
    while len(chosen) < count:
        (name,) = rng.choices(list(weights), list(weights.values()))
        chosen.add((name, rng.randrange(sizes[name])))
    return sorted(chosen)


class Swapped:
    """Finds one module, as changed; every other module is found as usual."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.code = name, compile(source, name, "exec")

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name != self.name:
            return None
        where = PRIVACY / f"{name.rpartition('.')[2]}.py"
        return importlib.util.spec_from_file_location(name, where, loader=self)  # type: ignore

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: object) -> None:
        exec(self.code, vars(module))  # noqa: S102


def table_cases() -> bool:
    """The exact-wording cases and the idioms, in an order of their own, as plain calls."""
    suite = importlib.import_module("tests.privacy.test_expand")
    cases = [(suite.test_hard_case, row) for row in suite.HARD]
    cases += [(suite.test_not_about_a_person, text) for text in suite.IDIOMS]
    random.Random(0).shuffle(cases)
    for test, case in cases:
        test(case)
    return True


def rest(module: str) -> bool:
    import pytest

    files = sorted(FILES, key=lambda name: name != module)
    paths = [f"tests/privacy/test_{name}.py" for name in files]
    paths = [path for path in paths if (ROOT / path).exists()]
    where = " and ".join(f"not {name}" for name in SLOW)
    options = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-k", where]
    return pytest.main([*options, *paths]) == 0


def passes(module: str, source: str | None) -> bool:
    """Runs the fast suite in this process."""
    if source is not None:
        name = "obclip.privacy" + ("" if module == "__init__" else f".{module}")
        sys.meta_path.insert(0, Swapped(name, source))  # type: ignore[arg-type]
    stages: list[Callable[[], bool]] = [table_cases, lambda: rest(module)]
    return all(stage() for stage in (stages[::-1] if module in FILES else stages))


def trial(module: str, source: str | None, loud: bool = False) -> str:
    """ "survived", "killed" or "too slow" for one mutant, in a fork."""
    child = os.fork()
    if not child:
        if not loud:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        code = 1
        try:
            code = 0 if passes(module, source) else 1
        except BaseException as error:
            if loud:
                print(repr(error))
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "too slow" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "killed"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=360)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="module:index, separated by commas")
    parser.add_argument("--out", type=Path, help="one JSON row per mutant")
    parser.add_argument("--list", action="store_true", help="show the mutants, run none")
    given = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    os.environ["HYPOTHESIS_PROFILE"] = "fast"
    sys.dont_write_bytecode = False  # else every child compiles the whole package again
    for name in ("pytest", "hypothesis.strategies", "click.testing", "rich.console", "sqlite3"):
        importlib.import_module(name)
    gc.freeze()
    if given.only:
        split = (one.split(":") for one in given.only.split(","))
        chosen = [(module, int(index)) for module, index in split]
    else:
        chosen = sample(given.count, given.seed)
    start = time.monotonic()
    if not given.list and trial("", None, loud=True) != "survived":
        sys.exit("the fast suite fails without any change")
    print(f"unchanged: passes, {time.monotonic() - start:.1f} s", flush=True)
    counts: Counter[tuple[str, str]] = Counter()
    random.Random(given.seed).shuffle(chosen)
    for module, index in chosen:
        source, line, kind, shown = mutate(module, index)
        outcome = "listed" if given.list else trial(module, source)
        counts[module, outcome] += 1
        row = {
            "id": f"{module}:{index}",
            "line": line,
            "kind": kind,
            "outcome": outcome,
            "change": shown,
        }
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if outcome != "killed" or given.only:
            print(f"{outcome:9} {row['id']:16} line {line:3} {kind:12} {shown}", flush=True)
    for module in sorted({module for module, _ in counts}):
        kept = counts[module, "survived"]
        every = sum(n for (name, _), n in counts.items() if name == module)
        print(f"{module:14} {every:4} mutants {every - kept:4} killed")
    kept = sum(n for (_, outcome), n in counts.items() if outcome == "survived")
    print(f"{len(chosen)} mutants, {len(chosen) - kept} killed, {1 - kept / len(chosen):.1%}")


if __name__ == "__main__":
    main()
