"""The wire's bytes: one spelling for each message, and nothing else is read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from obclip.errors import ProtocolError, RequestError
from obclip.privacy import PrivacySettings, PublicParameters, build_request, expand
from obclip.protocol import limits
from obclip.protocol.codec import (
    canonical,
    decode,
    decode_latents,
    decode_request,
    encode_latents,
    encode_request,
    request_id,
)
from obclip.protocol.messages import Accepted, GenerateRequest, ModelInfo, Progress, ServerInfo
from tests.wire import FIELDS, MARKER, body, request


def test_a_request_survives_the_wire() -> None:
    assert decode_request(body()) == request()
    assert encode_request(decode_request(body())) == body()


def test_what_the_device_builds_is_what_the_cloud_reads() -> None:
    found = expand("a photo of a woman doctor", PrivacySettings(), "a young woman")
    public = PublicParameters(
        model="m", plan="exact", steps=8, split=3, guidance=2, scheduler="ddim", height=64,
        width=64, images=2,
    )  # fmt: skip
    data = build_request(found.candidates, public, 2**63 - 1)
    read = decode_request(data)
    assert read == GenerateRequest(
        version=limits.VERSION, model="m", plan="exact", scheduler="ddim", steps=8, split=3,
        guidance=2.0, height=64, width=64, images=2, seed=2**63 - 1,
        prompts=found.candidates.prompts, negatives=found.candidates.negatives,
        table_version=found.candidates.table_version,
    )  # fmt: skip
    assert encode_request(read) == data


@pytest.mark.parametrize(
    ("sizes", "n"), [((2,), 2), ((2, 3), 6), ((2,) * 6, 64), ((64,), 64), ((2, 3, 5), 30)]
)
def test_the_sizes_of_a_product_set_survive_the_wire(sizes: tuple[int, ...], n: int) -> None:
    data = body(sizes=list(sizes), prompts=[str(i) for i in range(n)])
    assert decode_request(data).sizes == sizes
    assert encode_request(decode_request(data)) == data


def test_a_request_is_named_by_its_bytes() -> None:
    assert request_id(body()) == request_id(body())
    assert request_id(body()) != request_id(body(seed=1))
    assert len(request_id(body())) == 64


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(FIELDS, sort_keys=True).encode(),  # spaces
        json.dumps(FIELDS, separators=(",", ":")).encode(),  # order
        canonical(FIELDS) + b"\n",
        canonical({**FIELDS, "negatives": []}),  # absent is spelt by absence
        canonical({**FIELDS, "sizes": []}),
        canonical({**FIELDS, "guidance": 2}),  # a whole number is spelt 2.0
        canonical({**FIELDS, "guidance": -0.0}),
        canonical(FIELDS).replace(b'"guidance":2.5', b'"guidance":25e-1'),
        canonical(FIELDS).replace(b"woman", b"wom\\u0061n"),
        canonical(FIELDS).replace(b'{"guidance":2.5,', b'{"guidance":1.5,"guidance":2.5,'),
    ],
)
def test_a_second_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(RequestError) as error:
        decode_request(data)
    assert error.value.code == "not_canonical"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "bad_version"),
        ({"steps": 0}, "bad_steps"),
        ({"steps": limits.MAX_STEPS + 1}, "bad_steps"),
        ({"split": 9}, "bad_split"),
        ({"split": -1}, "bad_split"),
        ({"images": 0}, "bad_images"),
        ({"images": 9}, "bad_images"),
        ({"seed": -1}, "bad_seed"),
        ({"seed": 2**63}, "bad_seed"),
        ({"height": 32}, "bad_height"),
        ({"width": 4096}, "bad_width"),
        ({"guidance": -0.5}, "bad_guidance"),
        ({"guidance": 31.0}, "bad_guidance"),
        ({"prompts": []}, "bad_n"),
        ({"prompts": [str(i) for i in range(65)]}, "bad_n"),
        ({"prompts": [str(i) for i in range(64)], "images": 3}, "bad_candidates"),
        ({"prompts": [MARKER, MARKER]}, "bad_prompts"),
        ({"prompts": [MARKER * 500]}, "bad_prompts"),
        ({"negatives": [MARKER]}, "bad_negatives"),
        ({"negatives": [MARKER * 500, "x"]}, "bad_negatives"),
        ({"sizes": [3]}, "bad_sizes"),
        ({"sizes": [2, 2]}, "bad_sizes"),
        ({"sizes": [1, 2]}, "bad_sizes"),
        ({"sizes": [-2, -1]}, "bad_sizes"),
        ({"sizes": [0]}, "bad_sizes"),
        ({"sizes": [2**62, 2]}, "bad_sizes"),
        ({"sizes": [2] * 7, "prompts": [str(i) for i in range(64)]}, "bad_sizes"),
    ],
)
def test_a_number_out_of_range_is_named_with_its_range(change: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as error:
        decode_request(canonical({**FIELDS, **change}))
    assert error.value.code == code
    assert error.value.expected is not None
    assert MARKER not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        canonical(FIELDS)[:-9],
        canonical({k: v for k, v in FIELDS.items() if k != "seed"}),
        canonical({**FIELDS, "choice": 1}),
        canonical({**FIELDS, MARKER: MARKER}),
        canonical({**FIELDS, f"x - at `$.{MARKER}": 1}),
        canonical({**FIELDS, "steps": MARKER}),
        canonical({**FIELDS, "prompts": [MARKER, 7]}),
        canonical({**FIELDS, "prompts": MARKER}),
        canonical({**FIELDS, "guidance": None}),
        canonical({**FIELDS, "sizes": [True, 2]}),
        canonical({**FIELDS, "sizes": 2}),
        canonical(FIELDS).replace(b":2.5", b":NaN"),
        canonical(FIELDS).replace(b":2.5", b":Infinity"),
        canonical(FIELDS).replace(b":2.5", b":1e999"),
        canonical(FIELDS).replace(b'"seed":7', b'"seed":' + b"9" * 5000),
        canonical(FIELDS).replace(b"a photo", b"\\ud800"),
        b"[" * 200_000,
        b'{"prompts":' * 50_000,
        b'{"prompts":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_another_shape_is_refused_without_repeating_it(data: bytes) -> None:
    with pytest.raises(RequestError) as error:
        decode_request(data)
    assert error.value.code == "bad_request"
    assert MARKER not in f"{error.value} {error.value.got}"


def test_the_place_of_a_problem_is_told() -> None:
    with pytest.raises(RequestError, match="a problem at prompts"):
        decode_request(canonical({**FIELDS, "prompts": [MARKER, 7]}))


def test_a_seed_out_of_range_is_not_repeated() -> None:
    with pytest.raises(RequestError) as error:
        decode_request(canonical({**FIELDS, "seed": 2**63 + 12345}))
    assert str(2**63 + 12345) not in str(error.value)


def test_a_request_over_the_cap_is_not_parsed() -> None:
    with pytest.raises(RequestError) as error:
        decode_request(b" " * (limits.MAX_REQUEST_BYTES + 1))
    assert error.value.code == "too_large"


SHAPE = (2, 3, 4, 8, 8)


def latents() -> np.ndarray[Any, np.dtype[np.float16]]:
    return np.random.default_rng(0).standard_normal(SHAPE).astype(np.float16)


def test_latents_survive_the_wire_bit_for_bit() -> None:
    sent = latents()
    assert decode_latents(encode_latents(sent), SHAPE).tobytes() == sent.tobytes()
    assert encode_latents(sent) == encode_latents(sent.copy())


def test_only_half_precision_is_sent() -> None:
    with pytest.raises(ProtocolError):
        encode_latents(latents().astype(np.float32))  # type: ignore[arg-type]


def header(n: int, text: bytes) -> bytes:
    return n.to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "answer_size"),
        (b"1234567", "answer_size"),
        (encode_latents(latents()) + b"\0" * 5000, "answer_size"),
        (header(5000, b" " * 100), "answer_header"),
        (header(2**63, b""), "answer_header"),
        (encode_latents(latents())[:-1], "answer_form"),
        (encode_latents(latents())[:60], "answer_form"),
        (encode_latents(latents()) + b"\0", "answer_form"),
        (header(2, b"{}"), "answer_tensors"),
        (header(9, b"not json!"), "answer_form"),
        (safetensors.numpy.save({"other": latents()}), "answer_tensors"),
        (safetensors.numpy.save({"latents": latents()[:1], "x": latents()[:1]}), "answer_tensors"),
        (safetensors.numpy.save({"latents": latents().view(np.int16)}), "answer_type"),
        (safetensors.numpy.save({"latents": latents()[:1].astype(np.float32)}), "answer_type"),
        (safetensors.numpy.save({"latents": latents()[:, :2]}), "answer_shape"),
        (safetensors.numpy.save({"latents": latents().reshape(3, 2, 4, 8, 8)}), "answer_shape"),
        (safetensors.numpy.save({"latents": latents().reshape(-1)}), "answer_shape"),
        (b"<html><body>welcome</body></html>", "answer_header"),
    ],
)
def test_an_answer_of_another_form_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as error:
        decode_latents(data, SHAPE)
    assert error.value.code == code


def test_every_cut_of_an_answer_is_refused() -> None:
    whole = encode_latents(np.zeros((1, 1, 1, 2, 2), np.float16))
    for length in range(len(whole)):
        with pytest.raises(ProtocolError):
            decode_latents(whole[:length], (1, 1, 1, 2, 2))


def test_the_answers_cap_leaves_room_for_an_honest_answer_only() -> None:
    images, n, *rest = SHAPE
    assert len(encode_latents(latents())) <= limits.answer_bytes_cap(images * n, *rest)
    assert limits.answer_bytes_cap(images * n, *rest) < 2 * latents().nbytes + 5000


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<html>", ServerInfo),
        (b"{}", Accepted),
        (b'{"id":"x","state":"done","ratio":-1}', Accepted),
        (b'{"id":"x","state":"done","ratio":1e300}', Accepted),
        (b'{"state":"running","step":-1,"steps":3}', Progress),
        (b'{"state":"running","step":1,"steps":' + b"9" * 400 + b"}", Progress),
        (b"[" * 100_000, Progress),
        (b'{"name":"m","height":1099511627776}', ModelInfo),
    ],
)
def test_a_servers_message_of_another_shape_is_refused(data: bytes, kind: Any) -> None:
    with pytest.raises(ProtocolError):
        decode(data, kind, 1 << 20)


def test_a_servers_message_over_its_cap_is_refused() -> None:
    with pytest.raises(ProtocolError, match="too large"):
        decode(b'{"state":"done","step":1,"steps":1}', Progress, 10)
