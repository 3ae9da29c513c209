"""What callers and servers show who they are by: API keys, JSON Web Tokens and certificates."""

import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import os
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

KINDS = {
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm),
    "RS256": (lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048), jwt.algorithms.RSAAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, jwt.algorithms.OKPAlgorithm),
}


def bearer(credentials):
    return {"authorization": f"Bearer {credentials}"}


def replace(path, text):
    """As those do who replace files in use."""
    new = f"{path}.new"
    with open(new, "w") as file:
        file.write(text)
    os.replace(new, path)
    return str(path)


def key_file(*keys):
    """The text of --api-keys for (key, tenant, roles)."""
    return json.dumps([{"id": f"key-{number}", "sha256": hashlib.sha256(key.encode()).hexdigest(), "tenant": tenant, "roles": roles}
                       for number, (key, tenant, roles) in enumerate(keys)])


def jwks(*signers):
    """The text of --jwks."""
    return json.dumps({"keys": [signer.jwk() for signer in signers]})


class Signer:
    """Somebody who gives out tokens."""

    def __init__(self, algorithm, kid):
        generate, self._encoder = KINDS[algorithm]
        self.algorithm, self.kid, self.key = algorithm, kid, generate()

    def jwk(self):
        public = json.loads(self._encoder.to_jwk(self.key.public_key()))
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims):
        return jwt.encode(claims, self.key, self.algorithm, headers={"kid": self.kid})


def claims(tenant="shop", seconds=600, **others):
    return {"iss": "https://id.example", "aud": "latentd", "sub": "ann", "tenant": tenant, "roles": ["generate", "read"],
            "exp": int(time.time()) + seconds, **others}


def _encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(header, payload):
    return f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(payload).encode())}."


def by_public_key(signer, payload):
    """What is signed with HMAC, by the key that everybody knows; libraries refuse to write it."""
    public = signer.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = unsigned({"alg": "HS256", "kid": signer.kid}, payload).rstrip(".")
    return f"{text}.{_encoded(hmac.digest(public, text.encode(), 'sha256'))}"


def with_own_key(payload):
    """Signed rightly, by a key that the token itself brings."""
    signer = Signer("ES256", "own")
    return jwt.encode(payload, signer.key, "ES256", headers={"kid": "es256", "jwk": signer.jwk()})


class Authority:
    """Issues certificates for loopback, as files in a folder."""

    def __init__(self, folder, name="authority"):
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._certificate(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file = replace(folder / f"{name}.pem", _pem(certificate))

    def issue(self, name, hosts=("127.0.0.1", "localhost")):
        """Paths of a certificate and its key."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
                                             for host in hosts])
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key_path = replace(self._folder / f"{name}.key", private.decode())
        return replace(self._folder / f"{name}.pem", _pem(self._certificate(subject, key.public_key(), names))), key_path

    def _certificate(self, subject, public_key, extension):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number(),
                                          now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1))
        return builder.add_extension(extension, critical=False).sign(self._key, hashes.SHA256())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
