"""The theorem's premise as properties: whatever the prompt, every member gives the same set."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, attributes, expand
from obclip.privacy.normalise import normalise

from .grammar import DEV, prompts

SMALL = PrivacySettings(cap=24)
COARSE = PrivacySettings(groups={"age": "grown", "ethnicity": "two", "nationality": "two"}, cap=24)


def tried(text, profile=SMALL):
    try:
        return expand(text, profile)
    except PromptRefused as refused:
        return refused


def same_verdict_for_all(text, profile):
    """Expand every member; the sets must be equal, in order, and no member may be refused."""
    first = tried(text, profile)
    if isinstance(first, PromptRefused):
        return None
    found = first.candidates
    assert found.prompts[first.choice.reveal()] == first.normalised
    assert len(set(found.prompts)) == found.n
    for index, member in enumerate(found.prompts):
        again = expand(member, profile)
        assert again.candidates == found
        assert again.choice.reveal() == index
        assert again.normalised == member
        assert again.clear == first.clear
    return first


@given(prompts)
def test_closed_and_a_member_and_in_one_order(text):
    same_verdict_for_all(text, SMALL)


@settings(max_examples=150)
@given(prompts)
def test_closed_under_a_grouping(text):
    same_verdict_for_all(text, COARSE)


@settings(max_examples=150)
@given(prompts)
def test_closed_with_a_third_gender(text):
    same_verdict_for_all(text, PrivacySettings(third_gender=True, cap=24))


@given(st.one_of(prompts, st.text(max_size=60)))
def test_normalising_twice_changes_nothing(text):
    try:
        once = normalise(text)
    except PromptRefused:
        return
    assert normalise(once) == once


@given(st.text(max_size=80))
def test_any_text_is_closed_or_refused(text):
    same_verdict_for_all(text, SMALL)


@given(prompts)
def test_decisions_read_the_masked_text(text):
    """Members share every word outside the slots, and every slot's place."""
    first = tried(text)
    if isinstance(first, PromptRefused):
        return
    shape = [(a.name, a.mention, a.values) for a in first.candidates.attributes]
    literals = _outside(first)
    for member in first.candidates.prompts:
        again = expand(member, SMALL)
        assert [(a.name, a.mention, a.values) for a in again.candidates.attributes] == shape
        assert _outside(again) == literals


def _outside(expansion):
    text, at, parts = expansion.normalised, 0, []
    for mention in sorted(expansion.mentions, key=lambda m: m.start):
        parts.append(text[at : mention.start])
        at = mention.end
    joined = " ".join([*parts, text[at:]])
    return [word for word in joined.split() if word.lower() not in ("a", "an", "'", "'s")]


@pytest.mark.parametrize("text", DEV)
def test_real_prompts_are_closed(text):
    same_verdict_for_all(text, PrivacySettings())


@settings(max_examples=60)
@given(st.data())
def test_edits_never_go_below_the_grouping(data):
    """Twenty edits of one prompt: what the sets have in common is never finer than a group."""
    profile = PrivacySettings(groups={"ethnicity": "two", "age": "halves"})
    ethnicity = attributes()["ethnicity"]
    group = set(ethnicity.group_of("east asian", "two"))
    common = set(group)
    places = st.sampled_from(
        ("in a park", "at home", "on a beach", "smiling", "by the sea", "reading", "at work")
    )
    words = st.sampled_from(
        ("happy", "tired", "beautiful", "smiling", "young", "elderly", "quiet", "")
    )
    for _ in range(20):
        person = data.draw(st.sampled_from(("woman", "man", "doctor")))
        text = f"a {data.draw(words)} Asian {person} {data.draw(places)}"
        values = {
            v
            for a in expand(text, profile).candidates.attributes
            if a.name == "ethnicity"
            for v in a.values
        }
        common &= values
    assert common == group
