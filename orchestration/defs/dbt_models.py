"""The dbt project as assets: one per model, its data tests as checks."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from ingest import pipeline
from ingest.home import Home
from orchestration.clock import DATA_VERSION_TAG, is_vintage, run_as_of
from orchestration.dbt_inprocess import InProcessDbt, prepared, project_hash
from orchestration.installation import Installation
from orchestration.warehouse import POOL, Stamp, read_stamp, remove_stamp, write_stamp, writer_lock

# Built every night; two missed nights are a fault, one late build is not.
MODEL_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
DEFAULT_OWNER = "team:data"


class LevendeTranslator(DagsterDbtTranslator):
    """Keys `[schema, model]`, groups by layer, owners from `meta.owner` or the group, freshness on everything."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        properties = self.get_resource_props(manifest, unique_id)
        if properties["resource_type"] == "source":
            return spec
        meta = properties.get("config", {}).get("meta") or properties.get("meta") or {}
        owner = meta.get("owner", DEFAULT_OWNER)
        return spec.replace_attributes(
            group_name=properties["config"].get("schema") or properties["schema"],
            owners=list(spec.owners) or ([owner] if isinstance(owner, str) else list(owner)),
            freshness_policy=MODEL_FRESH,
        )

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The model's own words; its SQL has a page of its own."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        test = self.get_resource_props(manifest, unique_id)
        words = test.get("description") or _what_a_test_says(test)
        owners = list(asset_spec.owners)
        return spec._replace(description=words, metadata={**spec.metadata, "owner": owners[0] if owners else ""})


def _what_a_test_says(test: Mapping[str, Any]) -> str:
    """A test in words. One written by hand begins with a comment that says what it holds and what to do."""
    if header := _header_of(test.get("raw_code") or ""):
        return header
    kind = (test.get("test_metadata") or {}).get("name", test["name"]).replace("_", " ")
    arguments = (test.get("test_metadata") or {}).get("kwargs") or {}
    about = test.get("column_name") or ", ".join(
        arguments.get("combination_of_columns") or arguments.get("columns") or ()
    )
    values = ", ".join(str(value) or "(empty)" for value in arguments.get("values") or ())
    said = {
        "not null": f"{about} is never null.",
        "unique": f"No two rows have the same {about}.",
        "unique combination": f"No two rows have the same {about}.",
        "accepted values": f"{about} is one of: {values}.",
        "relationships": f"Each {about} stands in {_table_of(arguments.get('to'))}.",
    }.get(kind, f"{kind}{f' of {about}' if about else ''}.")
    return f"{said} A failure names the rows; mend the model or its source."


def _header_of(sql: str) -> str:
    lines = itertools.takewhile(lambda line: line.startswith("--"), sql.strip().splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines)


def _table_of(reference: Any) -> str:
    """The model of a `ref('…')` as people name it."""
    return str(reference or "").removeprefix("ref('").removesuffix("')") or "the table that it points to"


project = prepared(Home.from_environment())
loaded_from = project_hash()


@dbt_assets(
    manifest=project.manifest_path,
    project=project,
    name="levende_dbt",
    pool=POOL,
    dagster_dbt_translator=LevendeTranslator(
        DagsterDbtTranslatorSettings(
            enable_code_references=True,
            # All tables of the library's description are one asset.
            enable_duplicate_source_asset_keys=True,
        )
    ),
)
def models(context: dg.AssetExecutionContext, dbt: InProcessDbt, installation: Installation) -> Iterator[Any]:
    home, configuration = installation.home, installation.configuration()
    as_of = run_as_of(context.instance, context.run.run_id)
    vintage = is_vintage(context.instance, context.run.run_id)
    whole = context.selected_asset_keys == models.keys
    if vintage and not whole:
        raise dg.Failure(
            "an as-of was chosen, and only a part of the models: the others would tell another day. "
            "Run everything_job.",
            allow_retries=False,
        )
    with writer_lock(home, tell=context.log.info):
        code = project_hash()
        if code != loaded_from:
            raise dg.Failure(
                "the dbt project changed after these definitions were loaded. Restart `levende ui`, or reload the code "
                "location, and run again.",
                allow_retries=False,
            )
        version = pipeline.data_version(home, configuration, as_of, code)
        context.instance.add_run_tags(context.run.run_id, {DATA_VERSION_TAG: version})
        inputs = f"{configuration.config_hash}.{code}"
        before = read_stamp(home)
        remove_stamp(home)
        yield from dbt.build(context, home, prepared(home), {"as_of": as_of, "data_version": version})
        # Only a whole build of today is one that a family's part may later be built into: parts of other inputs, or
        # of another day, must not stand side by side.
        fits = whole or (before is not None and before.inputs == inputs)
        built_from = inputs if fits and not vintage else ""
        root = context.run.root_run_id or context.run.run_id
        write_stamp(home, Stamp(root, as_of, version, built_from, is_vintage=vintage))
