"""The certificates under which we answer, for the hosts that SDKs hard-code and with --tls under our own names, and
the bundle that clients trust.

A certificate authority signs one leaf and its key is forgotten, so what a shell is asked to trust can vouch for the
names below and for nothing else, ever. When the names change, both are made anew.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import ipaddress
import os
import re
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.httpsession
from botocore.loaders import Loader
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sagewright.core.config import Settings

YEARS = 10
RENEW = datetime.timedelta(days=30)
_HOST = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(\.(?!-)[a-zA-Z0-9-]{1,63})*")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@cache
def sts_hosts() -> frozenset[str]:
    """``sts.amazonaws.com`` and ``sts.<region>.<suffix>`` for every region botocore knows."""
    hosts = {"sts.amazonaws.com"}
    for partition in Loader().load_data("endpoints")["partitions"]:
        hosts.update(f"sts.{region}.{partition['dnsSuffix']}" for region in partition["regions"])
    return frozenset(hosts)


@dataclass(frozen=True, slots=True)
class Identity:
    """Files: the authority's certificate, and the leaf's certificate and key (0600)."""

    authority: Path
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS as the named hosts; HTTP/1.1 only."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(["http/1.1"])
        return context


def identity(data_dir: Path) -> Identity:
    """The identity for STS, kept in ``data_dir/tls``, made when missing, near its end, or short of a name."""
    names = [x509.DNSName(host) for host in sorted(sts_hosts())]
    suffixes = sorted({host.split(".", 2)[2] for host in sts_hosts() if host != "sts.amazonaws.com"})
    folder = _folder(data_dir)
    files = Identity(folder / "ca.pem", folder / "sts.pem", folder / "sts.key")
    return _kept(files, names, [x509.DNSName(suffix) for suffix in suffixes])


def server_identity(data_dir: Path, host: str) -> Identity:
    """The identity for a server that listens on ``host``: under that name, this machine's own, and the loopback's."""
    texts = [host, "localhost", "127.0.0.1", "::1"]
    if _address(host) is not None and _wildcard(host):
        texts += [socket.gethostname(), *_own_addresses()]
    names: list[x509.GeneralName] = []
    limits: list[x509.GeneralName] = []
    for text in dict.fromkeys(text for text in texts if not _wildcard(text)):
        address = _address(text)
        if address is not None:
            names.append(x509.IPAddress(address))
            limits.append(x509.IPAddress(ipaddress.ip_network(address)))
        elif _HOST.fullmatch(text):
            names.append(x509.DNSName(text))
            limits.append(x509.DNSName(text))
    folder = _folder(data_dir)
    return _kept(Identity(folder / "server-ca.pem", folder / "server.pem", folder / "server.key"), names, limits)


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS for the server's port, or None without. Leaves in ``data_dir/tls/trust.pem`` what its clients must trust.

    Raises ``ValueError`` for settings that do not go together, or an address that others can reach without TLS.
    """
    trust = _folder(settings.data_dir) / "trust.pem"
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ValueError("--tls-cert and --tls-key go together")
    if not settings.https:
        if not settings.insecure and not _loopback(settings.host):
            raise ValueError(
                f"{settings.host} can be reached from other machines, and what is sent would be readable on the way: "
                "add --tls, or --insecure if you want that"
            )
        trust.unlink(missing_ok=True)
        return None
    if settings.tls_cert:
        found = Identity(Path(settings.tls_cert), Path(settings.tls_cert), Path(settings.tls_key))
    else:
        found = server_identity(settings.data_dir, settings.host)
    try:
        context = found.server_context()
    except OSError as error:
        raise ValueError(f"cannot serve TLS with {found.certificate} and {found.key}: {error}") from None
    write(trust, found.authority.read_bytes())
    return context


def _loopback(host: str) -> bool:
    """Whether every address of ``host`` is this machine's own loopback."""
    try:
        found = {_address(str(entry[4][0]).partition("%")[0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(host) and all(address is not None and address.is_loopback for address in found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _wildcard(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - nothing is bound here


def _own_addresses() -> list[str]:
    try:
        return sorted({str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(socket.gethostname(), None)})
    except OSError:
        return []


def _folder(data_dir: Path) -> Path:
    folder = data_dir / "tls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _kept(found: Identity, names: Sequence[x509.GeneralName], limits: Sequence[x509.GeneralName]) -> Identity:
    """These files, made when they do not serve for ``names``. The authority is good for nothing beyond ``limits``."""
    with (found.key.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _usable(found, names):
            _make(found, names, limits)
    return found


def _usable(found: Identity, wanted: Sequence[x509.GeneralName]) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(found.certificate.read_bytes())
        authority = x509.load_pem_x509_certificate(found.authority.read_bytes())
        leaf.verify_directly_issued_by(authority)
        key = serialization.load_pem_private_key(found.key.read_bytes(), None)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        key.public_key() == leaf.public_key()
        and set(wanted) <= set(names)
        and leaf.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > RENEW
    )


def _make(files: Identity, names: Sequence[x509.GeneralName], limits: Sequence[x509.GeneralName]) -> None:
    authority_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Sagewright local authority")
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(limits, None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name(str(names[0].value)[:64]), issuer, leaf_key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write(files.key, private, 0o600)
    write(files.certificate, leaf.public_bytes(serialization.Encoding.PEM))
    write(files.authority, authority.public_bytes(serialization.Encoding.PEM))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def bundle(data_dir: Path, env: Mapping[str, str]) -> Path:
    """A file with our authority and every authority that the shell's clients trusted before.

    Its name tells its content, so it is never written again: jobs have it mounted.
    """
    folder = data_dir / "tls"
    trusted = [identity(data_dir).authority, folder / "trust.pem", *_trusted(env)]
    found = dict.fromkeys(pem for path in trusted for pem in _certificates(path))
    content = ("\n".join(found) + "\n").encode()
    target = folder / f"bundle-{hashlib.sha256(content).hexdigest()[:16]}.pem"
    write(target, content)
    return target


def _trusted(env: Mapping[str, str]) -> list[Path]:
    """The user's own bundle, or else botocore's usual one with the system's."""
    chosen = env.get("AWS_CA_BUNDLE") or env.get("REQUESTS_CA_BUNDLE")
    if chosen:
        return [Path(chosen)]
    system = ssl.get_default_verify_paths()
    return [Path(path) for path in (botocore.httpsession.where(), env.get("SSL_CERT_FILE"), system.cafile) if path]


def _certificates(path: Path) -> list[str]:
    try:
        return _PEM.findall(path.read_text(errors="replace"))
    except OSError:
        return []


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put ``data`` at ``path`` in one step, never readable by more than ``mode`` allows.

    A file that has it stays the same file, for what mounts a file loses it when another takes its name.
    """
    with suppress(OSError):
        if path.read_bytes() == data:
            return
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    draft.replace(path)
