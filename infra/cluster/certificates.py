"""Certificates and keys of a cluster, made anew for each."""

import datetime
from collections.abc import Sequence
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A cluster for tests lives for hours; nothing renews its certificates.
_VALID = datetime.timedelta(days=30)


class KeyPair:
    """A certificate and its private key, both PEM."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.key = private_pem(key)


class Authority:
    """Signs the certificates of one cluster or server; its own key is never written down.

    Attributes:
        certificate: PEM, by which everyone trusts whom it signed for.
    """

    def __init__(self, name: str, valid: datetime.timedelta = _VALID) -> None:
        """``valid``: for how long its own certificate and those that it signs are good."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name, self._valid = _name(name, ()), valid
        signed = (
            _builder(self._name, self._name, self._key, valid)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = signed.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, name: str, hosts: Sequence[str]) -> KeyPair:
        """A certificate for a server, which may be a client too, as etcd's members are.

        Args:
            hosts: Names and IPv4 addresses that it is reached by.
        """
        known = [_host(host) for host in hosts]
        return self._issue(name, (), x509.SubjectAlternativeName(known))

    def client(self, name: str, groups: Sequence[str] = ()) -> KeyPair:
        """A certificate by which the API server knows a user: its name, and the groups that it is in."""
        return self._issue(name, groups, None)

    def _issue(self, name: str, groups: Sequence[str], hosts: x509.SubjectAlternativeName | None) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        builder = (
            _builder(_name(name, groups), self._name, key, self._valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        )
        if hosts:
            builder = builder.add_extension(hosts, critical=False)
        return KeyPair(builder.sign(self._key, hashes.SHA256()), key)


def signing_key() -> tuple[str, str]:
    """A private key and its public one, PEM, for the tokens of service accounts."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private_pem(key), public.decode()


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key without a pass phrase: its file is readable by its owner alone."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks that are set back a little do not refuse what was made just now.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + valid)
    )


def _name(name: str, groups: Sequence[str]) -> x509.Name:
    """Kubernetes takes the common name for the user and each organisation for a group."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(IPv4Address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
