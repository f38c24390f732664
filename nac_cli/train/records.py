"""Training configurations as JSON, as checkpoints, logs and users have them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from nac_cli.errors import ModelError, UsageError
from nac_cli.train.codec.config import TrainConfig
from nac_cli.train.codec.families import FAMILIES, family_name

FAMILY = "family"
"""The key beside the values of a network's config that says of which family it is; "spectral" where it is missing."""
NETWORKS = tuple(family.config for family in FAMILIES.values())


def to_json(config: Any) -> str:
    """A config record, of a codec or a language model, as JSON."""
    return json.dumps(as_values(config), sort_keys=True)


def as_values(config: Any) -> dict:
    """A config record as JSON has it, in plain dictionaries and lists."""
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    plain = {key: as_values(value) if dataclasses.is_dataclass(value) else value for key, value in values.items()}
    return plain | ({FAMILY: family_name(config)} if isinstance(config, NETWORKS) else {})


def from_json(text: str, record: type = TrainConfig) -> Any:
    """The `record` that `to_json` wrote. Raises UsageError on unknown keys or wrong types."""
    return _build(record, json.loads(text))


def merged(config: Any, changes: str) -> Any:
    """`config` with the values of a JSON object, records within records alike; another family's network replaces the
    old one. Raises UsageError as `from_json` does, and for text that is no JSON object."""
    try:
        values = json.loads(changes)
    except ValueError as error:
        raise UsageError(f"the changes to {config.name!r} are not JSON ({error})") from error
    if not isinstance(values, dict):
        raise UsageError(f"the changes to {config.name!r} are not a JSON object")
    return _build(type(config), _merge(as_values(config), values, config))


def override(config: Any, **changes: Any) -> Any:
    """`config` with the changes that are not None."""
    return dataclasses.replace(config, **{key: value for key, value in changes.items() if value is not None})


def _merge(old: dict, new: dict, record: Any) -> dict:
    """`new` over `old`; only records merge key by key, tables of weights are replaced."""
    if new.get(FAMILY, old.get(FAMILY)) != old.get(FAMILY):
        return new
    result = dict(old)
    for key, value in new.items():
        inner = getattr(record, key, None)
        nested = dataclasses.is_dataclass(inner) and isinstance(value, dict)
        result[key] = _merge(old[key], value, inner) if nested else value
    return result


def _build(record: type, values: Any) -> Any:
    if not isinstance(values, dict):
        raise UsageError(f"{record.__name__}: expected an object, got {values!r}")
    if record in NETWORKS:
        record, values = _network(values)
    fields = {f.name: f for f in dataclasses.fields(record)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UsageError(f"{record.__name__}: unknown keys {', '.join(unknown)}")
    defaults = record()
    built = {}
    for key, value in values.items():
        default = getattr(defaults, key)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if dataclasses.is_dataclass(default):
            value = _build(type(default), value)
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif type(value) is not type(default):
            raise UsageError(f"{record.__name__}.{key}: expected {type(default).__name__}, got {value!r}")
        built[key] = value
    try:
        return record(**built)
    except ModelError as error:
        raise UsageError(str(error)) from error


def _network(values: dict) -> tuple[type, dict]:
    """The record that the values of a network's config are for, and the values without the family's name."""
    name = values.get(FAMILY, "spectral")
    if not isinstance(name, str) or name not in FAMILIES:
        raise UsageError(f"there is no family {name!r}; there are {', '.join(FAMILIES)}")
    return FAMILIES[name].config, {key: value for key, value in values.items() if key != FAMILY}
