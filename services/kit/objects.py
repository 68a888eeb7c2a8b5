"""Pixels and evidence by URI (claim check): a folder in the embedded default, S3 in production, through obstore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from services.kit.errors import FrottisError, TransientError

SCHEME = "object"


class ObjectMissing(FrottisError):
    """No object has this URI: it expired, or was never written."""


class Objects:
    """Objects addressed as `object:///<key>`.

    A media fragment (`#xywh=pixel:x,y,w,h`) addresses a part of an image; it is not looked at here.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def in_folder(cls, folder: Path) -> "Objects":
        """Objects as files under `folder`, which is made when absent."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(folder))

    @classmethod
    def in_memory(cls) -> "Objects":
        """Objects that live as long as the process, for tests."""
        return cls(MemoryStore())

    def put(self, key: str, content: bytes) -> str:
        """Store `content`, replacing an object of the same key, and return its URI.

        Raises TransientError (disk full, store away).
        """
        with self._errors(key):
            obstore.put(self._store, key, content)
        return f"{SCHEME}:///{key}"

    def get(self, uri: str) -> bytes:
        """The object's content. Raises ObjectMissing, TransientError."""
        key = self._key(uri)
        with self._errors(key):
            return bytes(obstore.get(self._store, key).bytes())

    def delete(self, uris: list[str]) -> None:
        """Remove objects; one that is already gone is no error. Raises TransientError."""
        for uri in uris:
            try:
                with self._errors(uri):
                    obstore.delete(self._store, self._key(uri))
            except ObjectMissing:
                continue

    def list(self, prefix: str) -> list[str]:
        """URIs of all objects whose key starts with the folder `prefix`, sorted. Raises TransientError."""
        with self._errors(prefix):
            return sorted(
                f"{SCHEME}:///{meta['path']}" for batch in obstore.list(self._store, prefix) for meta in batch
            )

    @staticmethod
    def _key(uri: str) -> str:
        parts = urlsplit(uri)
        if parts.scheme != SCHEME or not parts.path.strip("/"):
            raise ObjectMissing(f"{uri!r} is not an object URI: it must look like {SCHEME}:///key")
        return parts.path.lstrip("/")

    @staticmethod
    @contextmanager
    def _errors(key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissing(f"object {key!r} is not in the store: it expired or was removed") from error
        except (BaseError, OSError) as error:
            raise TransientError(
                f"the object store cannot serve {key!r} now ({type(error).__name__}): check its disk or connection"
            ) from error
