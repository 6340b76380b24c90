"""The local cloud is a process of its own and never outlives the one that started it."""

from __future__ import annotations

import httpx
import pytest

from obclip.client.local_cloud import LocalCloud
from obclip.errors import ServerError
from tests.wire import HTTP


def test_it_serves_on_loopback_and_ends_with_its_user(tiny_pair: str) -> None:
    with LocalCloud(tiny_pair, threads=1) as cloud:
        assert cloud.address.startswith("http://127.0.0.1:")
        assert HTTP.get(f"{cloud.address}/v1/health").status_code == 200
        process, address = cloud._process, cloud.address
    assert process.poll() is not None
    with pytest.raises(httpx.HTTPError):
        HTTP.get(f"{address}/v1/health")


def test_one_that_cannot_start_says_why() -> None:
    with LocalCloud("/nowhere,/nowhere") as cloud, pytest.raises(ServerError) as error:
        _ = cloud.address
    assert "no model folder there" in str(error.value)
