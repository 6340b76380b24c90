"""What the fuzzer has kept is read in every build."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.fuzz_codec import CORPUS, one


@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda f: f.name)
def test_the_corpus_is_read_or_refused(file) -> None:  # type: ignore[no-untyped-def]
    one(file.read_bytes())


@given(st.sampled_from([b"r", b"l", b"m"]), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind: bytes, data: bytes) -> None:
    one(kind + data)
