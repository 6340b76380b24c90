"""Breaks every wall on purpose, in a copy, and shows that its test fails.

``python tests/walls/break_walls.py`` copies the tree to a temporary folder, plants one violation
at a time, runs the one test that guards the wall and expects it to fail (and to pass untouched).
Prints the table for ``docs/log.md``; exits 1 if a violation went unseen. With words as arguments,
only the walls whose name or violation holds one of them.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[2]
APPEND = ""
PARTIES = "tests/walls/test_parties.py::"
SOURCES = "tests/walls/test_sources.py::"
SET = "tests/walls/test_the_set.py::"
CONTRACTS = PARTIES + "test_the_import_contracts_hold_indirect_imports_included"


@dataclass(frozen=True)
class Violation:
    """``old`` becomes ``new`` in ``file``; an empty ``old`` appends."""

    wall: str
    planted: str
    file: str
    old: str
    new: str
    test: str


VIOLATIONS = (
    Violation(
        "parties: a device never imports the cloud", "the device imports the planner",
        "client/device.py", APPEND, "import obclip.cloud.planner\n", CONTRACTS,
    ),
    Violation(
        "parties: a device never imports the cloud, at run time", "client loads it by name",
        "client/device.py", APPEND,
        "__import__('importlib').import_module('obclip.cloud.planner')\n",
        PARTIES + "test_a_device_loads_nothing_of_the_clouds",
    ),
    Violation(
        "parties: a cloud never imports the device", "server imports privacy",
        "server/jobs.py", APPEND, "import obclip.privacy.seed\n", CONTRACTS,
    ),
    Violation(
        "parties: a cloud never imports the device, at run time", "server loads it by name",
        "server/jobs.py", APPEND, "__import__('importlib').import_module('obclip.privacy.seed')\n",
        PARTIES + "test_a_cloud_loads_nothing_of_the_devices",
    ),
    Violation(
        "parties: indirect imports count", "diffusion, which the device uses, imports the cloud",
        "diffusion/decode.py", APPEND, "import obclip.cloud.plan\n", CONTRACTS,
    ),
    Violation(
        "privacy: standard library only", "privacy imports numpy",
        "privacy/seed.py", APPEND, "import numpy\n",
        PARTIES + "test_privacy_loads_the_standard_library_alone",
    ),
    Violation(
        "privacy: no logging", "privacy imports logging",
        "privacy/selection.py", APPEND, "import logging\n",
        PARTIES + "test_privacy_loads_the_standard_library_alone",
    ),
    Violation(
        "privacy: no random", "privacy imports random", "privacy/seed.py", APPEND,
        "import random\n", CONTRACTS,
    ),
    Violation(
        "privacy: no network", "privacy imports socket", "privacy/request.py", APPEND,
        "import socket\n", CONTRACTS,
    ),
    Violation(
        "privacy: the request builder cannot see the choice", "build_request takes an index",
        "privacy/request.py", "public: PublicParameters, seed: int)",
        "public: PublicParameters, seed: int, choice: int = 0)",
        SET + "test_what_makes_the_request_is_not_given_the_choice",
    ),
    Violation(
        "privacy: `obclip expand` loads nothing heavy", "expand imports rich",
        "cli/expand.py", APPEND, "import rich\n", PARTIES + "test_expand_loads_nothing_heavy",
    ),
    Violation(
        "select after close", "seal takes an open connection", "privacy/selection.py",
        "if connection.is_closed is not True:", "if False:",
        SET + "test_nothing_is_selected_before_the_connection_is_closed",
    ),
    Violation(
        "select after close, on the trace", "the connection stays open until the picture is done",
        "client/transport.py", "        self._client.close()\n        self._closed = True",
        "        self._closed = True",
        "tests/client/test_generate.py::"
        "test_a_closed_connection_holds_no_socket",
    ),
    Violation(
        "nothing is sent after close", "a closed connection opens again", "client/transport.py",
        "        if self._closed:\n            raise answers.closed()",
        "        if self._closed:\n            self._client = httpx.Client(base_url=self.server)\n"
        "        if False:\n            raise answers.closed()",
        SET + "test_a_closed_connection_is_closed_for_good",
    ),
    Violation(
        "nothing is sent after the choice", "an acknowledgement to the cloud",
        "client/generate.py", "    mine = select(answer.latents, expansion.choice)\n",
        "    mine = select(answer.latents, expansion.choice)\n"
        "    __import__('socket').socket().close()\n",
        "tests/client/test_generate.py::"
        "test_the_choice_is_made_after_the_connection_is_closed_and_nothing_follows",
    ),
    Violation(
        "non-interference", "the user's own prompt goes first", "client/generate.py",
        "        expansion.candidates, public, facts, Connection(server, key=key),",
        "        __import__('dataclasses').replace(expansion.candidates, prompts=(lambda p, i: "
        "(p[i], *p[:i], *p[i + 1:]))(expansion.candidates.prompts, expansion.choice.reveal())), "
        "public, facts, Connection(server, key=key),",
        "tests/client/test_generate.py::"
        "test_the_exchange_is_byte_identical_whichever_member_is_the_users",
    ),
    Violation(
        "N = 1 never leaves with protected mentions", "the check is taken out",
        "privacy/request.py", "candidates.attributes and candidates.n < 2", "False",
        SET + "test_a_device_sends_no_protected_prompt_alone",
    ),
    Violation(
        "N = 1 by --no-privacy only", "a plan by a certain name sends the prompt alone",
        "cli/generate.py", "    if no_privacy:\n",
        "    if no_privacy or profile.public.plan == 'fast':\n",
        SOURCES + "test_a_prompt_leaves_alone_by_no_privacy_only",
    ),
    Violation(
        "device-only opens no socket", "it looks for a newer model first", "client/generate.py",
        "    check_size(side, side, facts.size_step)\n",
        "    check_size(side, side, facts.size_step)\n"
        "    __import__('socket').create_connection(('127.0.0.1', 9))\n",
        "tests/client/test_generate.py::test_device_only_opens_no_socket",
    ),
    Violation(
        "protocol knows neither party", "protocol imports privacy", "protocol/codec.py", APPEND,
        "import obclip.privacy.choice\n", CONTRACTS,
    ),
    Violation(
        "no pickle", "an answer is unpickled", "client/validate.py", APPEND, "import pickle\n",
        SOURCES + "test_no_pickle_anywhere",
    ),
    Violation(
        "no pickle in weights", "weights may be pickled", "diffusion/loading.py",
        ", use_safetensors=True", "",
        "tests/diffusion/test_loading.py::test_pickled_weights_are_never_loaded",
    ),
    Violation(
        "every size is capped before it is read", "answers are read whole", "client/answers.py",
        "        if len(out) > cap:", "        if False:",
        "tests/client/test_caps.py::test_an_endless_answer_is_left_at_its_cap",
    ),
    Violation(
        "every size is capped before it is read", "compressed answers are unpacked",
        "client/answers.py", "iter_raw()", "iter_bytes()",
        "tests/client/test_caps.py::test_a_compressed_answer_is_not_unpacked",
    ),
    Violation(
        "the planner imports no torch", "the planner imports torch", "cloud/planner.py", APPEND,
        "import torch\n", PARTIES + "test_plans_are_made_without_torch",
    ),
    Violation(
        "library code never imports cli or evaluation", "client imports cli", "client/sheet.py",
        APPEND, "import obclip.cli.main\n", CONTRACTS,
    ),
    Violation(
        "performance settings never change the set", "the split changes the seed",
        "client/download.py", "            request = build_request(candidates, asked, seed)\n",
        "            request = build_request(candidates, asked, seed + public.split)\n",
        SET + "test_performance_settings_change_neither_the_set_nor_its_order_nor_the_seed",
    ),
    Violation(
        "validation is one predicate", "the reaction names the spoilt candidate",
        "client/validate.py", 'got="values that no honest run gives"',
        "got=int(np.argwhere(~np.isfinite(wide))[0][1])",
        "tests/client/test_bad_servers.py::"
        "test_the_reaction_is_the_same_whichever_candidate_is_spoilt",
    ),
    Violation(
        "error bodies and logs hold no prompt", "unforeseen errors reach the framework's log",
        "server/app.py", "    app.add_middleware(Contained)\n", "", "tests/server/test_canary.py",
    ),
    Violation(
        "error bodies and logs hold no seed", "a seed out of range is repeated",
        "protocol/messages.py", '"another number" if field == "seed" else value', "value",
        "tests/server/test_canary.py",
    ),
)  # fmt: skip


def preload() -> None:
    """The slow libraries, once; a child that is forked has them. Nothing of ours is among them."""
    import diffusers
    import fastapi  # noqa: F401
    import httpx  # noqa: F401
    import transformers
    import uvicorn  # noqa: F401

    for name in ("AutoencoderKL", "UNet2DConditionModel", "DDIMScheduler"):
        getattr(diffusers, name)
    for name in ("CLIPTextModel", "CLIPTextModelWithProjection", "CLIPTokenizer"):
        getattr(transformers, name)
    assert "obclip" not in sys.modules


def run(tree: Path, tests: list[str]) -> tuple[int, str]:
    """Runs tests of a copied tree against the package in it; (exit status, what was said)."""
    said = tree / "said.txt"
    child = os.fork()
    if child == 0:
        import pytest

        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(tree)
        sys.path[:0] = [str(tree), str(tree / "src")]
        os.environ["PYTHONPATH"] = str(tree / "src")
        sys.dont_write_bytecode = True
        os._exit(int(pytest.main(["-x", *tests])))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.read_text("utf-8")


def reason(said: str) -> str:
    """The first line of a failure, short enough for a table."""
    lines = [line[1:].strip() for line in said.splitlines() if line.startswith("E  ")]
    chains = [line for line in lines if "->" in line]  # of the import contracts
    return ((chains or lines or [""])[0][:90]).replace("|", "/")


def main() -> int:
    unseen = 0
    words = sys.argv[1:] or [""]
    chosen = [v for v in VIOLATIONS if any(w in f"{v.wall} {v.planted}" for w in words)]
    preload()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        ignored = shutil.ignore_patterns("models", "__pycache__")
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, tree / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", tree)
        code, said = run(tree, sorted({v.test for v in chosen}))
        if code:
            print(said)
            print("the tests fail before anything is broken")
            return 1
        print("| wall | planted violation | failing test | it says |\n|---|---|---|---|")
        for v in chosen:
            file = tree / "src" / "obclip" / v.file
            whole = file.read_text("utf-8")
            if v.old not in whole:
                print(f"{v.file} has changed: {v.planted} cannot be planted", file=sys.stderr)
                unseen += 1
                continue
            file.write_text(whole.replace(v.old, v.new) if v.old else whole + v.new, "utf-8")
            code, said = run(tree, [v.test])
            file.write_text(whole, "utf-8")
            # 1: tests ran and failed; anything else is an accident, not a finding
            failed = code == 1
            unseen += not failed
            mark = f"`{v.test.rpartition('/')[2]}`" if failed else f"**NOT SEEN** ({code})"
            print(f"| {v.wall} | {v.planted} | {mark} | {reason(said)} |", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
