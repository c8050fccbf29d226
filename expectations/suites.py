"""Suites as data: which table is judged, by which rules, and what a failure means.

What belongs here: the shape of a suite file and the checks made while loading it. What does not: running a suite
(`validate`), and the rules themselves (`suites/*.yaml`). Importing or loading never imports Great Expectations,
because orchestration loads the suites whenever it loads its definitions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

SUITES = Path(__file__).parent / "suites"

ROW_COUNT = "expect_table_row_count_to_be_between"

# The expectation types that work on a pandas frame, and the arguments without which each is meaningless. Kept as
# text so that loading stays cheap; a test compares it with the installed Great Expectations. Left out on purpose:
# `expect_column_quantile_values_to_be_between`, whose result Great Expectations 1.24 can't serialise (take the
# median, or compute the quantile in the query), and the types that need a SQL engine.
KNOWN_TYPES: dict[str, frozenset[str]] = {
    name: frozenset(required.split())
    for name, required in {
        "expect_column_distinct_values_to_be_in_set": "column value_set",
        "expect_column_distinct_values_to_contain_set": "column value_set",
        "expect_column_distinct_values_to_equal_set": "column value_set",
        "expect_column_max_to_be_between": "column",
        "expect_column_mean_to_be_between": "column",
        "expect_column_median_to_be_between": "column",
        "expect_column_min_to_be_between": "column",
        "expect_column_pair_values_a_to_be_greater_than_b": "column_A column_B",
        "expect_column_pair_values_to_be_equal": "column_A column_B",
        "expect_column_proportion_of_unique_values_to_be_between": "column",
        "expect_column_sum_to_be_between": "column",
        "expect_column_to_exist": "column",
        "expect_column_unique_value_count_to_be_between": "column",
        "expect_column_value_lengths_to_be_between": "column",
        "expect_column_values_to_be_between": "column",
        "expect_column_values_to_be_in_set": "column value_set",
        "expect_column_values_to_be_null": "column",
        "expect_column_values_to_be_unique": "column",
        "expect_column_values_to_match_regex": "column regex",
        "expect_column_values_to_not_be_in_set": "column value_set",
        "expect_column_values_to_not_be_null": "column",
        "expect_column_values_to_not_match_regex": "column regex",
        "expect_compound_columns_to_be_unique": "column_list",
        "expect_multicolumn_sum_to_equal": "column_list sum_total",
        "expect_select_column_values_to_be_unique_within_record": "column_list",
        "expect_table_columns_to_match_set": "column_set",
        ROW_COUNT: "",
        "expect_table_row_count_to_equal": "value",
    }.items()
}

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Words = Annotated[str, StringConstraints(min_length=15, strip_whitespace=True)]
Owner = Annotated[str, StringConstraints(pattern=r"^(team:[a-z0-9_-]+|[^@\s]+@[^@\s]+)$")]


class SuiteError(ValueError):
    """A suite file is wrong. The message names the file and the key, and ends with what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Frozen):
    """The rows that a rule is about, by the values of one column."""

    column: str
    is_in: tuple[str | bool, ...] | None = None
    is_not_in: tuple[str | bool, ...] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> When:
        if bool(self.is_in) == bool(self.is_not_in):
            raise ValueError("give either is_in or is_not_in, with values")
        return self


