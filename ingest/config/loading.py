"""From the files of a folder to one checked description, or to a message that names file and key.

What belongs here: YAML as people mean it, and errors in words. What does not: what the files may say.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ingest.config.configuration import Configuration
from ingest.config.events import EventDecision
from ingest.config.figures import Figure
from ingest.config.library import Library
from ingest.config.partners import Partners
from ingest.config.shared import Model
from ingest.config.sources import Source
from ingest.errors import ConfigurationError

DECISIONS_FILE = "event_decisions.yaml"
# What pydantic says in its own terms.
_IN_WORDS = {"extra_forbidden": "there is no such key", "missing": "is missing"}
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def expand(text: str) -> str:
    """Fill `${NAME}` in an address from the environment.

    Kept out of the model so that a configuration loads, and hashes equal, on every machine.

    Raises:
        ConfigurationError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not os.environ.get(name):  # set to nothing is how a missing secret looks in most schedulers
            raise ConfigurationError(
                f"the environment variable {name} is not set.", next_action=f"Set {name} and start again."
            )
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def config_folder() -> Path:
    """`LEVENDE_CONFIG`, or `./config`."""
    return Path(os.environ.get("LEVENDE_CONFIG", "config")).absolute()


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: three habits of YAML 1.1 would change a description without a word.

    `10:00` is a text and not 600, `NO` and `on` are texts and not false and true, and a key that stands twice
    is an error instead of the last one winning.
    """

    def integer(self, node: yaml.ScalarNode) -> Any:
        return node.value if ":" in node.value else self.construct_yaml_int(node)

    def real(self, node: yaml.ScalarNode) -> Any:
        return node.value if ":" in node.value else self.construct_yaml_float(node)

    def boolean(self, node: yaml.ScalarNode) -> Any:
        return {"true": True, "false": False}.get(node.value.lower(), node.value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.real)
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.boolean)


def read_yaml(path: Path, *, required: bool = True) -> Any:
    if not path.exists():
        if required:
            raise ConfigurationError(
                f"{path} does not exist.", next_action="Point LEVENDE_CONFIG or --config at a configuration folder."
            )
        return None
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        told = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigurationError(f"{path} can't be read: {place}{told}.", next_action="Mend the file.") from error
    except (yaml.YAMLError, ValueError, OSError) as error:  # ValueError: no UTF-8, or a date such as 2023-02-30
        raise ConfigurationError(f"{path} can't be read: {error}.", next_action="Mend the file.") from error


def read_decisions(folder: Path) -> tuple[EventDecision, ...]:
    """The decisions about events that stand in a file of their own; none where there is no such file.

    Raises:
        ConfigurationError: the file is malformed; the message names file and key.
    """
    path = folder / DECISIONS_FILE
    raw = read_yaml(path, required=False)
    if raw is None:
        return ()
    if not isinstance(raw, dict) or set(raw) != {"event_decisions"} or not isinstance(raw["event_decisions"], list):
        raise ConfigurationError(f"{path} must hold one list named 'event_decisions'.", next_action="Mend the file.")
    return tuple(
        _checked(EventDecision, decision, path, f"event_decisions.{i}")
        for i, decision in enumerate(raw["event_decisions"])
    )


def load(folder: Path | None = None, *, event_decisions: tuple[EventDecision, ...] | None = None) -> Configuration:
    """Read and check a configuration folder.

    Args:
        event_decisions: in place of those in the folder's own file of decisions, to see whether they fit.

    Raises:
        ConfigurationError: a file is missing, malformed, or contradicts another; the message names file and key.
    """
    folder = (folder or config_folder()).absolute()
    parts: dict[str, Any] = {"folder": folder}
    for key, name, model, required in (
        ("library", "library.yaml", Library, True),
        ("partners", "partners.yaml", Partners, False),
    ):
        raw = read_yaml(folder / name, required=required)
        parts[key] = _checked(model, raw or {}, folder / name)
    decided = read_decisions(folder) if event_decisions is None else event_decisions
    if decided:
        library = parts["library"]
        both = {**dict(library), "event_decisions": (*library.event_decisions, *decided)}
        parts["library"] = _checked(Library, both, folder / DECISIONS_FILE)
    sources = read_yaml(folder / "sources.yaml") or {}
    figures = read_yaml(folder / "figures.yaml") or {}
    for name, raw in (("sources", sources), ("figures", figures)):
        if not isinstance(raw, dict) or set(raw) != {name} or not isinstance(raw[name], list):
            raise ConfigurationError(
                f"{folder / (name + '.yaml')} must hold one list named {name!r}.", next_action="Mend the file."
            )
    parts["sources"] = tuple(
        _checked(Source, s, folder / "sources.yaml", f"sources.{i}") for i, s in enumerate(sources["sources"])
    )
    parts["figures"] = tuple(
        _checked(Figure, f, folder / "figures.yaml", f"figures.{i}") for i, f in enumerate(figures["figures"])
    )
    try:
        return Configuration(**parts)
    except ValidationError as error:
        raise ConfigurationError(_say(error, folder), next_action="Mend the description.") from error


def _checked(model: type[Model], raw: Any, path: Path, key: str = "") -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(_say(error, path, key), next_action="Mend the file.") from error


def _say(error: ValidationError, path: Path, key: str = "") -> str:
    lines = [f"{path}:"]
    for detail in error.errors():
        where = ".".join(str(part) for part in (key, *detail["loc"]) if part != "")
        told = _IN_WORDS.get(detail["type"], detail["msg"]).rstrip(".")
        lines.append(f"  {where or '(whole file)'}: {told}.")
    return "\n".join(lines)
