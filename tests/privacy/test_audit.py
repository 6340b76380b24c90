"""``obclip audit`` measures a file, and one bad line does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from obclip.cli.audit import command

ROWS = [
    {"id": "a", "text": "a young woman reading"},
    {"id": "b", "text": "a table in a hall"},
    {"id": "c", "text": "emma watson on a bench"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def audit(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(command, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_it_counts_mentions_refusals_and_sizes(file: Path) -> None:
    found = audit(str(file))
    assert (found["prompts"], found["expanded"]) == (3, 2)
    assert found["refused"] == {"named_person": 1}
    assert found["mentions"]["gender"] == {"mentions": 1, "prompts": 1}  # type: ignore[index]
    assert found["set_size"]["histogram"] == {"1": 1, "8": 1}  # type: ignore[index]
    assert found["set_size"]["alone"] == 1  # type: ignore[index]
    assert found["best_guess_at_least"]["gender"]["max"] > 0.5  # type: ignore[index]


def test_plain_lines_are_prompts_too(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("a man on a hill\n\na dog\n")
    assert audit(str(path))["prompts"] == 2


def test_a_malformed_line_is_named_and_the_others_are_measured(file: Path) -> None:
    file.write_text(file.read_text() + '{"text": 3}\n{oops\n')
    result = CliRunner().invoke(command, [str(file), "--json"])
    found = json.loads(result.stdout)
    assert found["prompts"] == 3
    assert [row["line"] for row in found["bad_lines"]] == [4, 5]
    assert "line 4" in result.stderr


def test_labels_give_recall_and_precision(file: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rows = [
        {"id": "a", "rule": None, "mentions": [
            {"attribute": "gender", "text": "woman", "start": 8, "end": 13, "value": "woman"},
            {"attribute": "age", "text": "young", "start": 2, "end": 7, "value": "young"},
        ]},
        {"id": "b", "rule": None, "mentions": [
            {"attribute": "gender", "text": "table", "start": 2, "end": 7, "value": "woman"},
        ]},
        {"id": "c", "rule": "7", "mentions": []},
    ]  # fmt: skip
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = audit(str(file), "--labels", str(labels))
    gender = found["labels"]["gender"]  # type: ignore[index]
    assert (gender["labelled"], gender["found"], gender["recall"]) == (2, 1, 0.5)
    assert gender["precision"] == 1.0
    assert found["misses"] == [{"id": "b", "attribute": "gender", "text": "table"}]
    assert (found["refused_by_rule"], found["refused_beyond_rules"]) == (1, 0)


def test_the_plot_is_a_picture(file: Path, tmp_path: Path) -> None:
    plot = tmp_path / "audit.svg"
    assert CliRunner().invoke(command, [str(file), "--plot", str(plot)]).exit_code == 0
    root = ElementTree.fromstring(plot.read_text("utf-8"))  # noqa: S314
    assert root.tag.endswith("svg")
    assert any("gender" in (node.text or "") for node in root.iter())


def test_the_table_says_at_least(file: Path) -> None:
    output = CliRunner().invoke(command, [str(file)]).output
    assert "at least" in output
    assert "named_person" in output


@pytest.mark.parametrize("arguments", [["missing.txt"], ["--labels", "missing.jsonl"]])
def test_a_missing_file_is_named(file: Path, arguments: list[str]) -> None:
    given = arguments if len(arguments) == 1 else [str(file), *arguments]
    result = CliRunner().invoke(command, given)
    assert result.exit_code == 2
    assert "missing" in result.output


def test_a_file_without_prompts_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    result = CliRunner().invoke(command, [str(tmp_path / "empty.txt")])
    assert result.exit_code == 1
    assert "no prompt" in result.output