class Rule(_Frozen):
    """One thing that must hold.

    Attributes:
        name: unique in its suite; the name of the check that people see.
        type: the Great Expectations type in snake case.
        kwargs: its arguments, as Great Expectations names them.
        when: the rows it is about; all of them when not given.
        severity: `error` stops publication, `warn` is shown and lets it through.
        description: what a failure means and what to do about it.
        owner: who mends it, `team:<name>` or an address; the suite's owner when not given.
        dimension: the quality dimension, for grouping.
    """

    name: Name
    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    when: When | None = None
    severity: Literal["error", "warn"]
    description: Words
    owner: Owner
    dimension: Literal["completeness", "validity", "uniqueness", "consistency", "timeliness", "accuracy"] | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether a failure stops publication."""
        return self.severity == "error"

    @model_validator(mode="after")
    def _type_is_known(self) -> Rule:
        if self.type not in KNOWN_TYPES:
            raise ValueError(f"{self.type!r} is not an expectation type that this project runs on frames")
        if "row_condition" in self.kwargs:
            raise ValueError("say which rows with `when`: Great Expectations drops conditions written as text")
        lacking = KNOWN_TYPES[self.type] - set(self.kwargs)
        if lacking:
            raise ValueError(f"{self.type} needs {', '.join(sorted(lacking))} in kwargs")
        return self


class Suite(_Frozen):
    """The rules of one frame.

    Attributes:
        name: the file's stem; unique.
        table: the judged table as `schema.name`: the asset that the checks stand on.
        database: where its frame comes from, `warehouse` (build.duckdb) or `lake` (Parquet).
        query: SQL that makes the frame; None means all rows and columns of the table. Large facts are aggregated
            here, because the frame is held in memory.
        key: columns that name a row of the frame, shown beside what failed.
        may_be_empty: True when no row at all is right, and `description` says when that is.
        description: what the suite guards.
        owner: who mends what has no owner of its own.
        rules: in the order in which they are shown; the first says how many rows there must be.
    """

    name: Name
    table: Annotated[str, StringConstraints(pattern=r"^(core|kpi|lake|staging|intermediate)\.[a-z][a-z0-9_]*$")]
    database: Literal["warehouse", "lake"]
    query: str | None = None
    key: tuple[str, ...] = ()
    may_be_empty: bool = False
    description: Words
    owner: Owner
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _rules_inherit_the_owner(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("rules"), list):
            rules = [{"owner": data.get("owner"), **r} if isinstance(r, dict) else r for r in data["rules"]]
            return {**data, "rules": rules}
        return data

    @model_validator(mode="after")
    def _is_sound(self) -> Suite:
        if (self.database == "lake") != self.table.startswith("lake."):
            raise ValueError(f"database {self.database} does not hold {self.table}")
        names = [r.name for r in self.rules]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"rule names used twice: {', '.join(twice)}")
        first = self.rules[0]
        # Rules about values hold on an empty frame, so emptiness must be judged before anything else is believed.
        demands_rows = first.type == ROW_COUNT and first.kwargs.get("min_value", 0) >= 1 and first.is_blocking
        if not self.may_be_empty and not demands_rows:
            raise ValueError(f"the first rule must be a blocking {ROW_COUNT} with min_value, or may_be_empty be true")
        if self.may_be_empty and "empty" not in self.description:
            raise ValueError("may_be_empty is true, but the description does not say when empty is right")
        return self

    @property
    def sql(self) -> str:
        """The query that makes the frame."""
        return self.query or f"select * from {self.table}"  # noqa: S608 - the name's pattern admits no SQL


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of truth: `on`, `off`, `yes` and `no` are words, and dates stay text."""


_WORDS_AND_TEXT = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in _WORDS_AND_TEXT]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value]
    twice = {k for k in keys if keys.count(k) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"key used twice: {sorted(twice)}", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def load_suite(path: Path) -> Suite:
    """One suite from its file; the file's stem becomes its name.

    Raises:
        SuiteError: the file is no valid suite. The message names the file and every key that is wrong.
    """
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
        if not isinstance(data, dict):
            raise SuiteError(f"{path.name}: not a mapping. Begin the file with `table:`.")
        return Suite.model_validate({**data, "name": path.stem})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path.name}: not readable as YAML: {error}. Mend the file.") from error
    except ValidationError as error:
        wrongs = "; ".join(f"{_where(e['loc'], data)}: {e['msg']}" for e in error.errors())
        raise SuiteError(f"{path.name}: {wrongs}. Mend the file; docs/expectations.md shows its shape.") from error


def _where(location: tuple[int | str, ...], data: dict[str, Any]) -> str:
    """`rules.3` as the rule's own name, where it has one."""
    parts = [str(p) for p in location]
    if len(location) > 1 and location[0] == "rules" and isinstance(location[1], int):
        rule = data["rules"][location[1]]
        if isinstance(rule, dict) and "name" in rule:
            parts = [f"rule {rule['name']}", *parts[2:]]
    return ".".join(parts) or "the suite"


@lru_cache
def load_suites(folder: Path = SUITES) -> tuple[Suite, ...]:
    """All suites of a folder, by name. Read once per process; takes milliseconds, imports no Great Expectations.

    Raises:
        SuiteError: a file is no valid suite, or the folder holds none.
    """
    suites = tuple(load_suite(path) for path in sorted(folder.glob("*.yaml")))
    if not suites:
        raise SuiteError(f"no suite files in {folder}. Reinstall the project, or name the right folder.")
    return suites
