"""Keys, tokens and .creds files of NATS users (docs.nats.io, "JWTs"; nkeys), made with openssl."""
import base64
import hashlib
import json
import os
import subprocess

# RFC 8410: an Ed25519 private key in PKCS #8 is this and its 32 bytes.
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3  # become O, A, U and S in base32


def encoded(content):
    """In base32 with the checksum of nkeys, CRC-16 as of XMODEM."""
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(content + crc.to_bytes(2, "little")).decode().rstrip("=")


def segment(content):
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Identity:
    def __init__(self, directory, kind):
        raw = os.urandom(32)
        self.file = directory / f"{kind}.der"
        self.file.write_bytes(PKCS8 + raw)
        public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", self.file, "-pubout",
                                 "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
        self.public = encoded(bytes([kind]) + public)
        self.seed = encoded(bytes([SEED | kind >> 5, (kind & 31) << 3]) + raw)

    def token(self, subject, name, nats):
        """What this one says of another one, signed."""
        claims = {"iat": 1_700_000_000, "iss": self.public, "sub": subject.public, "name": name,
                  "nats": {"version": 2, **nats}}
        claims["jti"] = hashlib.sha256(json.dumps(claims).encode()).hexdigest()
        text = ".".join(segment(json.dumps(part).encode())
                        for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        message = self.file.with_suffix(".message")
        message.write_text(text)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", self.file,
             "-in", message], check=True, capture_output=True).stdout
        return f"{text}.{segment(signature)}"


def site_with_users(directory):
    """A server's settings that take nobody but one user, and that user's .creds file."""
    operator, account, user = (Identity(directory, kind) for kind in (OPERATOR, ACCOUNT, USER))
    limits = dict.fromkeys(("subs", "conn", "leaf", "imports", "exports", "data", "payload"), -1)
    of_operator = operator.token(operator, "relays", {"type": "operator"})
    of_account = operator.token(account, "relays",
                                {"type": "account", "limits": {**limits, "wildcards": True}})
    of_user = account.token(user, "relay", {"type": "user", "pub": {}, "sub": {}, "subs": -1,
                                            "data": -1, "payload": -1})
    creds = directory / "relay.creds"
    creds.write_text(f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
                     f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
    creds.chmod(0o600)
    return (f"operator: {of_operator}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {account.public}: {of_account} }}\n"), creds
