"""A model's folder and its config files. No torch: a device reads these before anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from obclip.diffusion.pairs import Source
from obclip.errors import ModelError


def latent_factor(vae_config: dict[str, Any]) -> int:
    """Pixels to a latent cell, from an autoencoder's config (either kind)."""
    blocks = vae_config.get("block_out_channels") or vae_config["encoder_block_out_channels"]
    return int(2 ** (len(blocks) - 1))


def snapshot(source: Source) -> Path:
    """The folder of a source: as given, or from the hub's local cache, or downloaded.

    Raises:
        ModelError: not a folder, and not to be had from the hub.
    """
    if source.folder is not None:
        return source.folder
    if source.location.startswith(("/", ".", "~")):
        raise ModelError(
            "no model folder there", code="no_model", got=source.location,
            expected="a folder in diffusers format (model_index.json, unet/, ...)",
        )  # fmt: skip
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.txt", "*.safetensors"]
    try:
        return Path(
            snapshot_download(source.location, revision=source.revision, allow_patterns=patterns)
        )
    except Exception as error:  # the hub client raises many kinds; all mean "not to be had"
        raise ModelError(
            "the model is not on this machine and could not be fetched", code="no_model",
            got=f"{source.location} ({type(error).__name__})",
            expected="a cached download, a reachable hub, or a folder",
            action="give CLOUD,DEVICE as folders",
        ) from None  # fmt: skip


def read_json(file: Path) -> dict[str, Any]:
    """A config file.

    Raises:
        ModelError: missing or not a JSON object.
    """
    try:
        value = json.loads(file.read_text("utf-8"))
    except OSError:
        raise ModelError(
            "a file of the model is missing", code="no_model", got=f"no {file.name}",
            expected=str(file),
        ) from None  # fmt: skip
    except ValueError:
        raise ModelError("a config is not JSON", code="bad_model", got=str(file)) from None
    if not isinstance(value, dict):
        raise ModelError("a config is not a JSON object", code="bad_model", got=str(file))
    return value
