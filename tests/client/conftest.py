from __future__ import annotations

import pytest

from obclip.client import transport
from obclip.client.device import Device
from obclip.client.patience import Patience
from obclip.client.profile import Public
from obclip.diffusion.compatibility import Facts, read_facts
from obclip.diffusion.pairs import find
from obclip.privacy import Expansion, PrivacySettings, expand

HURRIED = Patience(backoff=(0.01,))
PROMPT = "a photo of an elderly man cooking"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr(transport, "DEFAULT", HURRIED)


@pytest.fixture
def public(tiny_pair: str) -> Public:
    return Public(pair=tiny_pair, steps=5, split=2)


@pytest.fixture(scope="session")
def device(tiny_pair: str) -> Device:
    return Device.of(find(tiny_pair).device)


@pytest.fixture(scope="session")
def facts(tiny_pair: str) -> Facts:
    return read_facts(find(tiny_pair).device)


@pytest.fixture(scope="session")
def expansion() -> Expansion:
    return expand(PROMPT, PrivacySettings())
