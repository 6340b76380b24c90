"""The tree in README.md: every file of the package with the first sentence of its docstring.

``python -m tests.house_tree`` writes it anew; ``test_house.py`` fails while README.md differs.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- tree: python -m tests.house_tree -->", "<!-- /tree -->"
WIDTH = 27


def line(file: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    for stop in (". ", ": "):
        head, found, _ = first.partition(stop)
        if found and len(head) > 20:
            first = head
    return first.rstrip(".").replace("``", "")


def tree() -> str:
    """The block between the marks, marks included."""
    package = ROOT / "src" / "obclip"
    rows = ["src/obclip/"]
    folders = [package, *sorted(p for p in package.rglob("*") if p.is_dir())]
    for folder in folders:
        files = sorted(folder.glob("*.py"))
        if not files:
            continue
        inner = "  " if folder == package else "    "
        if folder != package:
            name = f"{folder.relative_to(package).as_posix()}/"
            rows.append(f"  {name:{WIDTH - 2}}{line(folder / '__init__.py')}")
        for file in files:
            if file.name in ("__init__.py", "__main__.py"):
                continue
            rows.append(f"{inner}{file.name:{WIDTH - len(inner)}}{line(file)}")
    return "\n".join([BEGIN, "```", *rows, "```", END])


def block(readme: str) -> str:
    """The block as it stands in README.md."""
    return BEGIN + readme.partition(BEGIN)[2].partition(END)[0] + END


def main() -> None:
    file = ROOT / "README.md"
    text = file.read_text("utf-8")
    file.write_text(text.replace(block(text), tree()), "utf-8")


if __name__ == "__main__":
    main()
