"""A custom list is checked like the built-in table, and its words are hidden like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from obclip.errors import TaxonomyError
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.custom import CustomAttribute, examples, load_custom, parse_custom

CITIES = CustomAttribute("city", ("Berlin", "Paris"), (("Berlin", "Paris"),))


@pytest.mark.parametrize("name", ["cities", "diseases"])
def test_the_examples_that_ship_are_bijective_and_grouped(name: str) -> None:
    custom = load_custom(examples()[name])
    assert custom.rows
    assert all(len(row) == len(custom.values) for row in custom.rows)
    assert custom.groupings


def test_every_member_of_a_custom_set_expands_to_the_same_set() -> None:
    settings = PrivacySettings(custom=(load_custom(examples()["diseases"]),), cap=512)
    first = expand("a leaflet about asthma for an asthmatic woman", settings)
    prompts = first.candidates.prompts
    assert first.normalised in prompts
    assert len(prompts) == 2 * 8 * 8 or len(prompts) == 2 * 8
    for prompt in prompts:
        assert expand(prompt, settings).candidates.prompts == prompts


def test_a_custom_word_stands_beside_built_in_attributes() -> None:
    found = expand("a young man in Paris", PrivacySettings(custom=(CITIES,)))
    names = {one.name for one in found.candidates.attributes}
    assert {"gender", "city"} <= names
    assert not any("Paris" in p and "Berlin" in p for p in found.candidates.prompts)


def test_a_grouping_of_the_list_keeps_its_sets_small() -> None:
    custom = load_custom(examples()["cities"])
    found = expand(
        "the harbour of Nairobi", PrivacySettings(custom=(custom,), groups={"city": "regions"})
    )
    assert set(found.candidates.prompts) == {"the harbour of Nairobi", "the harbour of Cairo"}


def test_values_are_their_own_forms_when_no_form_is_given() -> None:
    assert parse_custom('name = "ship"\nvalues = ["Alpha", "Beta"]').rows == (("Alpha", "Beta"),)


BROKEN = {
    "not TOML": ("name = ", "is not TOML"),
    "no name": ('values = ["a", "b"]', "needs a name"),
    "built-in name": ('name = "gender"\nvalues = ["x", "y"]', "new one-word name"),
    "one value": ('name = "c"\nvalues = ["Berlin"]', "closed list"),
    "a value twice": ('name = "c"\nvalues = ["Berlin", "Berlin"]', "closed list"),
    "values are numbers": ('name = "c"\nvalues = [1, 2]', "not a list of words"),
    "a short row": ('name = "c"\nvalues = ["A1", "B1"]\nforms = [["A1"]]', "one form per value"),
    "a form twice": (
        'name = "c"\nvalues = ["A1", "B1"]\nforms = [["A1","B1"],["C1","A1"]]', "twice",
    ),
    "a built-in form": ('name = "c"\nvalues = ["Woman", "B1"]', "built-in table"),
    "mixed capitals": ('name = "c"\nvalues = ["Alpha", "beta"]', "mixes capitals"),
    "an empty form": ('name = "c"\nvalues = ["Alpha", "."]', "not a word form"),
    "unknown key": ('name = "c"\nvalues = ["A1", "B1"]\ncolour = 1', "unknown key"),
    "unknown kind": (
        'name = "c"\nvalues = ["A1", "B1"]\n[[rows]]\nkind = "verb"\nforms = ["A1", "B1"]',
        "unknown kind",
    ),
    "not a partition": (
        'name = "c"\nvalues = ["A1", "B1"]\n[groups]\ntwo = [["A1"]]', "not a partition",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_list_is_refused_and_says_why(text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message) as caught:
        parse_custom(text)
    assert caught.value.action


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"none\.toml"):
        load_custom(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(TaxonomyError, match="UTF-8"):
        load_custom(tmp_path / "latin.toml")


def test_where_somebody_is_from_belongs_to_a_list_that_names_the_place() -> None:
    """Or "from Tokyo" would be read as a nationality, which may not be protected."""
    custom = (load_custom(examples()["cities"]),)
    alone = expand("a woman from Tokyo", PrivacySettings(protect=("city",), custom=custom))
    assert [one.name for one in alone.candidates.attributes] == ["city"]
    assert "a woman from Berlin" in alone.candidates.prompts
    other = expand("a woman from Japan", PrivacySettings(custom=custom))
    assert [one.name for one in other.candidates.attributes] == ["gender", "nationality"]
