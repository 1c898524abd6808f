"""Login with a 12c verifier: a challenge, two halves of a session key, and the password encrypted with both."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dev.oracle_standin.primitives import ProtocolError, Reader, sized_text, ub

CHALLENGE_FUNCTION = 118
PASSWORD_FUNCTION = 115

_PARAMETER_MESSAGE = 8
_VERIFIER_12C = 18453
_VERIFIER_ROUNDS = 4096
_COMBINE_ROUNDS = 3
_KEY_SIZE = 32
_PREFIX_SIZE = 16
_MODE_PRIVILEGED = 0x20 | 0x40
_VERSION_19_3 = 19 << 24 | 3 << 16
_MAX_PAIRS = 64


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """One of the two login messages: who, how, and the named values."""

    user: str
    mode: int
    pairs: Mapping[str, str]

    @property
    def is_privileged(self) -> bool:
        """True for SYSDBA and SYSOPER."""
        return bool(self.mode & _MODE_PRIVILEGED)


def read_login(reader: Reader) -> LoginRequest:
    """Read the body of a login message."""
    has_user = reader.u8()
    reader.ub()
    mode = reader.ub()
    reader.u8()
    count = reader.ub()
    reader.raw(2)
    if count > _MAX_PAIRS:
        raise ProtocolError(f"a login with {count} values")
    user = reader.text() if has_user else ""
    pairs = {}
    for _ in range(count):
        key, text = reader.sized_text(), reader.sized_text()
        reader.ub()
        pairs[key] = text
    return LoginRequest(user, mode, pairs)


class Users:
    """The accounts. Names compare without regard to case, passwords exactly."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {user.upper(): password for user, password in passwords.items()}
        # One salt for the server's life: the costly key is then computed once for each user.
        self._salt = secrets.token_bytes(_PREFIX_SIZE)
        self._keys: dict[str, bytes] = {}
        self._nobody = secrets.token_hex()

    def challenge(self, user: str) -> Challenge:
        """Start the login of a user; an unknown one gets a challenge too, which no password meets."""
        name = user.upper()
        password = self._passwords.get(name)
        if password is None:
            return Challenge(None, verifier_key(self._nobody, self._salt), self._salt)
        if name not in self._keys:
            self._keys[name] = verifier_key(password, self._salt)
        return Challenge(password, self._keys[name], self._salt)


class Challenge:
    """One login under way: what was sent to the client, and what its answer must be."""

    def __init__(self, password: str | None, key: bytes, salt: bytes) -> None:
        self._password = password
        self._key = key
        self._salt = salt
        self._server_half = secrets.token_bytes(_KEY_SIZE)
        self._combine_salt = secrets.token_bytes(_PREFIX_SIZE)

    def message(self) -> bytes:
        """Build the challenge."""
        return _parameters(
            {
                "AUTH_SESSKEY": encrypt(self._key, self._server_half).hex().upper(),
                "AUTH_VFR_DATA": self._salt.hex().upper(),
                "AUTH_PBKDF2_CSK_SALT": self._combine_salt.hex().upper(),
                "AUTH_PBKDF2_VGEN_COUNT": str(_VERIFIER_ROUNDS),
                "AUTH_PBKDF2_SDER_COUNT": str(_COMBINE_ROUNDS),
            }
        )

    def answer(self, request: LoginRequest) -> bytes | None:
        """Return the key that both sides now share, or None if the password is wrong or the answer malformed."""
        try:
            client_key = bytes.fromhex(request.pairs["AUTH_SESSKEY"])
            sent_password = bytes.fromhex(request.pairs["AUTH_PASSWORD"])
        except (KeyError, ValueError):
            return None
        if len(client_key) != _KEY_SIZE or not sent_password or len(sent_password) % _PREFIX_SIZE:
            return None
        key = combined_key(decrypt(self._key, client_key), self._server_half, self._combine_salt)
        padded = decrypt(key, sent_password)[_PREFIX_SIZE:]
        if self._password is None or not padded:
            return None
        return key if hmac.compare_digest(padded[: -padded[-1]], self._password.encode()) else None


def session_message(key: bytes, session_id: int, service: str) -> bytes:
    """Build the answer to a right password.

    Without AUTH_MAX_OPEN_CURSORS the driver's statement cache would be off.
    """
    proof = secrets.token_bytes(_PREFIX_SIZE) + b"SERVER_TO_CLIENT" + bytes((_PREFIX_SIZE,)) * _PREFIX_SIZE
    return _parameters(
        {
            "AUTH_VERSION_NO": str(_VERSION_19_3),
            "AUTH_SESSION_ID": str(session_id),
            "AUTH_SERIAL_NUM": "1",
            "AUTH_SVR_RESPONSE": encrypt(key, proof).hex().upper(),
            "AUTH_MAX_OPEN_CURSORS": str(MAX_OPEN_CURSORS),
            "AUTH_SC_SERVICE_NAME": service,
            "AUTH_INSTANCENAME": "standin",
            "AUTH_SC_DBUNIQUE_NAME": "STANDIN",
            "AUTH_SC_REAL_DBUNIQUE_NAME": "STANDIN",
            "AUTH_SC_DB_DOMAIN": "",
            "AUTH_MAX_IDEN_LENGTH": "128",
        }
    )


MAX_OPEN_CURSORS = 300


def verifier_key(password: str, salt: bytes) -> bytes:
    """Derive the long-lived key of a password: the costly step."""
    stretched = hashlib.pbkdf2_hmac("sha512", password.encode(), salt + b"AUTH_PBKDF2_SPEEDY_KEY", _VERIFIER_ROUNDS, 64)
    return hashlib.sha512(stretched + salt).digest()[:_KEY_SIZE]


def combined_key(client_half: bytes, server_half: bytes, salt: bytes) -> bytes:
    """Derive the key of this session from both random halves: their hexadecimal text, not their bytes."""
    text = (client_half + server_half).hex().upper().encode()
    return hashlib.pbkdf2_hmac("sha512", text, salt, _COMBINE_ROUNDS, _KEY_SIZE)


def encrypt(key: bytes, plain: bytes) -> bytes:
    """Encrypt whole blocks as the protocol does: AES-CBC from an initial vector of zeros, without padding."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return cipher.update(plain) + cipher.finalize()


def decrypt(key: bytes, secret: bytes) -> bytes:
    """Undo ``encrypt``."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    return cipher.update(secret) + cipher.finalize()


def _parameters(pairs: Mapping[str, str]) -> bytes:
    parts = [bytes((_PARAMETER_MESSAGE,)), ub(len(pairs))]
    for key, text in pairs.items():
        # The flags of this one key are the type of the verifier.
        parts += (sized_text(key), sized_text(text), ub(_VERIFIER_12C if key == "AUTH_VFR_DATA" else 0))
    return b"".join(parts)
