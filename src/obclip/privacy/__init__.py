"""The auditable heart: a prompt becomes a closed candidate set, the request is built from the set
alone, and one latent is selected after the connection is closed.

Protects: which member of the set is the user's own. Does not protect: the words outside the slots,
the set itself, who asks; see docs/privacy.md.
"""

from __future__ import annotations

from obclip.privacy.candidates import CandidateSet, Expansion, Mention, SetAttribute, expand
from obclip.privacy.choice import Choice
from obclip.privacy.custom import CustomAttribute, load_custom
from obclip.privacy.request import PublicParameters, build_request, request_hash
from obclip.privacy.seed import device_seed, fresh_key, fresh_seed, noise_seed
from obclip.privacy.selection import Sealed, seal, select
from obclip.privacy.settings import PrivacySettings
from obclip.privacy.taxonomy import Attribute, attributes, table_version
from obclip.privacy.unprotected import unprotected

__all__ = [
    "Attribute",
    "CandidateSet",
    "Choice",
    "CustomAttribute",
    "Expansion",
    "Mention",
    "PrivacySettings",
    "PublicParameters",
    "Sealed",
    "SetAttribute",
    "attributes",
    "build_request",
    "device_seed",
    "expand",
    "fresh_key",
    "fresh_seed",
    "load_custom",
    "noise_seed",
    "request_hash",
    "seal",
    "select",
    "table_version",
    "unprotected",
]
