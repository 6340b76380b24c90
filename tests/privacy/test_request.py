"""Nothing that leaves depends on the choice: request, seeds, selection, the choice itself."""

import copy
import inspect
import json
import pickle

import pytest
from hypothesis import given, settings

from obclip.errors import ProfileError, PromptRefused, RequestError, SelectionError
from obclip.privacy import (
    CandidateSet,
    Choice,
    PrivacySettings,
    PublicParameters,
    Sealed,
    build_request,
    device_seed,
    expand,
    fresh_key,
    fresh_seed,
    noise_seed,
    request_hash,
    seal,
    select,
)

from .grammar import DEV, prompts

PUBLIC = PublicParameters(
    model="mini",
    plan="exact",
    steps=25,
    split=10,
    guidance=2.5,
    scheduler="ddim",
    height=64,
    width=64,
)


def requests_of_all_members(text, profile):
    try:
        first = expand(text, profile)
    except PromptRefused:
        return
    sent = build_request(first.candidates, PUBLIC, 7)
    for member in first.candidates.prompts:
        assert build_request(expand(member, profile).candidates, PUBLIC, 7) == sent


@pytest.mark.parametrize("text", DEV)
def test_the_request_is_the_same_for_every_member(text):
    requests_of_all_members(text, PrivacySettings())


@settings(max_examples=200)
@given(prompts)
def test_the_request_is_the_same_for_generated_prompts(text):
    requests_of_all_members(text, PrivacySettings(cap=24))


def test_the_builder_cannot_see_the_choice():
    assert list(inspect.signature(build_request).parameters) == ["candidates", "public", "seed"]
    hints = inspect.get_annotations(build_request, eval_str=True)
    assert hints["candidates"] is CandidateSet
    assert "choice" not in CandidateSet.__slots__


def test_canonical_bytes():
    sent = build_request(expand("a woman", negative="man").candidates, PUBLIC, 1)
    body = json.loads(sent)
    assert (
        sent == json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert set(body) == {
        "version", "model", "plan", "steps", "split", "guidance", "scheduler", "height", "width",
        "seed",
        "images", "prompts", "negatives", "table_version",
    }  # fmt: skip
    assert "negatives" not in json.loads(build_request(expand("a woman").candidates, PUBLIC, 1))
    assert request_hash(sent) != request_hash(
        build_request(expand("a woman").candidates, PUBLIC, 1)
    )


def test_a_protected_prompt_never_leaves_alone():
    found = expand("a woman").candidates
    alone = CandidateSet(found.prompts[:1], (), found.attributes, found.table_version)
    with pytest.raises(RequestError):
        build_request(alone, PUBLIC, 1)
    with pytest.raises(RequestError):
        build_request(found, PUBLIC, -1)
    with pytest.raises(RequestError):
        build_request(CandidateSet((), (), (), ""), PUBLIC, 1)
    with pytest.raises(RequestError):
        build_request(CandidateSet(found.prompts, ("x",), found.attributes, ""), PUBLIC, 1)


def test_public_parameters_have_bounds():
    for wrong in (
        {"split": 26},
        {"steps": 0},
        {"height": 0},
        {"images": 0},
        {"guidance": float("nan")},
    ):
        with pytest.raises(RequestError):
            PublicParameters(**{**{f: getattr(PUBLIC, f) for f in PUBLIC.__slots__}, **wrong})


def test_the_choice_says_nothing():
    choice = expand("a man").choice
    assert "1" not in repr(choice) + str(choice) + f"{choice}"
    assert choice.reveal() == 1
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash, lambda c: c == c):
        with pytest.raises(TypeError):
            leak(choice)
    with pytest.raises(AttributeError):
        choice.index = 0
    assert "a man" not in repr(expand("a man"))


class Connection:
    def __init__(self, is_closed):
        self.is_closed = is_closed


def test_selecting_needs_a_closed_connection():
    with pytest.raises(SelectionError):
        seal(["a", "b"], Connection(False))
    with pytest.raises(SelectionError):
        Sealed(("a",), object())
    sealed = seal(["a", "b"], Connection(True))
    assert select(sealed, Choice(1)) == "b"
    assert len(sealed) == 2
    assert "b" not in repr(sealed)
    with pytest.raises(SelectionError):
        select(sealed, Choice(2))
    assert list(inspect.signature(select).parameters) == ["sealed", "choice"]


def test_seeds():
    key = fresh_key()
    assert noise_seed(5, key) == noise_seed(5, key) != noise_seed(6, key)
    assert noise_seed(5, key) != noise_seed(5, fresh_key())
    assert noise_seed(5, key) != device_seed(5, key)
    assert 0 <= noise_seed(5, key) < 2**63
    assert len({fresh_seed() for _ in range(50)}) == 50
    with pytest.raises(ProfileError):
        noise_seed(5, b"short")
