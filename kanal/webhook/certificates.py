"""The certificate with which the webhook proves itself to an API server, and who vouches for it.

Each certificate gets an authority of its own, whose key is thrown away at once: nobody can ever make a second one with it.
What an API server trusts is the bundle of the newest authorities, so that during a change either certificate will do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=90)
_SLOW_CLOCKS = timedelta(hours=1)
_MOST_AUTHORITIES = 3
_CHAIN, _KEY, _AUTHORITIES = "tls.crt", "tls.key", "ca.crt"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, and the authorities to trust; all three are PEM."""

    chain: bytes
    key: bytes
    authorities: bytes
    """The one that signed it first, then those of certificates that may still be in use."""
    names: frozenset[str]
    begins: datetime
    ends: datetime

    def data(self) -> dict[str, bytes]:
        """The same as the data of a Secret of type `kubernetes.io/tls`."""
        return {_CHAIN: self.chain, _KEY: self.key, _AUTHORITIES: self.authorities}

    def serves(self, names: Sequence[str], now: datetime) -> bool:
        """Whether it proves each of these names for as long as it should: a third of its life is left."""
        enough = now + (self.ends - self.begins) / 3 < self.ends
        return self.begins <= now and enough and self.names.issuperset(names)


def names_of(service: str, namespace: str, domain: str) -> tuple[str, ...]:
    """Every name by which a Service is called, and the loopback, from where people try things."""
    short = f"{service}.{namespace}"
    return (f"{short}.svc", f"{short}.svc.{domain}", short, service, "localhost", "127.0.0.1", "::1")


def made(names: Sequence[str], now: datetime, former: bytes = b"") -> Certificate:
    """A new certificate for these names; `former` holds the authorities that were trusted until now."""
    begins, ends = (now - _SLOW_CLOCKS).replace(microsecond=0), (now + LIFE).replace(microsecond=0)
    signing, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _called("kanal-webhook authority")
    identity = x509.SubjectKeyIdentifier.from_public_key(signing.public_key())
    builder = x509.CertificateBuilder().not_valid_before(begins).not_valid_after(ends).issuer_name(issuer)
    authority = (
        builder.subject_name(issuer)
        .public_key(signing.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identity, critical=False)
        .sign(signing, hashes.SHA256())
    )
    certificate = (
        builder.subject_name(_called("kanal-webhook"))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), critical=False)
        .sign(signing, hashes.SHA256())
    )
    trusted = [authority, *(one for one in _loaded(former) if one.not_valid_after_utc > now)]
    return Certificate(
        certificate.public_bytes(Encoding.PEM),
        own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"".join(one.public_bytes(Encoding.PEM) for one in trusted[:_MOST_AUTHORITIES]),
        frozenset(names),
        begins,
        ends,
    )


def read(data: Mapping[str, bytes]) -> Certificate | None:
    """The certificate in the data of a Secret; None where they hold none, or parts that don't belong together."""
    chain, key, authorities = (data.get(name, b"") for name in (_CHAIN, _KEY, _AUTHORITIES))
    certificates, trusted = _loaded(chain), _loaded(authorities)
    if not certificates or not trusted:
        return None
    try:
        public = load_pem_private_key(key, None).public_key()
        certificates[0].verify_directly_issued_by(trusted[0])
        alternatives = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return None
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*shape) != certificates[0].public_key().public_bytes(*shape):
        return None
    names = alternatives.get_values_for_type(x509.DNSName)
    addresses = [str(one) for one in alternatives.get_values_for_type(x509.IPAddress)]
    life = (certificates[0].not_valid_before_utc, certificates[0].not_valid_after_utc)
    return Certificate(chain, key, authorities, frozenset((*names, *addresses)), *life)


def _loaded(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
