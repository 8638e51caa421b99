"""Encryption at rest, and the hashes of what only its holder may know.

The key is a file outside the database. Rows hold `Fernet` tokens (AES-128-CBC with HMAC-SHA256, the `cryptography`
library's recipe), so that a value that was tampered with is refused instead of read wrong.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

import argon2
from cryptography.fernet import Fernet, InvalidToken

# Interactive log-ins and API calls share two cores with everything else: argon2id with 19 MiB and two passes is the
# smallest setting the OWASP cheat sheet recommends.
_PASSWORDS = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


KEY_FILE = "secret.key"


class SecretsError(Exception):
    """The key is missing or is not the one the rows were written with."""


class Secrets:
    """What turns text into bytes that only this platform can read."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._fernet = Fernet(key)

    @classmethod
    def load(cls, home: Path) -> "Secrets":
        """Read `home/secret.key`; raises SecretsError."""
        path = home / KEY_FILE
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            raise SecretsError(
                f"cannot find {path}: put it back, what is encrypted cannot be read without it"
            ) from None
        except (OSError, ValueError) as error:
            raise SecretsError(f"cannot use {path} as encryption key: {error}") from None

    @classmethod
    def make(cls, home: Path) -> "Secrets":
        """Read `home/secret.key`, or make one: whole or not at all. Raises SecretsError."""
        path = home / KEY_FILE
        try:
            if not path.exists():
                write_once(path, Fernet.generate_key())
        except OSError as error:
            raise SecretsError(f"cannot make {path}: {error}") from None
        return cls.load(home)

    def encrypt(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def sign(self, purpose: str, text: str) -> str:
        """What only this platform could have written for this purpose: a secret for a URL that needs no row."""
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()

    def decrypt(self, token: bytes) -> str:
        """Raises SecretsError when the token was made with another key or was changed."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SecretsError("cannot decrypt a stored value: secret.key is not the key it was written with") from None


def write_once(path: Path, content: bytes) -> None:
    """Write a secret that is not there yet, for its owner's eyes; a kill leaves it whole or missing."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)


def hash_password(password: str) -> str:
    return _PASSWORDS.hash(password)


def password_fits(password_hash: str, password: str) -> bool:
    try:
        return _PASSWORDS.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def random_token(prefix: str = "") -> str:
    """256 random bits, safe in URLs."""
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """A random token needs no slow hash: SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
