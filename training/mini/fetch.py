"""Brings the icon packages from the npm registry and unpacks them.

Needs the ``npm`` command. Versions are pinned, so that labels and drawings stay the same.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

PACKAGES: dict[str, str] = {
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/twemoji": "1.2.5",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "unicode-emoji-json": "0.9.0",
}


def fetch(folder: Path) -> None:
    """Unpacks every package under ``folder``; one already there is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in PACKAGES.items():
        target = folder / name.rsplit("/", 1)[-1]
        if (target / "package.json").exists():
            continue
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{version}"],
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        archive = folder / packed.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                member.name = member.name.removeprefix("package/")
                tar.extract(member, target, filter="data")
        archive.unlink()
