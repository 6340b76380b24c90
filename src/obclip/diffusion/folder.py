"""A model's folder and its config files. No torch: a device reads these before anything else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obclip.diffusion.pairs import Source
from obclip.errors import ModelError

#: What of a hub repository is fetched: configs, vocabularies, and weights that are not pickled,
#: each part's once (no second number type, no checkpoint of the whole).
WANTED = (
    "model_index.json", "config.json", "diffusion_pytorch_model.safetensors", "unet/*.json",
    "unet/diffusion_pytorch_model.safetensors", "vae/*.json",
    "vae/diffusion_pytorch_model.safetensors", "text_encoder*/*.json",
    "text_encoder*/model.safetensors", "tokenizer*/*", "scheduler/*.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of one model are.

    ``root`` holds all parts but perhaps the UNet, whose folder is ``unet``; ``file`` holds the
    weights of UNet, text encoders and autoencoder, if they come as a single file.
    """

    root: Path
    unet: Path
    file: Path | None = None


def latent_factor(vae_config: dict[str, Any]) -> int:
    """Pixels to a latent cell, from an autoencoder's config (either kind)."""
    blocks = vae_config.get("block_out_channels") or vae_config["encoder_block_out_channels"]
    return int(2 ** (len(blocks) - 1))


def layout(source: Source) -> Layout:
    """Finds the parts of a source, from this machine or the hub.

    Raises:
        ModelError: something is missing, pickled, or a base is needed and not given.
    """
    file = source.file
    if file is not None:
        if file.suffix != ".safetensors":
            raise ModelError(
                "pickled weights are never loaded", code="bad_model", got=file.name,
                expected="a .safetensors file", action="convert it on a machine you can lose",
            )  # fmt: skip
        if not file.is_file():
            raise ModelError(
                "no model file there", code="no_model", got=source.location,
                expected="a .safetensors file",
            )  # fmt: skip
        root = _base(source)
        return Layout(root, root / "unet", file)
    folder = snapshot(source)
    if not (folder / "model_index.json").is_file() and (folder / "config.json").is_file():
        kind = read_json(folder / "config.json").get("_class_name")
        if kind == "UNet2DConditionModel":
            return Layout(_base(source), folder)
    if source.base is not None:
        raise ModelError(
            "this model is whole and takes no base", code="bad_source", got=source.location,
            expected="a single file or a bare UNet", action="leave @base out",
        )  # fmt: skip
    return Layout(folder, folder / "unet")


def _base(source: Source) -> Path:
    if source.base is None:
        raise ModelError(
            "these weights come without tokenizer and configs", code="no_base",
            got=source.location, expected="FILE@base=FOLDER (or hub id) in diffusers format",
        )  # fmt: skip
    return snapshot(Source(source.base, source.base_revision))


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

    try:
        return Path(
            snapshot_download(
                source.location, revision=source.revision, allow_patterns=list(WANTED)
            )
        )
    except Exception as error:  # the hub client raises many kinds; all mean "not to be had"
        raise ModelError(
            "the model is not on this machine and could not be fetched", code="no_model",
            got=f"{source.location} ({type(error).__name__})",
            expected="a cached download, a reachable hub, or a folder",
            action="run `obclip models get` where there is a network, or give CLOUD,DEVICE as "
            "folders",
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
