"""Every rule is shown to fire: the good library passes them all, and one damage each makes one fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from judged_library import WIDE, build_lake

from expectations.frames import frame_for
from expectations.suites import Suite, load_suites
from expectations.validate import judge, validate

SUITES = {s.name: s for s in load_suites()}
FIRST = "rowid = (select min(rowid) from kpi.figures where {})"


def _figures(change: str, where: str = "value is not null") -> str:
    """Change one row of kpi.figures."""
    return f"update kpi.figures set {change} where {FIRST.format(where)}"


def _part(change: str, figure: str, kind: str, start: str, branch: str | None) -> str:
    """Change the row of one figure, branch and period."""
    who = "branch_id is null" if branch is None else f"branch_id = '{branch}'"
    return (
        f"update kpi.figures set {change} where figure_id = '{figure}' and period_kind = '{kind}'"
        f" and period_start = date '{start}' and {who}"
    )


# Suite -> rule -> the SQL that breaks it. A rule without a line here fails test_every_rule_has_a_damage.
DAMAGES: dict[str, dict[str, str]] = {
    "lake_door_observations": {
        "kinds_are_known": "update lake.door_observations set kind = 'guess'",
        "value_states_are_known": "update lake.door_observations set value_state = 'maybe'",
        "counts_are_not_negative": "update lake.door_observations set out_count = -1 where in_count = 3",
        "unobserved_has_no_count": "update lake.door_observations set in_count = 0 where value_state = 'not_observed'",
        "observed_has_a_count": "update lake.door_observations set in_count = null, out_count = null",
        "intervals_do_not_end_before_they_start": (
            "update lake.door_observations set kind = 'event', interval_end_at = timestamp '2023-01-30 08:00'"
        ),
        "counted_intervals_have_length": "update lake.door_observations set interval_end_at = interval_start_at",
        "intervals_are_a_day_at_most": (
            "update lake.door_observations set interval_end_at = timestamp '2023-01-31 10:01' where kind = 'interval'"
        ),
        "sample_weeks_are_a_week_at_most": (
            "update lake.door_observations set interval_end_at = timestamp '2023-02-07' where kind = 'sample_week'"
        ),
        "devices_have_names": "update lake.door_observations set line_key = ''",
        "counts_are_not_from_the_future": "update lake.door_observations set received_at = timestamp '2023-01-01'",
    },
    "lake_event_observations": {
        "statuses_are_known": "update lake.event_observations set status = 'CONFIRMED'",
        "occurrences_are_told_once_per_fetch": "insert into lake.event_observations from lake.event_observations",
        "series_have_names": "update lake.event_observations set series_id = ''",
        "events_do_not_end_before_they_start": (
            "update lake.event_observations set end_at = start_at - interval 1 minute"
        ),
        "dates_do_not_run_backwards": "update lake.event_observations set end_on = date '2023-01-09'",
        "events_are_a_year_at_most": "update lake.event_observations set end_at = timestamp '2024-02-10'",
        "titles_are_there": "update lake.event_observations set title = null",
        "dates_are_plausible": "update lake.event_observations set start_at = timestamp '1923-01-10'",
    },
    "lake_social_account_observations": {
        "accounts_are_named": "update lake.social_account_observations set account_id = ' '",
        "snapshots_are_told_once": (
            "insert into lake.social_account_observations from lake.social_account_observations"
        ),
        "followers_are_not_negative": "update lake.social_account_observations set followers_count = -1",
        "follows_are_not_negative": "update lake.social_account_observations set follows_count = -1",
        "media_are_not_negative": "update lake.social_account_observations set media_count = -1",
        "snapshots_are_not_from_the_future": (
            "update lake.social_account_observations set observed_at = timestamp '2023-02-01 05:00'"
        ),
        "followers_are_told": "update lake.social_account_observations set followers_count = null",
        "accounts_have_followers": "update lake.social_account_observations set followers_count = 0",
    },
    "lake_social_post_observations": {
        "accounts_are_named": "update lake.social_post_observations set account_id = ''",
        "posts_have_names": "update lake.social_post_observations set post_id = ''",
        "posts_are_told_once_per_fetch": "insert into lake.social_post_observations from lake.social_post_observations",
        "counts_are_not_negative": "update lake.social_post_observations set like_count = -1",
        "posts_are_not_from_the_future": (
            "update lake.social_post_observations set posted_at = timestamp '2023-02-01 05:00'"
        ),
        "hashtags_are_only_tags": "update lake.social_post_observations set hashtags = 'bok @kari'",
        "media_types_are_known": "update lake.social_post_observations set media_type = 'HOLOGRAM'",
        "product_types_are_known": "update lake.social_post_observations set product_type = 'WALL'",
    },
    "lake_social_metric_observations": {
        "value_statuses_are_known": "update lake.social_metric_observations set value_status = 'hidden'",
        "unmeasured_has_no_value": (
            "update lake.social_metric_observations set value = 0 where value_status = 'suppressed'"
        ),
        "measured_has_a_value": "update lake.social_metric_observations set value = null",
        "values_are_finite": "update lake.social_metric_observations set value = 'inf' where value is not null",
        "subjects_are_known": "update lake.social_metric_observations set subject_kind = 'follower'",
        "periods_are_known": "update lake.social_metric_observations set period = 'fortnight'",
        "windows_have_length": "update lake.social_metric_observations set window_end_at = window_start_at",
        "windows_are_whole": "update lake.social_metric_observations set window_end_at = null",
        "values_are_not_negative": "update lake.social_metric_observations set value = -1 where value is not null",
    },
    "lake_fetches": {
        "something_arrived": "delete from lake.fetches",
        "receipts_are_numbered_once": "update lake.fetches set receipt_id = 1",
        "ways_are_known": "update lake.fetches set how = 'pigeon'",
        "statuses_are_known": "update lake.fetches set status = 'fine'",
        "ok_brought_bytes": "update lake.fetches set blob_sha256 = null",
        "failures_are_explained": "update lake.fetches set error = ''",
        "windows_have_length": "update lake.fetches set window_end_at = window_start_at",
        "latest_arrival_is_usable": "update lake.fetches set receipt_id = 9 where status = 'failed'",
    },
    "core_fct_reject": {
        "reasons_are_given": "update core.fct_reject set reason = null",
        "next_actions_are_given": "update core.fct_reject set next_action = ' '",
        "scopes_are_known": "update core.fct_reject set scope = 'page'",
        "openness_is_known": "update core.fct_reject set is_open = null",
    },
    "core_dim_area": {
        "there_are_areas": "delete from core.dim_area",
        "areas_are_unique": "insert into core.dim_area from core.dim_area",
        "areas_have_ids": "update core.dim_area set area_id = null",
        "areas_have_names": "update core.dim_area set area_name = null",
        "validity_has_length": "update core.dim_area set valid_to = valid_from",
    },
    "core_dim_branch": {
        "there_are_branches": "delete from core.dim_branch",
        "branches_are_unique": "insert into core.dim_branch from core.dim_branch",
        "branches_have_ids": "update core.dim_branch set branch_id = null",
        "branches_have_names": "update core.dim_branch set branch_name = null",
        "validity_has_length": "update core.dim_branch set valid_to = valid_from",
    },
    "core_bridge_branch_area": {
        "there_are_memberships": "delete from core.bridge_branch_area; delete from core.dim_branch",
        "a_branch_is_in_one_area_at_a_time": (
            "update core.bridge_branch_area set valid_from = date '2021-01-01' where branch_id = 'b1'"
        ),
        "the_area_exists_then": "update core.dim_area set valid_to = date '2024-01-01'",
        "memberships_lie_inside_the_branch": "update core.dim_branch set valid_to = date '2024-01-01'",
    },
    "core_fct_post": {
        "posts_stand_once": "insert into core.fct_post from core.fct_post",
        "codes_stand_once": "update core.fct_post set shortcode = 'CODE1'",
        "posts_belong_to_an_area": "update core.fct_post set area_id = null where post_id = 'p1'",
        "posts_from_2026_have_five_hashtags_at_most": (
            "update core.fct_post set hashtags = 'a b c d e f' where post_id = 'p1'"
        ),
    },
    "core_fct_post_metric": {
        "metrics_stand_once": "insert into core.fct_post_metric from core.fct_post_metric",
        "value_statuses_are_known": "update core.fct_post_metric set value_status = 'hidden'",
        "unmeasured_has_no_value": "update core.fct_post_metric set value = 0 where value_status = 'missing'",
        "measured_has_a_value": "update core.fct_post_metric set value = null",
        "zero_is_told_apart": "update core.fct_post_metric set value = 0 where value_status = 'measured'",
        "metrics_are_described": "delete from core.dim_metric where metric = 'saved'",
    },
    "core_fct_account_metric": {
        "windows_stand_once": "insert into core.fct_account_metric from core.fct_account_metric",
        "people_are_counted_in_a_window": "update core.fct_account_metric set window_days = null",
        "days_are_days": "update core.fct_account_metric set window_days = 3 where period = 'day'",
        "windows_are_no_longer_than_the_platform_tells": (
            "update core.fct_account_metric set window_days = 31 where period = 'window'"
        ),
    },
    "core_bridge_post_branch": {
        "every_post_has_a_row": "delete from core.bridge_post_branch where post_id = 'p2'",
        "shares_of_a_post_are_one": "update core.bridge_post_branch set weight = 1",
        "only_branches_have_a_branch": "update core.bridge_post_branch set branch_id = 'b1' where post_id = 'p2'",
        "most_posts_are_assigned": (
            "update core.bridge_post_branch set attribution = 'unassigned', branch_id = null, weight = 0.5"
            " where post_id = 'p1';"
            "insert into core.fct_post select 'p0', account_id, area_id, null, date '2025-02-01', product_type, ''"
            " from core.fct_post limit 1;"
            "insert into core.bridge_post_branch values ('p0', '17', date '2025-02-01', 'shared', null, 1)"
        ),
    },
    "core_fct_door_hour": {
        "an_hour_is_observed_once": "update core.fct_door_hour set observed_minutes = 75 where local_hour = 10",
        "observed_minutes_are_not_negative": "update core.fct_door_hour set observed_minutes = -1",
        "open_minutes_fit_the_hour": "update core.fct_door_hour set open_minutes = 90",
        "open_minutes_are_not_negative": "update core.fct_door_hour set open_minutes = -1",
        "counts_are_not_negative": "update core.fct_door_hour set out_count = -1",
        "hours_stand_once": "insert into core.fct_door_hour from core.fct_door_hour",
        "hours_start_on_the_hour": "update core.fct_door_hour set hour_start_at = hour_start_at + interval 5 minute",
        "lines_are_described": "delete from core.dim_line where line_id = 'l1'",
        "counted_hours_were_observed": "update core.fct_door_hour set observed_minutes = 0",
    },
    "core_fct_line_visits": {
        "every_line_day_has_a_row": "delete from core.fct_line_visits where span_start_on = date '2023-01-09'",
        "no_row_outside_the_grid": "update core.dim_line set role = 'internal' where line_id = 'l1'",
        "no_day_is_told_twice": (
            "update core.fct_line_visits set span_start_on = date '2023-02-28' where span_end_on > span_start_on + 1"
        ),
        "counts_are_not_negative": "update core.fct_line_visits set in_count = -1",
        "observed_fits_into_expected": "update core.fct_line_visits set observed_minutes = expected_minutes + 1",
        "missing_is_not_a_number": "update core.fct_line_visits set value_state = 'missing'",
        "observed_is_a_number": "update core.fct_line_visits set visits = null",
        "no_line_has_fallen_silent": (
            "update core.fct_line_visits set visits = null, observed_minutes = 0, value_state = 'missing'"
            " where span_start_on >= date '2023-03-25'"
        ),
        "lines_are_observed": (
            "update core.fct_line_visits set visits = null, observed_minutes = 0, value_state = 'missing'"
            " where month(span_start_on) = 1"
        ),
    },
    "core_fct_expected_hour": {
        "hours_stand_once": "insert into core.fct_expected_hour from core.fct_expected_hour",
        "states_are_known": "update core.fct_expected_hour set value_state = 'tired'",
        "observed_is_a_number": "update core.fct_expected_hour set visits = null",
        "missing_is_not_a_number": "update core.fct_expected_hour set value_state = 'missing'",
        "observed_fits_into_expected": "update core.fct_expected_hour set observed_minutes = 75",
        "no_sensor_looks_dead": (
            "update core.fct_expected_hour set value_state = 'dead', visits = null, observed_minutes = 0,"
            " dead_since_at = timestamp '2023-01-10 09:00' where line_id = 'l1'"
            " and local_date between date '2023-01-10' and date '2023-02-10'"
        ),
        "no_hour_is_a_spike": (
            "update core.fct_expected_hour set value_state = 'spike', visits = null, observed_minutes = 0"
            " where line_id = 'l1' and local_date = date '2023-01-10'"
        ),
    },
    "core_fct_visit_estimate": {
        "estimates_stand_once": "insert into core.fct_visit_estimate from core.fct_visit_estimate",
        "estimates_are_not_negative": "update core.fct_visit_estimate set estimated_visits = -1",
        "estimates_know_their_error": "update core.fct_visit_estimate set error_share = null",
        "methods_are_known": "update core.fct_visit_estimate set method = 'felt'",
        "closed_time_is_never_filled": "update core.fct_open_day set open_minutes = 0",
        "errors_are_learnt_from_enough": "update core.fct_visit_estimate set masked_block_count = 2",
    },
    "core_fct_event": {
        "events_are_unique": "insert into core.fct_event from core.fct_event",
        "events_have_ids": "update core.fct_event set event_id = null where event_id = 'e3'",
        "events_have_a_source": "update core.fct_event set source_id = null where event_id = 'e3'",
        "events_have_a_start": "update core.fct_event set start_at = null where event_id = 'e3'",
        "events_have_a_date": "update core.fct_event set start_on = null where event_id = 'e3'",
        "events_do_not_end_before_they_start": "update core.fct_event set end_at = timestamp '2023-01-01'",
        "dates_do_not_run_backwards": "update core.fct_event set end_on = date '2023-01-01'",
        "statuses_are_known": "update core.fct_event set status = 'shifted' where event_id = 'e0'",
        "countability_is_decided": "update core.fct_event set is_countable = null where event_id = 'e3'",
        "only_held_events_count": "update core.fct_event set is_countable = true",
        "events_of_others_do_not_count": "update core.fct_event set organiser = 'other' where event_id = 'e3'",
        "claims_are_no_fewer_than_sources": "update core.fct_event set source_count = 3 where event_id = 'e3'",
        "count_decisions_have_reasons": "update core.fct_event set count_reason = null where event_id = 'e3'",
        "partner_counts_are_not_negative": "update core.fct_event set partner_count = -1 where event_id = 'e3'",
        "counted_events_are_in_an_area": "update core.fct_event set area_id = null where event_id = 'e3'",
        "counted_events_have_an_owner": "update core.fct_event set owner_branch_id = 'unassigned'",
    },
    "kpi_figures": {
        "there_are_figures": "delete from kpi.figures",
        "figures_are_unique": "insert into kpi.figures from kpi.figures where branch_id is null limit 1",
        "figures_have_ids": _figures("figure_id = null"),
        "figures_have_areas": _figures("area_id = null"),
        "figures_have_definitions": _figures("definition_version = null"),
        "figures_have_units": _figures("unit = null"),
        "period_kinds_are_known": _figures("period_kind = 'decade'"),
        "periods_are_calendar_periods": _figures("period_end = period_end + 1", "period_kind = 'month'"),
        "periods_have_an_end": _figures("period_end = null"),
        "value_statuses_are_known": _figures("status_value = 'X'"),
        "value_statuses_are_given": _figures("status_value = null"),
        "missing_has_no_value": _figures("value = 0", "status_value = 'H'"),
        "present_has_a_value": _figures("value = null"),
        "values_are_not_negative": _figures("value = 'inf', value_high = 'inf'"),
        "low_is_not_above_value": _figures("value_low = value + 1"),
        "high_is_not_below_value": _figures("value_high = value - 1"),
        "intervals_have_two_ends": _figures("value_low = null", "figure_id = 'events_held' and value is not null"),
        "sample_weeks_have_no_interval": _figures("value_high = value", "method = 'sample_week'"),
        "observed_shares_are_shares": _figures("observed_share = 1.2"),
        "quantity_shares_are_shares": _figures("quantity_share = -0.1"),
        "methods_are_known": _figures("method = 'felt'"),
        "methods_are_given": _figures("method = null"),
        "estimated_values_are_marked": _figures("method = 'imputed'"),
        "estimated_values_have_an_interval": _figures("method = 'imputed', status_value = 'E', value_high = null"),
        "forecast_is_not_final": _figures("status_publication = 'F'"),
        "publication_statuses_are_known": _figures("status_publication = 'V'"),
        "publication_statuses_are_given": _figures("status_publication = null"),
        "comparabilities_are_known": _figures("comparability = 'x'"),
        "one_vintage": _figures("as_of = timestamp '2025-01-01'"),
        "one_data_version": _figures("data_version = 'v0'"),
    },
    "kpi_figures_reconciliation": {
        "there_are_definitions": "delete from kpi.figures; delete from core.dim_figure",
        "every_defined_figure_is_told": "delete from kpi.figures where figure_id = 'followers'",
        "every_told_figure_is_defined": "delete from core.dim_figure where figure_id = 'followers'",
        "days_sum_to_month": _part("value = value + 1", "visits", "day", "2023-01-05", "b1"),
        "months_sum_to_quarter": _part("value = value + 1", "visits", "quarter", "2023-04-01", "b1"),
        "months_sum_to_year": _part("value = value + 1", "posts", "year", "2023-01-01", None),
        "branches_sum_to_area": _part("value = value + 1", "events_held", "month", "2023-05-01", "b2"),
        "no_total_over_unknown_branches": _part(
            "value = null, status_value = 'L'", "visits", "month", "2023-05-01", "b2"
        ),
        "people_reached_are_never_added": _part("value = 1.5", "reach_28_days", "quarter", "2023-04-01", None),
        "no_total_over_unknown_months": _part(
            "value = null, status_value = 'O'", "visits", "month", "2023-05-01", "b2"
        ),
    },
    "kpi_yearly_growth": {
        "years_are_unique": "insert into kpi.yearly_growth from kpi.yearly_growth",
        "values_are_the_figures": "update kpi.yearly_growth set value = value + 1",
        "bases_are_the_figures": "update kpi.yearly_growth set base_value = base_value + 1",
        "growth_has_a_base": "update kpi.yearly_growth set growth_share = 0.1 where base_value is null",
        "growth_is_from_unrounded_values": "update kpi.yearly_growth set growth_share = round(growth_share, 3) + 0.001",
        "no_growth_over_a_break": "update kpi.yearly_growth set comparability = 'B'",
    },
    "core_fct_sample_week": {
        "verdicts_are_known": "update core.fct_sample_week set week_verdict = 'nice'",
        "visits_are_not_negative": "update core.fct_sample_week set visits = -1",
        "weeks_hold_their_days": "update core.fct_sample_week set last_on = last_on + 8",
        "used_weeks_share_no_day": (
            "insert into core.fct_sample_week select * replace (week_start_on + 6 as week_start_on,"
            " first_on + 6 as first_on, last_on + 6 as last_on) from core.fct_sample_week where visits = 130"
        ),
        "counted_years_are_not_sampled_too": (
            "update core.fct_sample_week set week_verdict = 'used' where branch_id = 'b1'"
        ),
        "sampled_years_have_two_weeks": "delete from core.fct_sample_week",
        "sampled_years_are_made_of_their_weeks": "update core.fct_sample_week set visits = visits + 1",
        "hand_counts_make_a_year": "update core.fct_sample_week set week_verdict = 'incomplete' where visits = 130",
    },
    "core_fct_count_revision": {
        "kinds_fit_their_states": "update core.fct_count_revision set revision_kind = 'restated'",
        "revisions_change_something": "update core.fct_count_revision set in_count = 9 where revision_number = 2",
        "revisions_follow_each_other": "delete from core.fct_count_revision where revision_number = 1",
        "news_comes_after_what_it_replaces": (
            "update core.fct_count_revision set previous_received_at = timestamp '2023-02-01'"
        ),
    },
    "core_dim_calibration": {
        "one_factor_at_a_time": (
            "insert into core.dim_calibration"
            " select * replace (date '2023-02-28' as valid_from, null as valid_to) from core.dim_calibration"
        ),
        "validity_has_length": "update core.dim_calibration set valid_to = valid_from",
        "factors_are_possible": "update core.dim_calibration set calibration_factor = 0",
        "factors_are_near_one": "update core.dim_calibration set calibration_factor = 2.5",
        "evidence_is_given": "update core.dim_calibration set calibration_evidence = ' '",
        "factors_are_applied_as_told": "update core.fct_line_visits set calibration_factor = 1.1 where line_id = 'l2'",
    },
    "core_bridge_event_branch": {
        "events_have_their_owner": "update core.fct_event set owner_branch_id = 'b2' where event_id = 'e5'",
        "branches_stand_once": "insert into core.bridge_event_branch from core.bridge_event_branch where share = 0",
        "shares_of_an_event_are_one": "update core.bridge_event_branch set share = 1 where event_id = 'e2'",
        "only_venues_have_no_share": (
            "update core.bridge_event_branch set share = 0.5 where event_id = 'e3';"
            "update core.bridge_event_branch set share = 1 where event_id = 'e2' and branch_role = 'owner'"
        ),
        "shares_make_the_events_held": _part("value = value + 1", "events_held", "month", "2023-01-01", "b1"),
        "shares_make_the_attendances": (
            "update core.fct_event_attendance set attendance_count = 46 where event_id = 'e5'"
        ),
    },
    "core_bridge_event_audience": {
        "audiences_stand_once": "update core.bridge_event_audience set audience = 'children' where event_id = 'e3'",
        "shares_of_an_event_are_one": "delete from core.bridge_event_audience where event_id = 'e5'",
        "untold_audiences_are_called_so": (
            "update core.bridge_event_audience set audience = 'adults' where event_id = 'e5'"
        ),
        "claimed_audiences_were_claimed": "update core.bridge_event_audience_claim set is_used = false",
        "shares_make_the_cut": (
            "update kpi.events_split set value = value + 1 where split_value = 'children' and figure_id = 'events_held'"
        ),
    },
    "core_bridge_event_audience_claim": {
        "one_claim_speaks_for_an_event": (
            "update core.bridge_event_audience_claim set occurrence_id = 'o9' where audience = 'adults'"
        ),
        "what_was_set_aside_is_not_used": "update core.bridge_event_audience_claim set is_used = true",
        "used_claims_are_the_audience": "delete from core.bridge_event_audience where audience = 'adults'",
        "words_are_reviewed": (
            "update core.bridge_event_audience_claim set audience = null, is_used = false where event_id = 'e4'"
        ),
    },
    "core_fct_event_attendance": {
        "counts_are_not_negative": "update core.fct_event_attendance set online_count = -1 where event_id = 'e5'",
        "totals_are_room_and_screen": "update core.fct_event_attendance set attendance_count = 0 where not is_current",
        "parts_above_their_whole_are_marked": "update core.fct_event_attendance set has_part_conflict = false",
        "methods_are_known": "update core.fct_event_attendance set method = 'felt' where event_id = 'e5'",
        "reports_have_one_standing_version": "update core.fct_event_attendance set is_current = true",
        "one_standing_report_speaks_for_an_event": (
            "update core.fct_event_attendance set is_used = true where method = 'tickets'"
        ),
        "parts_make_the_cut": "update kpi.events_split set value = value + 1 where split_value = 'not_told_apart'",
    },
    "core_fct_event_restatement": {
        "kinds_are_known": "update core.fct_event_restatement set change_kind = 'mended'",
        "changes_came_after_the_closing": "update core.fct_event_restatement set closed_on = date '2024-12-31'",
        "changes_change_something": "update core.fct_event_restatement set new_value = old_value",
        "changes_say_why_and_whence": "update core.fct_event_restatement set receipt_id = null",
        "closed_years_are_left_alone": (
            "update core.fct_event_restatement set restated_at = timestamp '2025-01-20' where new_count = 1"
        ),
    },
    "core_bridge_version_branch": {
        "shares_of_a_caption_are_one": "delete from core.bridge_version_branch where content_hash = 'h2'",
        "only_branches_have_a_branch": (
            "update core.bridge_version_branch set branch_id = 'b1' where content_hash = 'h2'"
        ),
        "unedited_captions_speak_as_published": (
            "update core.bridge_version_branch set branch_id = 'b3' where post_id = 'p1' and branch_id = 'b2'"
        ),
    },
    "core_fct_event_doubt": {
        "kinds_are_known": "update core.fct_event_doubt set doubt_kind = 'hunch'",
        "next_actions_are_given": "update core.fct_event_doubt set next_action = null",
        "openness_is_known": "update core.fct_event_doubt set is_open = null",
        **{
            rule: f"update core.fct_event_doubt set is_open = true where doubt_kind = '{kind}'"
            for rule, kind in {
                "feeds_keep_their_future": "future_lost",
                "the_past_is_left_alone": "changed_after_it_ended",
                "no_source_takes_events_out_alone": "one_source_took_it_out",
                "sources_agree_on_cancellations": "one_source_cancelled_it",
                "reposted_events_are_settled": "perhaps_moved",
                "near_matches_are_settled": "perhaps_one_event",
                "usual_sources_tell_every_event": "usual_source_lacks_it",
                "counted_events_have_a_branch": "no_branch",
                "events_set_aside_are_settled": "set_aside",
                "reports_find_their_events": "report_without_event",
                "no_attendance_without_an_event": "attendance_at_no_event",
                "reports_agree": "reports_disagree",
                "series_reports_are_split": "report_on_series",
                "parts_fit_their_total": "parts_exceed_total",
            }.items()
        },
    },
    "core_fct_post_gap": {
        "kinds_are_known": "update core.fct_post_gap set gap_kind = 'hole'",
        "next_actions_are_given": "update core.fct_post_gap set next_action = null",
        **{
            rule: f"update core.fct_post_gap set is_open = true where gap_kind = '{kind}'"
            for rule, kind in {
                "measured_posts_are_listed": "measured_not_listed",
                "stories_are_polled": "story_not_polled",
                "stories_are_read_before_they_end": "story_not_read",
                "connector_tables_agree": "connector_tables_disagree",
                "moments_name_one_post": "fits_two_posts",
            }.items()
        },
    },
    "kpi_events_split": {
        **{
            f"{split}s_add_up": f"update kpi.events_split set value = value + 1 where split = '{split}'"
            for split in ("type", "organiser", "place", "audience", "age")
        },
        "rows_are_unique": "insert into kpi.events_split from kpi.events_split",
        "parts_are_not_negative": "update kpi.events_split set value = -1 where split_value = 'not_told_apart'",
    },
    **{
        f"kpi_{table}": {
            "values_are_the_figures": f"update kpi.{table} set {figures[0]} = {figures[0]} + 1",
            "no_figure_is_left_out": (
                f"delete from kpi.{table} where period_start = (select max(period_start) from kpi.{table})"
            ),
            "rows_are_unique": f"insert into kpi.{table} from kpi.{table}",
        }
        for table, (_, figures) in WIDE.items()
    },
}  # fmt: skip
CASES = [(suite, rule) for suite, rules in DAMAGES.items() for rule in rules]


def damaged_frame(suite: Suite, damage: str, warehouse: Path, folder: Path) -> pd.DataFrame:
    """The suite's frame of a library that has been damaged once."""
    if suite.database == "lake":
        return frame_for(suite, warehouse, build_lake(folder / "lake", damage))
    copy = folder / "build.duckdb"
    shutil.copyfile(warehouse, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute(damage)
    return frame_for(suite, copy, folder)


def used_columns(suite: Suite) -> set[str]:
    """The columns that the rules speak of."""
    named = {c for r in suite.rules for key in ("column", "column_A", "column_B") if (c := r.kwargs.get(key))}
    listed = {c for r in suite.rules for c in r.kwargs.get("column_list", [])}
    return named | listed | {r.when.column for r in suite.rules if r.when}


def test_every_rule_has_a_damage() -> None:
    """A rule that nobody has seen fail may be one that can't."""
    assert {(s.name, r.name) for s in SUITES.values() for r in s.rules} == set(CASES)


@pytest.mark.parametrize("name", SUITES)
def test_a_good_library_passes(name: str, warehouse: Path, lake: Path) -> None:
    """A check that cries without cause is one that people learn to ignore."""
    results = judge(SUITES[name], warehouse, lake)
    assert [(r.name, r.broken, r.observed) for r in results if not r.passed] == []
    assert [r.name for r in results] == [r.name for r in SUITES[name].rules]


@pytest.mark.parametrize(("name", "rule"), CASES)
def test_a_damage_makes_its_rule_fail(name: str, rule: str, warehouse: Path, tmp_path: Path) -> None:
    """Each rule must be able to fail, and as failed data rather than as a broken check."""
    frame = damaged_frame(SUITES[name], DAMAGES[name][rule], warehouse, tmp_path)
    results = {r.name: r for r in validate(frame, SUITES[name])}
    assert (results[rule].passed, results[rule].broken) == (False, None)
    assert not any(r.broken for r in results.values())


@pytest.mark.parametrize("name", SUITES)
def test_an_empty_frame_blocks_unless_empty_is_right(name: str, warehouse: Path, lake: Path) -> None:
    """Rules about values hold for no rows at all, so an emptied table would pass them."""
    suite = SUITES[name]
    results = validate(frame_for(suite, warehouse, lake).iloc[:0], suite)
    assert not any(r.broken for r in results)
    if suite.may_be_empty:
        assert [r.name for r in results if not r.passed] == []
    else:
        assert results[0].is_blocking


@pytest.mark.parametrize("name", SUITES)
def test_missing_columns_break_the_checks_and_say_so(name: str, warehouse: Path, lake: Path) -> None:
    """A renamed column must not pass as good data, nor be told as bad data."""
    suite = SUITES[name]
    frame = frame_for(suite, warehouse, lake)
    results = validate(frame.drop(columns=sorted(used_columns(suite))), suite)
    for rule, result in zip(suite.rules, results, strict=True):
        names = {rule.kwargs.get("column"), rule.kwargs.get("column_A"), *rule.kwargs.get("column_list", [])}
        if names & used_columns(suite):
            assert not result.passed, rule.name
            assert result.broken is not None, rule.name
            assert f"{suite.name}.yaml" in result.broken
