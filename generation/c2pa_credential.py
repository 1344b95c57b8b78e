"""The certificate that signs creatives: the operator's own, or one made here on first use.

C2PA wants a chain (a self-signed leaf is refused): here an authority of this installation and a leaf for
signing with the e-mail protection usage, both on P-256. Nobody outside trusts the authority until its
``authority.pem`` is given to them; the signature's integrity holds either way.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Without a time stamp of an outside authority a signature is good for as long as its certificate.
VALID_FOR = timedelta(days=3650)
ORGANISATION = "adplatform"
CHAIN_FILE, KEY_FILE, AUTHORITY_FILE = "chain.pem", "key.pem", "authority.pem"
_KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Credential:
    """PEM bytes, the leaf first in ``chain``; ``authority`` ends the chain and is our trust anchor."""

    chain: bytes
    key: bytes
    authority: bytes
    serial_number: str  # the leaf's, decimal


def credential_get() -> Credential:
    """The credential of the settings, else the installation's own. Raises ImproperlyConfigured."""
    chain, key = settings.C2PA_CERTIFICATES, settings.C2PA_PRIVATE_KEY
    if bool(chain) != bool(key):
        raise ImproperlyConfigured("Set both C2PA_CERTIFICATES and C2PA_PRIVATE_KEY, or neither.")
    if not chain:
        folder = Path(settings.VAR_DIR) / "c2pa"
        credential_make(folder)
        chain, key = str(folder / CHAIN_FILE), str(folder / KEY_FILE)
    return _read(chain, key)


@lru_cache(maxsize=4)
def _read(chain_path: str, key_path: str) -> Credential:
    try:
        chain, key = Path(chain_path).read_bytes(), Path(key_path).read_bytes()
        certificates = x509.load_pem_x509_certificates(chain)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"The C2PA certificate or its key cannot be read: {error}") from None
    authority = certificates[-1].public_bytes(Encoding.PEM)
    return Credential(chain, key, authority, str(certificates[0].serial_number))


def credential_make(folder: Path) -> None:
    """Fill the folder unless it is there. Two processes may do so at once: one rename wins."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".c2pa-", dir=folder.parent))  # mode 0700
    try:
        for name, content in _files_make(datetime.now(UTC)).items():
            descriptor = os.open(temporary / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        try:
            temporary.rename(folder)
        except OSError:  # the other process was first; its folder is not empty
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _files_make(now: datetime) -> dict[str, bytes]:
    authority_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name, leaf_name = _name("Creative signing authority"), _name("Creative signer")
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _certificate(leaf_name, authority_name, leaf_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    return {
        CHAIN_FILE: leaf.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM),
        KEY_FILE: leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        AUTHORITY_FILE: authority.public_bytes(Encoding.PEM),
    }


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks of other machines
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in _KEY_USES})
