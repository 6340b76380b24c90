"""`obclip expand` as a program reads it."""

import json

from click.testing import CliRunner

from obclip.cli.expand import command


def run(*arguments, text=None):
    return CliRunner().invoke(command, list(arguments), input=text)


def test_json_keys():
    result = run("a woman and her dog", "--json")
    shown = json.loads(result.output)
    assert result.exit_code == 0
    assert set(shown) == {
        "prompt", "n", "candidates", "choice", "table_version", "attributes", "clear", "best_guess"
    }  # fmt: skip
    assert shown["candidates"] == ["a woman and her dog", "a man and his dog"]
    assert shown["choice"] == 0
    assert shown["attributes"] == [{"name": "gender", "mention": 0, "values": ["woman", "man"]}]


def test_a_refusal_exits_3():
    result = run("a womman", "--json")
    assert result.exit_code == 3
    assert json.loads(result.output)["error"]["code"] == "near_miss"
    assert run("a womman").exit_code == 3


def test_protect_and_negative():
    shown = json.loads(
        run("a young woman", "--protect", "gender", "--negative", "man", "--json").output
    )
    assert (shown["n"], len(shown["negatives"])) == (4, 4)


def test_unknown_attribute_names_what_exists():
    result = run("a woman", "--protect", "genders", "--json")
    assert result.exit_code != 0
    assert "gender" in str(result.exception)


def test_jsonl_goes_on_after_a_bad_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(
        b'{"text": "a woman"}\nnot json\n{"no": 1}\n{"text": 5}\n[]\n{"text": "a \xff"}\n'
        b'{"text": "a boy", "protect": ["nope"]}\n{"text": ""}\n'
        b'{"text": "a king", "negative": "ugly"}\n'
        b'{"text": "\\ud800 woman"}\n{"text": "a man", "protect": ["age"]}\n'
    )
    result = run("--jsonl", str(file))
    shown = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert [row["error"]["code"] if "error" in row else row["n"] for row in shown] == [
        2, "bad_line", "bad_line", "bad_line", "bad_line", "bad_line", "profile", "empty_prompt", 2,
        "control_character", 1,
    ]  # fmt: skip
    assert shown[1]["line"] == 2


def test_readable_view():
    result = run("a young woman and her dog")
    assert result.exit_code == 0
    assert "8 prompts" in result.output


def test_strict_refuses_all_members_alike():
    for text in ("a man with a beard", "a woman with a beard"):
        result = run(text, "--strict", "0.8", "--json")
        assert result.exit_code == 3
        assert json.loads(result.output)["error"]["code"] == "guessable"


def test_options_of_the_profile(tmp_path):
    city = tmp_path / "city.toml"
    city.write_text('name = "city"\nvalues = ["Oslo", "Rome"]\n')
    assert json.loads(run("a man in Oslo", "--custom", str(city), "--json").output)["n"] == 4
    assert json.loads(run("a king and a man", "--allow", "queen", "--json").output)["n"] == 2
    assert json.loads(run("a doctor", "--always-on", "gender,age", "--json").output)["n"] == 15
    assert json.loads(run("a woman", "--third-gender", "--json").output)["n"] == 3
    profile = tmp_path / "profile.toml"
    profile.write_text('[privacy]\nprotect = ["age"]\n')
    assert json.loads(run("a girl", "--profile", str(profile), "--json").output)["n"] == 4


def test_the_readable_view_shows_telling_words_only():
    shown = run("a man with a beard near a lamp").output
    assert "beard (gender: man" in shown
    assert "()" not in shown


def test_a_readable_refusal_says_what_to_do():
    shown = run("a womman").output
    assert "womman" in shown
    assert "--device-only" in shown
