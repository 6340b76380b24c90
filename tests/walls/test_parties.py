"""Walls between the parties, in the source (import contracts) and in running processes."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from tests.walls.conftest import PACKAGE, ROOT, Loaded

HEAVY = {"torch", "diffusers", "transformers", "numpy", "rich", "pydantic", "httpx", "PIL"}


def tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def of(modules: set[str], *packages: str) -> list[str]:
    return sorted(m for m in modules for p in packages if m == p or m.startswith(f"{p}."))


def test_the_import_contracts_hold_indirect_imports_included() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "0 broken" in done.stdout


def test_a_device_loads_nothing_of_the_clouds(loaded: Loaded) -> None:
    # every module: the device model is imported late, and would escape otherwise
    names = [m.name for m in pkgutil.walk_packages([str(PACKAGE / "client")], "obclip.client.")]
    assert "obclip.client.device" in names
    modules = loaded(f"import obclip.cli.generate, {', '.join(names)}")
    assert of(modules, "obclip.cloud", "obclip.server", "fastapi", "uvicorn") == []
    assert "obclip.privacy.selection" in modules


def test_a_cloud_loads_nothing_of_the_devices(loaded: Loaded) -> None:
    names = [
        m.name
        for part in ("cloud", "server")
        for m in pkgutil.walk_packages([str(PACKAGE / part)], f"obclip.{part}.")
    ]
    modules = loaded(f"import obclip.cli.serve, {', '.join(names)}")
    assert of(modules, "obclip.privacy", "obclip.client") == []
    assert "obclip.cloud.engine" in modules


def test_privacy_loads_the_standard_library_alone(loaded: Loaded) -> None:
    names = [m.name for m in pkgutil.walk_packages([str(PACKAGE / "privacy")], "obclip.privacy.")]
    modules = loaded(
        f"import sys, json; before = set(sys.modules)\nimport {', '.join(names)}\n"
        "for name in before: sys.modules.pop(name, None)"
    )
    foreign = tops(modules) - set(sys.stdlib_module_names) - {"obclip"}
    assert foreign == set()
    # ``secrets`` itself takes SystemRandom from ``random``; that no file of ours does is a contract
    assert of(modules, "socket", "ssl", "logging", "http", "urllib.request", "asyncio") == []
    assert of(modules, "obclip.protocol", "obclip.diffusion", "obclip.cli", "obclip.client") == []


def test_expand_loads_nothing_heavy(loaded: Loaded) -> None:
    run = (
        "import contextlib, io\nfrom obclip.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try: main(['expand', 'a photo of a woman', '--json'])\n"
        "    except SystemExit as stop: assert not stop.code, stop.code"
    )
    assert tops(loaded(run)) & HEAVY == set()


@pytest.mark.parametrize(
    "module", ["obclip.cloud.plan", "obclip.cloud.planner", "obclip.cloud.scheduler"]
)
def test_plans_are_made_without_torch(loaded: Loaded, module: str) -> None:
    modules = loaded(
        f"import {module}\nfrom obclip.cloud.planner import make_plan\n"
        "make_plan('exact', 6, 25, 10).picture()"
    )
    assert tops(modules) & HEAVY == set()


def test_the_protocol_loads_no_torch_and_no_party(loaded: Loaded) -> None:
    modules = loaded("import obclip.protocol.codec, obclip.protocol.messages")
    assert tops(modules) & {"torch", "diffusers", "transformers"} == set()
    assert of(modules, "obclip.privacy", "obclip.client", "obclip.cloud", "obclip.server") == []
