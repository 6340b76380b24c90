"""What both parties speak: messages, caps, codec and the noise schedule they must agree on.

Knows neither party and no torch. No pickle: requests are canonical JSON, latents safetensors.
"""
