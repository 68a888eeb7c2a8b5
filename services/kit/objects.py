"""Pixels and evidence by URI (claim check): a folder in the embedded default, S3 in production, through obstore."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from services.kit.bucket import open_bucket
from services.kit.errors import FrottisError, TransientError
from services.kit.object_settings import ObjectSettings

SCHEME = "object"
# What S3 answers, beside 404, for a bucket that is not there.
_NO_BUCKET = "<Code>NoSuchBucket<"
# A folder that no object stays in, and what a store that took no more is tried with, of the size of a tile.
_NOTHING = "none"
_PROBE = 512 << 10
# How a disk or server says that it has no room: errno ENOSPC and EDQUOT, HTTP, MinIO, Ceph.
_NO_ROOM = ("(os error 28)", "(os error 122)", "507 Insufficient Storage", "StorageFull", "QuotaExceeded")
# The tag of objects that the bucket's lifecycle rule (deploy/s3/lifecycle.json) removes in the end.
PASSING = {"frottis": "passing"}
# Names listed or objects removed in one request of S3 at most.
PAGE = 1000


class ObjectMissing(FrottisError):
    """No object has this URI: it expired, or was never written."""


class Objects:
    """Objects addressed as `object:///<key>`.

    A media fragment (`#xywh=pixel:x,y,w,h`) addresses a part of an image; it is not looked at here.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._problem: str | None = None
        # A store that is full can still be read: it has room again only when something was written.
        self._unwritten: str | None = None

    @classmethod
    def of(cls, settings: ObjectSettings, state: Path) -> "Objects":
        """In the bucket that the settings name, else in the state folder."""
        return cls.in_bucket(settings) if settings.bucket else cls.in_folder(state / "objects")

    @classmethod
    def in_folder(cls, folder: Path) -> "Objects":
        """Objects as files under `folder`, which is made when absent."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(folder))

    @classmethod
    def in_bucket(cls, settings: ObjectSettings) -> "Objects":
        """Objects on an S3 server. One that is away is no error here: later calls raise TransientError."""
        return cls(open_bucket(settings))

    @classmethod
    def in_memory(cls) -> "Objects":
        """Objects that live as long as the process, for tests."""
        return cls(MemoryStore())

    def put(self, key: str, content: bytes, *, passing: bool = False) -> str:
        """Store `content`, replacing an object of the same key, and return its URI.

        What is `passing` may be removed by the store itself, after the time that its administrator sets. Raises
        TransientError (disk full, store away).
        """
        tags = PASSING if passing else None
        try:
            with self._errors(key):
                # In one request, so that the time it may take is that of one.
                obstore.put(self._store, key, content, use_multipart=False, tags=tags)
        except TransientError:
            self._unwritten = self._problem
            raise
        self._unwritten = None
        return f"{SCHEME}:///{key}"

    def get(self, uri: str) -> bytes:
        """The object's content. Raises ObjectMissing, TransientError."""
        key = self._key(uri)
        with self._errors(key):
            return bytes(obstore.get(self._store, key).bytes())

    def delete(self, uris: Sequence[str]) -> None:
        """Remove objects; one that is already gone is no error. Raises TransientError."""
        for start in range(0, len(uris), PAGE):
            page = uris[start : start + PAGE]
            try:
                self._delete(page)
            except ObjectMissing:
                for uri in page:
                    with suppress(ObjectMissing):
                        self._delete([uri])

    def list(self, prefix: str) -> list[str]:
        """URIs of all objects whose key starts with the folder `prefix`, sorted. Raises TransientError."""
        return sorted(uri for page in self.pages(prefix) for uri in page)

    def pages(self, prefix: str) -> Iterator[Sequence[str]]:
        """The same a page at a time, unsorted. What was given may be deleted before the next. Raises TransientError."""
        with self._errors(prefix):
            found = iter(obstore.list(self._store, prefix, chunk_size=PAGE))
        while True:
            with self._errors(prefix):
                page = next(found, None)
            if page is None:
                return
            yield [f"{SCHEME}:///{meta['path']}" for meta in page]

    def problem(self) -> str | None:
        """Why the store could not be used at the last try, or takes nothing more; None when it could."""
        return self._unwritten or self._problem

    def look(self) -> None:
        """Try the store, for `problem` to tell. Raises TransientError when it cannot be used now."""
        for _ in self.pages(_NOTHING):
            pass
        if self._unwritten is not None:
            self.delete([self.put(f"{_NOTHING}/probe", os.urandom(_PROBE), passing=True)])

    def _delete(self, uris: Sequence[str]) -> None:
        with self._errors(uris[0]):
            obstore.delete(self._store, [self._key(uri) for uri in uris])

    @staticmethod
    def _key(uri: str) -> str:
        parts = urlsplit(uri)
        if parts.scheme != SCHEME or not parts.path.strip("/"):
            raise ObjectMissing(f"{uri!r} is not an object URI: it must look like {SCHEME}:///key")
        return parts.path.lstrip("/")

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if _NO_BUCKET in str(error):
                raise self._away(key, "there is no such bucket") from None
            self._problem = None
            raise ObjectMissing(f"object {key!r} is not in the store: it expired or was removed") from error
        except (BaseError, OSError) as error:
            no_room = any(sign in str(error) for sign in _NO_ROOM)
            raise self._away(key, "it has no room left" if no_room else type(error).__name__) from error
        self._problem = None

    def _away(self, key: str, reason: str) -> TransientError:
        self._problem = f"the object store cannot be used now ({reason}): check its disk, connection, bucket and keys"
        return TransientError(f"{self._problem}; asked for {key!r}")
