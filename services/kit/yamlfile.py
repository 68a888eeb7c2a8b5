"""YAML data files into checked values."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from services.kit.errors import SettingsError

Table = TypeVar("Table", bound=BaseModel)


def read_table(shape: type[Table], file: Path, error: type[SettingsError]) -> Table:
    """The file as a `shape`. Raises `error` naming the file, the place in it and what is wrong."""
    try:
        return shape.model_validate(yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys))  # noqa: S506 - a SafeLoader
    except ValidationError as problems:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in problems.errors())
        raise error(f"{file.name}: {said}") from problems
    except (OSError, yaml.YAMLError) as problem:
        raise error(f"{file.name} cannot be read as YAML: {problem}") from problem


class _UniqueKeys(yaml.SafeLoader):
    """A key written twice is an error: the second would silently take the place of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"written twice: {sorted(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)
