"""What lies behind each kind of figure, as lists: their titles, the tables they need, and their SQL.

What belongs here: a list per question that a reader of a figure asks, over published tables only. What does not: asking
them, the trail to the bytes, and how they are shown (`publishing.explain`).

Each statement may use `members` (the branches of the scope, with dates) and the parameters `$area`, `$branch` (null for
the whole area), `$start` and `$end` (local dates, half-open).
"""

from __future__ import annotations

# Lists that grow with the period; the others grow with the number of branches and are always shown whole.
_PARTNERS, _EVENTS, _POSTS = "Partners whose first act falls in the period", "Events", "Posts"
_DIFFERENCES = "Numbers that sources tell differently"
_DOUBTS = "Open doubts about these events"
_HELD_TOGETHER, _RESTATEMENTS = "Events that branches held together", "Told after the year was closed"
LONG = {_PARTNERS, _EVENTS, _POSTS, _DIFFERENCES, _DOUBTS, _HELD_TOGETHER, _RESTATEMENTS}
# Events of the scope with the part of them that it holds: all hosts of an event, and those of no branch (`unassigned`).
_HELD = """, held as (
                select b.event_id, sum(b.share) as share
                from core.bridge_event_branch as b
                where b.area_id = $area and b.share > 0 and ($branch is null or b.branch_id = $branch)
                group by b.event_id
            )"""
# Posts `p` with their shares `b`; posts of no branch are told under `shared` and `unassigned`.
_POST_IN_SCOPE = """
p.area_id = $area and p.posted_on >= $start and p.posted_on < $end
    and ($branch is null or coalesce(b.branch_id, b.attribution) = $branch)
"""
_POSTS_ONCE = f""", posts as (
                select distinct p.account_id, p.post_id
                from core.bridge_post_branch as b
                inner join core.fct_post as p on b.account_id = p.account_id and b.post_id = p.post_id
                where {_POST_IN_SCOPE}
            )"""  # noqa: S608 - holds no value from outside
