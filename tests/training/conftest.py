from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.mini import catalogue

_UNICODE = {
    "🧑": "person", "👩": "woman", "👨": "man", "🧒": "child", "👧": "girl", "👦": "boy",
    "🧑‍⚖️": "judge", "👩‍⚖️": "woman judge", "👨‍⚖️": "man judge",
}  # fmt: skip


def _drawing(name: str, style: str) -> dict[str, str]:
    shade = sum(map(ord, name + style)) % 255
    return {"body": f'<circle cx="8" cy="8" r="6" fill="rgb({shade},90,{255 - shade})"/>'}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Icon packages in the registry's format, with a few drawings of our own."""
    folder = tmp_path_factory.mktemp("mini")
    packages = folder / "packages"
    (packages / "unicode-emoji-json").mkdir(parents=True)
    (packages / "unicode-emoji-json" / "data-by-emoji.json").write_text(
        json.dumps({emoji: {"name": name} for emoji, name in _UNICODE.items()})
    )
    for style, package in catalogue.STYLES.items():
        target = packages / package.rsplit("/", 1)[-1]
        target.mkdir()
        icons, chars = {}, {}
        for emoji, name in _UNICODE.items():
            for tone in ("", "\U0001f3fb", "\U0001f3ff"):
                icon = f"{name}{ord(tone) if tone else ''}".replace(" ", "-")
                icons[icon] = _drawing(icon, style)
                chars["-".join(f"{ord(c):x}" for c in emoji[0] + tone + emoji[1:])] = icon
        (target / "icons.json").write_text(json.dumps({"icons": icons, "width": 16, "height": 16}))
        (target / "chars.json").write_text(json.dumps(chars))
    return folder
