"""The secrets of a node on its disk: each in a box that is sealed for this node.

The folder holds ``keys``, the node's sealing keys (mode 0600, the newest first), and a file for
each secret. A key is replaced when it is old: every box is sealed anew, and then the old key is
forgotten. All of it is called from a thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import IdentityError, RemoteProtocolError, UnavailableError, reason_of
from cantor.identity.files import make_private_folder, read_private, sync_folder, write_durably
from cantor.node.secrets.records import KIND as RECORD
from cantor.node.secrets.records import Record, SecretKey, checked_key, record_from
from cantor.node.secrets.values import seal_about, unwrapped, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.services import Words

KEYS = "keys"
KEYS_MAX = 8
RENEW_S = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret that is kept here: which version, and the word that says so."""

    record: Record
    packed: bytes


class SealedStore:
    """One lock: what is sealed while a key is replaced must not be missed, nor be overwritten."""

    def __init__(
        self,
        folder: Path,
        node: NodeId,
        tenant: str,
        words: Words,
        wall: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._node = node
        self._tenant = tenant
        self._words = words
        self._wall = wall
        self._lock = threading.RLock()
        self._keys: list[tuple[float, bytes]] | None = None

    def load(self) -> tuple[dict[SecretKey, Kept], list[str]]:
        """What is kept; and what lies there and cannot be used."""
        found: dict[SecretKey, Kept] = {}
        lost: list[str] = []
        for path in sorted(self._folder.glob("*=*")):
            try:
                key = checked_key(self._tenant, *path.name.split("=", 1))
                packed, _ = self._read(path)
                found[key] = Kept(record_from(self._words.read(packed, RECORD), key), packed)
            except (IdentityError, RemoteProtocolError, UnavailableError, ValueError) as error:
                lost.append(f"{path.name}: {error}")
        return found, lost

    def put(self, kept: Kept, value: bytes) -> None:
        """Keep a value that was set here.

        Raises:
            UnavailableError: the disk does not take it.
        """
        self._write(kept, wrapped(self._words, kept.record, value))

    def take(self, kept: Kept, box: bytes) -> None:
        """Keep what another node has sealed for this one.

        Raises:
            IdentityError, RemoteProtocolError: it is not what it should be.
            UnavailableError: the disk does not take it.
        """
        content = self._opened(kept.record, box)
        unwrapped(self._words, kept.record, content)
        self._write(kept, content)

    def value(self, kept: Kept) -> bytes:
        """The value.

        Raises:
            IdentityError, RemoteProtocolError, UnavailableError: it is damaged, or cannot be read.
        """
        return unwrapped(self._words, kept.record, self._content(kept))

    def sealed_for(self, kept: Kept, public: bytes, node: NodeId) -> bytes:
        """The value in a box for another node. Raises as :meth:`value`."""
        from cantor.identity.sealed_box import seal

        content = self._content(kept)
        unwrapped(self._words, kept.record, content)  # what is damaged is given to nobody
        return seal(public, content, seal_about(kept.record, node))

    def public_key(self) -> bytes:
        """What others seal with for this node.

        Raises:
            UnavailableError: the disk does not take the key.
        """
        from cantor.identity.sealed_box import public_of

        with self._lock:
            return public_of(self._known_keys()[0][1])

    def erase(self, key: SecretKey) -> None:
        """Keep it no more.

        Raises:
            UnavailableError: the disk refuses.
        """
        try:
            (self._folder / key.file).unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _disk(error, self._folder) from error

    def renew(self, kept: dict[SecretKey, Kept]) -> bool:
        """Replace a key that is old, and seal everything anew; whether there was one.

        Raises:
            IdentityError, RemoteProtocolError, UnavailableError: something cannot be sealed anew:
                the old key stays.
        """
        from cantor.identity.sealed_box import new_key

        with self._lock:
            if not (self._folder / KEYS).exists():
                return False
            keys, now = self._known_keys(), self._wall()
            is_fresh = 0 <= now - keys[0][0] < RENEW_S
            if is_fresh and len(keys) == 1:
                return False
            if not is_fresh:
                self._write_keys([(now, new_key()), *keys])
            for one in kept.values():
                self._write(one, self._content(one))
            self._write_keys(self._known_keys()[:1])
        return True

    def _content(self, kept: Kept) -> bytes:
        packed, box = self._read(self._folder / kept.record.key.file)
        if packed != kept.packed:
            raise UnavailableError("another version is kept meanwhile", where=kept.record.key.name)
        return self._opened(kept.record, box)

    def _opened(self, record: Record, box: bytes) -> bytes:
        from cantor.identity.sealed_box import open_box

        with self._lock:
            keys = self._known_keys()
        about = seal_about(record, self._node)
        for _, key in keys[:-1]:
            try:
                return open_box(key, box, about)
            except IdentityError:
                continue  # it is of an older key
        return open_box(keys[-1][1], box, about)

    def _write(self, kept: Kept, content: bytes) -> None:
        from cantor.identity.sealed_box import public_of, seal

        with self._lock:
            public = public_of(self._known_keys()[0][1])
            box = seal(public, content, seal_about(kept.record, self._node))
            data: bytes = msgpack.packb([kept.packed, box])
            try:
                write_durably(self._folder / kept.record.key.file, data)
            except OSError as error:
                raise _disk(error, self._folder) from error

    @staticmethod
    def _read(path: Path) -> tuple[bytes, bytes]:
        try:
            packed, box = msgpack.unpackb(path.read_bytes())
        except OSError as error:
            raise _disk(error, path) from error
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise UnavailableError("a secret that is damaged", where=path.name) from error
        if not isinstance(packed, bytes) or not isinstance(box, bytes):
            raise UnavailableError("a secret that is damaged", where=path.name)
        return packed, box

    def _known_keys(self) -> list[tuple[float, bytes]]:
        """The newest first; the first is made when it is needed."""
        from cantor.identity.sealed_box import new_key

        if self._keys is None:
            path = self._folder / KEYS
            if path.exists():
                try:
                    told = msgpack.unpackb(read_private(path))
                    self._keys = [(float(at), bytes(key)) for at, key in told]
                except (ValueError, TypeError, msgpack.UnpackException) as error:
                    raise IdentityError(
                        "holds no sealing keys",
                        where=str(path),
                        remedy="remove it and what lies beside it, and set the secrets anew",
                    ) from error
            if not self._keys:
                self._write_keys([(self._wall(), new_key())])
        keys = self._keys
        assert keys is not None  # noqa: S101 (it was read or written)
        return keys

    def _write_keys(self, keys: list[tuple[float, bytes]]) -> None:
        try:
            make_private_folder(self._folder)
            write_durably(self._folder / KEYS, msgpack.packb(keys[:KEYS_MAX]))
        except OSError as error:
            raise _disk(error, self._folder) from error
        self._keys = keys[:KEYS_MAX]


def _disk(error: OSError, place: Path) -> UnavailableError:
    return UnavailableError(
        f"secrets cannot be kept: {reason_of(error)}",
        where=str(place),
        remedy="make room on the disk, and look who owns the folder",
    )
