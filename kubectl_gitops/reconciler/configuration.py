"""The reconciler's configuration file: one YAML mapping, checked whole before anything begins.

What a flag or an environment variable says counts more than the file.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from kubectl_gitops.errors import InvalidInput


@functools.cache
def config_schema() -> dict[str, Any]:
    """The schema of the file. Not to be changed in place."""
    text = resources.files("kubectl_gitops.reconciler").joinpath("config.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def read_config(path: Path) -> dict[str, Any]:
    """The file as defaults of the command line's parameters. Raises InvalidInput that names every fault."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as exc:
        raise InvalidInput(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path} is no text in UTF-8") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise InvalidInput(f"{path}:{line}: this is no YAML: {exc.problem}") from exc
    except yaml.YAMLError as exc:
        raise InvalidInput(f"{path}: this is no YAML") from exc
    document = {} if document is None else document
    errors = jsonschema.Draft202012Validator(config_schema()).iter_errors(document)
    faults = sorted(f"{'.'.join(map(str, error.absolute_path)) or 'the file'}: {_words(error)}" for error in errors)
    if faults:
        raise InvalidInput(f"{path}: " + "; ".join(faults), hint="docs/operations.md lists what there is")
    if "limits" in document:
        document["limits"] = [f"{name}={number:g}" for name, number in document["limits"].items()]
    return {parameter_of(name): value for name, value in document.items()}


def parameter_of(name: str) -> str:
    """``cacheDirectory`` -> ``cache_directory``, as the command line's parameter is called."""
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _words(error: jsonschema.ValidationError) -> str:
    if error.validator == "additionalProperties":
        known = config_schema()["properties"]
        unknown = ", ".join(sorted(str(name) for name in error.instance if name not in known))  # type: ignore[union-attr]
        return f"unknown field {unknown} (there is {', '.join(known)})"
    return str(error.message)
