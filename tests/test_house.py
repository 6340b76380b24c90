"""The house is as its README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import house_tree

ROOT = Path(__file__).resolve().parent.parent


def _tree() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.split("## The house")[1].split("```")[1]
    paths, base = [], ""
    for line in block.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            base = name if len(line.split()) == 1 else ""
            paths.append(name)
        else:
            paths.append(base + name)
    return paths


@pytest.mark.parametrize("path", _tree())
def test_every_line_of_the_readme_tree_is_true(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_package_stands_in_the_readme_tree() -> None:
    told = set(_tree())
    packages = {
        f"src/obclip/{p.name}/"
        for p in (ROOT / "src/obclip").iterdir()
        if p.is_dir() and any(p.glob("*.py"))
    }
    assert packages <= told


def test_both_commands_stand_in_the_readme_and_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in ("demo", "test"):
        assert f"make {command}" in readme
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8")


def test_relative_links_of_the_documents_lead_somewhere() -> None:
    broken = []
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text("utf-8")):
            if "://" not in target and not (file.parent / target).exists():
                broken.append(f"{file.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_file_stands_in_the_readme_with_its_own_first_sentence() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert house_tree.block(readme) == house_tree.tree(), "run python -m tests.house_tree"


@pytest.mark.parametrize(("folder", "most"), [("mini", 64e6), ("judge", 25e6)])
def test_the_weights_are_small(folder: str, most: float) -> None:
    files = (ROOT / "src/obclip/models" / folder).rglob("*")
    assert 0 < sum(f.stat().st_size for f in files if f.is_file()) <= most


def test_every_source_of_the_training_data_is_attributed() -> None:
    from training.mini.fetch import PACKAGES

    notice = (ROOT / "NOTICE").read_text("utf-8")
    for name, version in PACKAGES.items():
        assert f"{name} {version}" in notice
