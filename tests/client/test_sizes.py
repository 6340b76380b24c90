"""A request says how many values each attribute has, and says it of the set alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from obclip.client.download import Report, download
from obclip.client.profile import Public
from obclip.client.sizes import sizes_of, with_sizes
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import read_facts
from obclip.diffusion.pairs import find
from obclip.errors import RequestError
from obclip.evaluation.noninterference import check
from obclip.privacy import (
    CandidateSet,
    PrivacySettings,
    PublicParameters,
    SetAttribute,
    build_request,
    expand,
)
from obclip.protocol.codec import decode_request

PUBLIC = PublicParameters(
    model="m", plan="balanced", steps=8, split=3, guidance=2.0, scheduler="ddim", height=64,
    width=64,
)  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "negative", "sizes"),
    [
        ("a photo of a woman doctor", None, (2,)),
        ("an elderly man cooking", None, (2, 4)),
        ("a photo of a woman doctor", "a man", (2, 2)),
        ("a woman and a boy", None, None),
        ("a table", None, ()),
    ],
)
def test_every_member_tells_the_same_sizes(
    prompt: str, negative: str | None, sizes: tuple[int, ...] | None
) -> None:
    found = expand(prompt, PrivacySettings(), negative)
    assert sizes is None or sorted(sizes_of(found.candidates)) == sorted(sizes)
    assert check(found, PrivacySettings(), PUBLIC, 5).holds
    read = decode_request(with_sizes(build_request(found.candidates, PUBLIC, 5), found.candidates))
    assert read.sizes == sizes_of(found.candidates)
    assert read.prompts == found.candidates.prompts


def test_a_sender_whose_sizes_depend_on_the_choice_is_caught() -> None:
    found = expand("an elderly man cooking", PrivacySettings())

    def leaking(mine: object, public: PublicParameters, seed: int) -> bytes:
        own = found.candidates if mine.choice.reveal() else replace(  # type: ignore[attr-defined]
            found.candidates, attributes=found.candidates.attributes[::-1]
        )  # fmt: skip
        return with_sizes(build_request(found.candidates, public, seed), own)

    assert not check(found, PrivacySettings(), PUBLIC, 5, leaking).holds


def test_the_last_attribute_changes_fastest() -> None:
    """The order that trees and sums are laid out in is the order of the prompts."""
    found = expand("a young woman chef", PrivacySettings()).candidates
    sizes = [len(a.values) for a in found.attributes]
    names = [a.name for a in found.attributes]
    assert sorted(names) == ["age", "gender"]
    for i, prompt in enumerate(found.prompts):
        place = dict(zip(names, divmod(i, sizes[1]), strict=True))
        word = found.attributes[names.index("gender")].values[place["gender"]]
        assert word in prompt.split() or {"woman": "girl", "man": "boy"}[word] in prompt.split()
    # each age stands at one place for either gender
    other = expand("a young man chef", PrivacySettings()).candidates
    assert sizes_of(other) == tuple(sizes)


def test_a_set_that_is_no_product_is_sent_without() -> None:
    attribute = SetAttribute("gender", 0, ("woman", "man"))
    odd = CandidateSet(("a", "b", "c"), (), (attribute,), "t")
    assert sizes_of(odd) == ()
    request = with_sizes(build_request(odd, PUBLIC, 1), odd)
    assert b"sizes" not in request
    grouped = replace(attribute, values=("woman",))
    assert sizes_of(CandidateSet(("a", "b"), (), (grouped, attribute), "t")) == (2,)


def test_what_the_contract_refuses_does_not_leave() -> None:
    same = CandidateSet(("a", "a"), (), (), "t")
    with pytest.raises(RequestError, match="a prompt twice"):
        with_sizes(build_request(same, PUBLIC, 1), same)


def test_a_generation_with_sizes_costs_what_main_effects_cost(tiny_pair: str, cloud: str) -> None:
    """The cloud plans with what it is told: a node for each value is cheaper than one for each
    combination."""
    facts = read_facts(find(tiny_pair).device)
    public = Public(pair=tiny_pair, plan="balanced", steps=25, split=10)
    found = expand("a Muslim man cooking", PrivacySettings()).candidates
    assert found.n >= 12
    flat = replace(found, attributes=(*found.attributes, SetAttribute("x", 9, ("a", "b"))))
    ratios = []
    for candidates in (found, flat):
        report = Report()
        download(candidates, public, facts, Connection(cloud), seed=3, report=report)
        ratios.append(report.ratio)
    assert ratios[0] < ratios[1]
