"""Walls that every line of the source must keep: no pickle, no way round the choice."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walls.conftest import PACKAGE

FILES = sorted(PACKAGE.rglob("*.py"))
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CHOICE_READERS = {
    # the one who selects, the story that finishes what was selected, and the user's own screen
    "privacy/selection.py", "client/generate.py", "cli/expand.py",
}  # fmt: skip


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_pickle_anywhere(file: Path) -> None:
    assert not {i.partition(".")[0] for i in imports(file)} & PICKLES
    for called, node in calls(file):
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        assert called not in ("torch.load", "torch.save", "numpy.load", "np.load", "eval", "exec")
        assert options.get("allow_pickle") in (None, "False")
        assert options.get("trust_remote_code") in (None, "False")
        # without this, both libraries fall back to pickled weights
        weights = called.endswith(".from_pretrained") and "Tokenizer" not in called
        assert not weights or options.get("use_safetensors") == "True", ast.unparse(node)


def test_a_prompt_leaves_alone_by_no_privacy_only() -> None:
    users = {name(f) for f in FILES if any(i.endswith(".unprotected") for i in imports(f))}
    assert {u for u in users if not u.startswith("evaluation/")} == {
        "cli/generate.py", "privacy/__init__.py",
    }  # fmt: skip
    (used,) = [
        node
        for node in ast.walk(tree(PACKAGE / "cli" / "generate.py"))
        if isinstance(node, ast.If) and "unprotected(" in ast.unparse(node.body)
    ]
    assert ast.unparse(used.test) == "no_privacy"


def test_few_files_read_the_choice() -> None:
    readers = {name(f) for f in FILES if any(c.endswith(".reveal") for c, _ in calls(f))}
    allowed = CHOICE_READERS | {r for r in readers if r.startswith(("evaluation/", "privacy/"))}
    assert {r for r in readers if not r.startswith("cli/demo")} <= allowed


def test_neither_the_request_nor_the_transport_names_the_choice() -> None:
    for file in (
        "privacy/request.py", "client/transport.py", "client/validate.py", "client/download.py",
        "client/answers.py", "client/patience.py", "client/cache.py", "client/errand.py",
    ):  # fmt: skip
        used = {
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree(PACKAGE / file))
            if isinstance(node, ast.Name | ast.Attribute)
        }
        assert not {"choice", "Choice", "reveal", "Expansion", "select"} & used, file


def test_the_server_writes_nothing() -> None:
    """No file but the accounts, no log but listed fields, no print but that it serves.

    What those two may hold is the canary's (``tests/server/test_canary.py``).
    """
    may = {"server/logs.py": {"logging"}, "server/accounts.py": {"sqlite3"}}
    for file in (f for f in FILES if name(f).startswith(("server/", "cloud/"))):
        roots = {i.partition(".")[0] for i in imports(file)}
        assert roots & {"logging", "sqlite3"} <= may.get(name(file), set()), file
        writes = [
            ast.unparse(node)
            for called, node in calls(file)
            if called in ("print", "open") or called.endswith((".write_text", ".write_bytes"))
        ]
        assert all(w == "print(f'ready {address}', flush=True)" for w in writes), (file, writes)


def test_device_only_reaches_no_transport() -> None:
    """The whole path of ``--device-only``: its functions name no connection and no cloud."""
    found = [
        node
        for file, function in (("client/generate.py", "generate_on_device"),
                               ("cli/generate.py", "_draw_here"))
        for node in ast.walk(tree(PACKAGE / file))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]  # fmt: skip
    assert len(found) == 2
    for node, word in itertools.product(found, ("Connection", "LocalCloud", "httpx", "address")):
        assert word not in ast.unparse(node)
