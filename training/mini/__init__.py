"""The mini pair: people emoji, from the registries' packages to a diffusers folder.

Stages in order (``python -m training.mini --help``): fetch, render, tokenizer, autoencoder,
text, latents, cloud, device, export.
"""
