"""Latent diffusion without a party: pairs, loading, the denoiser contract, sampling slices."""
