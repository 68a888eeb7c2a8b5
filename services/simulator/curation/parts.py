"""Which pictures no model was trained on."""

import hashlib
from functools import cache
from pathlib import Path

from services.simulator.errors import SourceError

_DIGITS = 12


class Parts:
    """Split manifests, one text file per set: `<first 12 digits of SHA-256> … test …` names a test picture."""

    def __init__(self, data: Path, manifests: Path) -> None:
        self._data = data
        self._manifests = manifests
        self._tests = cache(self._read)

    def holds(self, picture: tuple[str, str]) -> bool:
        """Whether (source, file) is a test picture.

        Raises:
            SourceError: there is no manifest for the source.
        """
        source, file = picture
        digest = hashlib.sha256((self._data / source / file).read_bytes()).hexdigest()
        return digest[:_DIGITS] in self._tests(source)

    def _read(self, source: str) -> frozenset[str]:
        path = self._manifests / f"{source}.txt"
        try:
            lines = [line.split() for line in path.read_text("ascii").splitlines() if not line.startswith("#")]
        except OSError as error:
            raise SourceError(f"{path}: no split manifest can be read for {source}; give their folder") from error
        return frozenset(fields[0] for fields in lines if "test" in fields[1:])
