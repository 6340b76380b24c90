"""The data files: one bijective table, published groupings, custom lists, clear errors."""

import dataclasses

import pytest

from obclip.errors import ProfileError, PromptRefused, TaxonomyError
from obclip.privacy import CustomAttribute, PrivacySettings, expand, load_custom, table_version
from obclip.privacy.check import check
from obclip.privacy.lexicon import Row, build, lexicon

CITY = CustomAttribute("city", ("paris", "tokyo", "lagos"), (("Paris", "Tokyo", "Lagos"),))


def test_the_tables_are_a_bijection():
    counts = check()
    assert counts["forms"] > 2000
    assert counts["idioms"] >= 70


def test_a_form_in_two_rows_fails_the_build():
    rows = list(lexicon().rows.values())
    rows.append(
        Row("second", "noun", False, ("gender",), {("woman",): "actress", ("man",): "player"})
    )
    with pytest.raises(TaxonomyError, match="two cells"):
        build(rows)


def test_the_version_names_the_data():
    assert expand("a woman").candidates.table_version == table_version()
    assert len(table_version()) == 12


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PrivacySettings().cap = 3
    with pytest.raises(TypeError):
        PrivacySettings(groups={"age": "grown"}).groups["age"] = "x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"protect": ("genders",)},
        {"always_on": ("religion",)},
        {"groups": {"age": "thirds"}},
        {"groups": {"shoe": "two"}},
        {"cap": 0},
        {"strict": 1.5},
    ],
)
def test_a_profile_names_what_exists(wrong):
    with pytest.raises(ProfileError) as error:
        PrivacySettings(**wrong)
    assert error.value.expected


def test_the_cap_refuses():
    with pytest.raises(PromptRefused) as refused:
        expand("a boy and a girl and a child")
    assert refused.value.code == "set_too_large"


def test_groupings_make_the_set_smaller():
    profile = PrivacySettings(groups={"age": "grown"})
    assert expand("a girl", profile).candidates.prompts == ("a girl", "a boy")
    assert expand("a young woman", profile).candidates.n == 6


def test_a_custom_list_is_an_attribute():
    found = expand("a woman in Tokyo", PrivacySettings(custom=(CITY,))).candidates
    assert found.n == 6
    assert "a man in Lagos" in found.prompts
    assert [a.name for a in found.attributes] == ["gender", "city"]


def test_a_custom_list_is_checked(tmp_path):
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("one",), (("One",),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), (("X", "x"),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("gender", ("a", "b"), (("X", "Y"),))
    with pytest.raises(TaxonomyError):
        CustomAttribute("city", ("a", "b"), (("X",),))
    with pytest.raises(TaxonomyError):
        expand(
            "a", PrivacySettings(custom=(CustomAttribute("city", ("a", "b"), (("woman", "Y"),)),))
        )
    good = tmp_path / "city.toml"
    good.write_text('name = "city"\nvalues = ["Oslo", "Rome"]\n')
    assert load_custom(good).rows == (("Oslo", "Rome"),)
    for text in ("name = 3", "name = [", 'name = "x"\nvalues = ["a", "b"]\nforms = ["a"]'):
        bad = tmp_path / "bad.toml"
        bad.write_text(text)
        with pytest.raises(TaxonomyError):
            load_custom(bad)
