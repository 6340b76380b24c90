"""Atheris on the codec: nothing that a stranger can send makes either party's reader crash.

``pip install atheris`` (extra ``fuzz``), then ``python -m tests.protocol.fuzz_codec
-max_total_time=1800 tests/protocol/corpus``. ``test_codec_corpus.py`` runs the corpus in every
build, without atheris.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path

import numpy as np

if __name__ == "__main__":  # before the code is imported: it must be traced
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["obclip"]):
        importlib.import_module("obclip.protocol.codec")

from obclip.errors import ObclipError, ProtocolError, RequestError
from obclip.protocol import limits
from obclip.protocol.codec import decode, decode_latents, decode_request, encode_request
from obclip.protocol.messages import Accepted, ErrorBody, Progress, ServerInfo

CORPUS = Path(__file__).parent / "corpus"
SHAPE = (1, 2, 4, 2, 2)


def one(data: bytes) -> None:
    """Reads ``data`` as everything it could be; only the readers' own errors may come out."""
    kind, data = data[:1], data[1:]
    if kind == b"r":
        with contextlib.suppress(RequestError):
            request = decode_request(data)
            assert encode_request(request) == data
            assert 1 <= request.n <= limits.MAX_CANDIDATES
            assert request.n * request.images <= limits.MAX_LATENTS
    elif kind == b"l":
        with contextlib.suppress(ProtocolError):
            latents = decode_latents(data, SHAPE)
            assert (latents.shape, latents.dtype) == (SHAPE, np.float16)
    else:
        for message in (ServerInfo, Accepted, Progress, ErrorBody):
            try:
                decode(data, message, limits.MAX_INFO_BYTES)
            except ProtocolError:
                continue
            except ObclipError as error:  # a field's own check, in a reader's words
                raise AssertionError("an error of another kind") from error


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
