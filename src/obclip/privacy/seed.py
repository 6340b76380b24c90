"""One noise seed for the whole set, and separate randomness for the device.

Protects: a fresh seed comes from the system's CSPRNG; a seed the user gives is mixed with a local
key, so that a seed posted beside a picture does not look its transcript up. The device's own
randomness has another domain and never leaves. Does not protect: a device whose key is stolen.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from obclip.errors import ProfileError

BITS = 63
KEY_BYTES = 32
_NOISE = b"obclip noise seed v1"
_DEVICE = b"obclip device randomness v1"


def fresh_key() -> bytes:
    """A local key, to be kept in the profile's folder."""
    return secrets.token_bytes(KEY_BYTES)


def fresh_seed() -> int:
    """A noise seed nobody chose, 63 bits."""
    return secrets.randbits(BITS)


def noise_seed(user_seed: int, key: bytes) -> int:
    """The noise seed of a user's seed: the same again on this device, unrelated elsewhere."""
    return _derive(_NOISE, user_seed, key)


def device_seed(user_seed: int, key: bytes) -> int:
    """The seed of the device's own randomness; never part of a request."""
    return _derive(_DEVICE, user_seed, key)


def _derive(domain: bytes, user_seed: int, key: bytes) -> int:
    if len(key) < KEY_BYTES:
        raise ProfileError(
            "the local key is too short", got=len(key), expected=f"{KEY_BYTES} bytes"
        )
    digest = hmac.new(key, domain + b"\0" + str(int(user_seed)).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - BITS)