# Told only where the period has any: for most periods an empty list would only be in the way.
RARE = {
    "Calibration factors",
    "Counts that were told otherwise before",
    "Sample weeks",
    _DOUBTS,
    _HELD_TOGETHER,
    _RESTATEMENTS,
}
SECTIONS: dict[str, tuple[tuple[str, set[str], str], ...]] = {
    "visits": (
        (
            "Counted lines",
            {"core.dim_line", "core.fct_door_hour"},
            """
            , hours as (
                select
                    h.line_id, sum(h.in_count) as in_count, sum(h.out_count) as out_count,
                    sum(h.undirected_count) as undirected_count, sum(h.observed_minutes) as observed_minutes,
                    min(h.local_date) as first_on, max(h.local_date) as last_on
                from core.fct_door_hour as h
                inner join members as m
                    on h.branch_id = m.branch_id and h.local_date >= m.from_on and h.local_date < m.to_on
                group by h.line_id
            )
            select
                l.line_id, l.branch_id, l.door, l.role, l.rule, l.source_id, l.device_key, l.line_key,
                hours.in_count, hours.out_count, hours.undirected_count, hours.observed_minutes,
                hours.first_on, hours.last_on
            from core.dim_line as l
            left join hours on l.line_id = hours.line_id
            where exists (
                select 1 from members as m
                where m.branch_id = l.branch_id and l.valid_from < m.to_on
                    and coalesce(l.valid_to, m.to_on) > m.from_on
            )
            order by l.branch_id, l.line_id, l.valid_from
            """,
        ),
        (
            "What is known of the expected hours",
            {"core.fct_expected_hour"},
            """
            select
                h.line_id, h.value_state, count(*) as hours, sum(h.expected_minutes) as expected_minutes,
                sum(h.visits) as visits, min(h.local_date) as first_on, max(h.local_date) as last_on
            from core.fct_expected_hour as h
            inner join members as m
                on h.branch_id = m.branch_id and h.local_date >= m.from_on and h.local_date < m.to_on
            group by h.line_id, h.value_state
            order by h.line_id, h.value_state
            """,
        ),
        (
            "Estimates for what was not counted",
            {"core.fct_visit_estimate", "core.fct_line_visits"},
            """
            , estimates as (
                select
                    e.*,
                    -- a number told for several days that lies inside the period whole is counted there, and its parts
                    -- only show how it was shared out
                    e.method <> 'span_split' or not exists (
                        select 1 from core.fct_line_visits as v
                        where v.line_id = e.line_id and v.span_start_on <= e.span_start_on
                            and v.span_end_on >= e.span_end_on and v.span_start_on >= $start and v.span_end_on <= $end
                    ) as is_in_value
                from core.fct_visit_estimate as e
                inner join members as m
                    on e.branch_id = m.branch_id and e.span_start_on >= m.from_on and e.span_end_on <= m.to_on
            )
            select
                e.line_id, e.method, e.is_in_value, count(distinct e.block_id) as gaps,
                sum(e.missing_minutes) as missing_minutes,
                sum(e.estimated_visits) as estimated_visits, max(e.error_share) as largest_error_share,
                min(e.span_start_on) as first_on, max(e.span_end_on) as end_on,
                max(e.estimate_version) as estimate_version
            from estimates as e
            group by e.line_id, e.method, e.is_in_value
            order by e.line_id, e.method, e.is_in_value
            """,
        ),
        (
            "Calibration factors",
            {"core.dim_calibration", "core.dim_line"},
            """
            select c.line_id, c.calibration_factor, c.valid_from, c.valid_to, c.calibration_evidence
            from core.dim_calibration as c
            where exists (
                select 1 from core.dim_line as l
                inner join members as m on l.branch_id = m.branch_id
                where l.line_id = c.line_id and c.valid_from < m.to_on and coalesce(c.valid_to, m.to_on) > m.from_on
            )
            order by c.line_id, c.valid_from
            """,
        ),
        (
            "Counts that were told otherwise before",
            {"core.fct_count_revision"},
            """
            select
                r.line_id, r.revision_kind, count(*) as intervals, sum(r.previous_visits) as previous_visits,
                sum(r.visits) as visits, count(*) filter (where r.is_after_closing) as after_closing,
                min(r.local_date) as first_on, max(r.local_date) as last_on,
                min(r.received_at) as first_received_at, max(r.received_at) as last_received_at
            from core.fct_count_revision as r
            inner join members as m
                on r.branch_id = m.branch_id and r.local_date >= m.from_on and r.local_date < m.to_on
            where r.role = 'perimeter'
            group by r.line_id, r.revision_kind
            order by r.line_id, r.revision_kind
            """,
        ),
        (
            "Sample weeks",
            {"core.fct_sample_week"},
            """
            select
                s.branch_id, s.year, s.iso_week, s.sample_form, s.first_on, s.last_on, s.day_count, s.visits,
                s.is_substitute, s.week_verdict
            from core.fct_sample_week as s
            inner join members as m
                on s.branch_id = m.branch_id and s.first_on >= m.from_on and s.first_on < m.to_on
            order by s.branch_id, s.first_on
            """,
        ),
        (
            "Days by opening",
            {"core.fct_open_day"},
            """
            select
                o.branch_id,
                count(*) filter (where o.open_minutes > 0) as open_days,
                sum(o.open_minutes) as open_minutes,
                count(*) filter (where o.open_minutes = 0) as closed_days,
                count(*) filter (where not o.is_hours_known) as days_with_unknown_hours,
                string_agg(distinct o.closed_reason, ', ' order by o.closed_reason) as closed_reasons
            from core.fct_open_day as o
            inner join members as m
                on o.branch_id = m.branch_id and o.local_date >= m.from_on and o.local_date < m.to_on
            group by o.branch_id
            order by o.branch_id
            """,
        ),
    ),
    "events": (
        (
            "Events by outcome",
            {"core.fct_event", "core.bridge_event_branch"},
            f"""
            {_HELD}
            select e.is_countable, e.count_reason, e.status, count(*) as events, round(sum(h.share), 2) as shares
            from core.fct_event as e
            inner join held as h on e.event_id = h.event_id
            where e.start_on >= $start and e.start_on < $end
            group by all
            order by e.is_countable desc, events desc, e.count_reason, e.status
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            _EVENTS,
            {"core.fct_event", "core.bridge_event_branch"},
            f"""
            {_HELD}
            select
                e.start_on, e.title, e.owner_branch_id, e.status, e.is_countable, e.count_reason, e.source_id,
                e.event_id
            from core.fct_event as e
            inner join held as h on e.event_id = h.event_id
            where e.start_on >= $start and e.start_on < $end
            order by e.start_on, e.event_id
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            _DOUBTS,
            {"core.fct_event", "core.bridge_event_branch", "core.bridge_event_claim", "core.fct_event_doubt"},
            f"""
            {_HELD}
            , doubts as (
                select * from core.fct_event_doubt where is_open
                union all
                -- two that are perhaps one are a doubt about either
                select d.* replace (c.event_id as event_id)
                from core.fct_event_doubt as d
                inner join core.bridge_event_claim as c on split_part(d.subject_id, ' ', 2) = c.occurrence_id
                where d.is_open and d.doubt_kind = 'perhaps_one_event'
            )
            select e.start_on, e.title, d.doubt_kind, d.message, d.next_action, d.source_id, d.subject_id, e.event_id
            from doubts as d
            inner join core.fct_event as e on d.event_id = e.event_id
            inner join held as h on e.event_id = h.event_id
            where e.start_on >= $start and e.start_on < $end
            order by e.start_on, e.event_id, d.doubt_kind, d.subject_id
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            _HELD_TOGETHER,
            {"core.fct_event", "core.bridge_event_branch"},
            """
            select e.start_on, e.title, b.branch_id, b.branch_role, b.branch_rule, b.share, e.is_countable, e.event_id
            from core.bridge_event_branch as b
            inner join core.fct_event as e on b.event_id = e.event_id
            inner join members as m
                on b.branch_id = m.branch_id and e.start_on >= m.from_on and e.start_on < m.to_on
            where e.start_on >= $start and e.start_on < $end and b.share > 0 and b.share < 1
            order by e.start_on, e.event_id, b.branch_id
            """,
        ),
        (
            _RESTATEMENTS,
            {"core.fct_event", "core.bridge_event_branch", "core.fct_event_restatement"},
            """
            select
                r.closed_year, r.closed_on, r.figure_id, r.change_kind, r.restated_at, r.old_value, r.new_value,
                r.reason, r.event_id
            from core.fct_event_restatement as r
            where r.closed_year between year(cast($start as date)) and year(cast($end as date) - 1)
                -- also what was moved out of the year, whatever area its branch is in since
                and exists (
                    select 1 from core.bridge_event_branch as b
                    where b.event_id = r.event_id and b.share > 0 and (
                        b.branch_id in (select branch_id from members)
                        or (b.branch_id = 'unassigned' and b.area_id = $area
                            and coalesce($branch, 'unassigned') = 'unassigned')
                    )
                )
            order by r.restated_at, r.event_id, r.subject_id
            """,
        ),
    ),
    "partners": (
        (
            _PARTNERS,
            {"core.dim_partner"},
            """
            select
                p.first_act_on, p.partner_id, p.partner_name, p.unit_id, p.organisation_id, p.is_registered,
                p.is_baseline
            from core.dim_partner as p
            where p.first_act_on >= $start and p.first_act_on < $end
            order by p.first_act_on, p.partner_id
            """,
        ),
    ),
    "social": (
        (
            "Accounts",
            {"core.fct_account_snapshot"},
            """
            select
                s.account_id, count(*) as snapshots, min(s.observed_on) as first_on, max(s.observed_on) as last_on,
                max_by(s.followers_count, s.observed_at) as last_followers_count
            from core.fct_account_snapshot as s
            where s.area_id = $area and s.observed_on >= $start and s.observed_on < $end
            group by s.account_id
            order by s.account_id
            """,
        ),
        (
            "Reach over 28 days, each window by itself",
            {"core.fct_account_metric"},
            """
            select
                w.metric_on as last_day, w.window_start_at, w.window_end_at, w.value, w.value_status, w.first_value,
                w.is_final, w.source_id
            from core.fct_account_metric as w
            where w.area_id = $area and w.metric = 'reach' and w.breakdown = '' and w.window_days = 28
                and w.metric_on >= $start and w.metric_on < $end
            order by w.window_end_at, w.account_id
            """,
        ),
        (
            "Whom the posts speak for",
            {"core.fct_post", "core.bridge_post_branch"},
            f"""
            select
                b.attribution, b.branch_id, b.rule_kind, b.rule_id, b.reason, count(*) as posts,
                round(sum(b.weight), 1) as shares
            from core.bridge_post_branch as b
            inner join core.fct_post as p on b.account_id = p.account_id and b.post_id = p.post_id
            where {_POST_IN_SCOPE}
            group by all
            order by shares desc, b.attribution, b.branch_id, b.rule_id
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            "What is known of the posts' numbers",
            {"core.fct_post", "core.bridge_post_branch", "core.fct_post_metric"},
            f"""
            {_POSTS_ONCE}
            select
                m.metric, m.value_status, m.source_id, count(*) as posts, min(m.observed_at) as first_observed_at,
                max(m.observed_at) as last_observed_at
            from core.fct_post_metric as m
            inner join posts on m.account_id = posts.account_id and m.post_id = posts.post_id
            group by all
            order by m.metric, m.value_status, m.source_id
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            _DIFFERENCES,
            {"core.fct_post", "core.bridge_post_branch", "core.fct_post_metric_difference"},
            f"""
            {_POSTS_ONCE}
            select d.post_id, d.metric, d.chosen_source_id, d.chosen_value, d.source_id, d.value, d.difference
            from core.fct_post_metric_difference as d
            inner join posts on d.account_id = posts.account_id and d.post_id = posts.post_id
            order by abs(d.difference) desc, d.post_id, d.metric, d.source_id
            """,  # noqa: S608 - holds no value from outside
        ),
        (
            _POSTS,
            {"core.fct_post", "core.bridge_post_branch"},
            f"""
            select
                p.posted_on, p.post_id, p.account_id, p.media_type, p.product_type, p.presence, p.hashtags,
                string_agg(coalesce(b.branch_id, b.attribution), ', ' order by b.branch_id) as speaks_for
            from core.fct_post as p
            inner join core.bridge_post_branch as b on b.account_id = p.account_id and b.post_id = p.post_id
            where {_POST_IN_SCOPE}
            group by p.posted_on, p.post_id, p.account_id, p.media_type, p.product_type, p.presence, p.hashtags
            order by p.posted_on, p.post_id
            """,  # noqa: S608 - holds no value from outside
        ),
    ),
}
