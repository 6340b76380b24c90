"""Whose certificates the device believes, and how a connection that fails for one is told.

Protects: nothing but a named file of authorities is taken from the environment, no proxy.
Does not protect: from an authority that vouches for the wrong cloud.
"""

from __future__ import annotations

import os
import ssl

from obclip.errors import TransportError


def trusted(server: str) -> ssl.SSLContext | bool:
    """Whom to believe: the authorities of ``SSL_CERT_FILE``, as elsewhere, or the usual ones.

    Read by hand: httpx would believe the environment's proxies with it.

    Raises:
        TransportError: that file cannot be read.
    """
    file = os.environ.get("SSL_CERT_FILE")
    if not file or not server.startswith("https:"):
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise TransportError(
            "the file of trusted certificates cannot be used", code="certificate",
            got=f"SSL_CERT_FILE={file} ({type(error).__name__})", expected="a PEM file",
        ) from None  # fmt: skip


def untrusted(error: BaseException) -> bool:
    """Is it the certificate that a connection failed for?"""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
