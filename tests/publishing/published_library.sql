-- Tables of a small build file, with the warehouse's names; read by published_library.py.
create schema core; create schema kpi; create schema staging;
create table staging.secret as select 'must not leave' as word;
create table core.dim_area (area_id varchar not null, area_name varchar, valid_from date, valid_to date);
insert into core.dim_area values ('1507', 'Ålesund', '2020-01-01', '2024-01-01'), ('1508', 'Ålesund', '2024-01-01', null);
create table core.dim_branch (branch_id varchar not null, branch_name varchar, valid_from date, valid_to date);
insert into core.dim_branch values ('moa', 'Moa', '2020-01-01', null), ('main', 'Hovudbiblioteket', '2020-01-01', null);
create table core.bridge_branch_area (branch_id varchar, area_id varchar, valid_from date, valid_to date);
insert into core.bridge_branch_area values
    ('main', '1507', '2020-01-01', '2024-01-01'), ('moa', '1507', '2020-01-01', '2024-01-01'),
    ('main', '1508', '2024-01-01', null);
create table core.dim_figure (figure_id varchar, definition_version varchar, figure_name varchar, domain varchar,
    unit varchar, aggregation varchar, decimals integer, definition varchar, rule_source varchar, owner varchar);
insert into core.dim_figure values
    ('visits', '1', 'Visits', 'visits', 'visits', 'sum', 0, 'One entry of a person, any purpose.', 'NISO Z39.7', 'team:statistics'),
    ('visits_per_open_hour', '1', 'Visits per open hour', 'visits', 'visits/hour', 'ratio', 1, 'Visits by hours open.', 'own', 'team:statistics'),
    ('events_held', '1', 'Events held', 'events', 'events', 'sum', 0, 'A held occasion.', 'IMLS 600', 'team:statistics'),
    ('partners_new', '1', 'New partners', 'partners', 'partners', 'sum', 0, 'Not on the baseline.', 'own', 'team:statistics'),
    ('followers', '1', 'Followers', 'social', 'followers', 'last', 0, 'Last snapshot in the period.', 'own', 'team:statistics');
create table core.dim_line (line_id varchar, branch_id varchar, source_id varchar, device_key varchar, line_key varchar,
    door varchar, role varchar, rule varchar, valid_from date, valid_to date);
insert into core.dim_line values
    ('main_south', 'main', 'door_brickstream_main', '001122334455', 'total', 'south', 'perimeter', 'mean_in_out', '2020-01-01', null),
    ('moa_gate', 'moa', 'door_smart_moa', 'moa1', 'total', 'gate', 'perimeter', 'breaks_halved', '2020-01-01', null);
create table core.fct_door_hour (line_id varchar, branch_id varchar, hour_start_at timestamp, local_date date,
    local_hour integer, in_count bigint, out_count bigint, undirected_count bigint, observed_minutes bigint, open_minutes bigint);
insert into core.fct_door_hour values
    ('main_south', 'main', '2023-05-02 08:00', '2023-05-02', 10, 12, 11, null, 60, 60),
    ('main_south', 'main', '2022-05-02 08:00', '2022-05-02', 10, 10, 9, null, 60, 60),
    ('moa_gate', 'moa', '2023-05-02 08:00', '2023-05-02', 10, null, null, 7, 30, 60);
create table core.fct_open_day (branch_id varchar, local_date date, open_minutes bigint, is_hours_known boolean, closed_reason varchar);
insert into core.fct_open_day values ('main', '2023-05-02', 480, true, null), ('main', '2023-05-01', 0, true, 'rebuilding'),
    ('moa', '2023-05-02', 480, true, null);
create table core.dim_source (source_id varchar, family varchar, adapter varchar, description varchar);
insert into core.dim_source values ('door_brickstream_main', 'doors', 'brickstream', 'South door.');
create table core.dim_partner (partner_id varchar, partner_name varchar, unit_id varchar, organisation_id varchar,
    is_registered boolean, is_baseline boolean, first_act_on date);
insert into core.dim_partner values ('museum', 'Museet', 'museum', 'county', true, false, '2023-05-04');
create table core.fct_event (event_id varchar, source_id varchar, title varchar, start_on date, area_id varchar,
    owner_branch_id varchar, status varchar, is_countable boolean, count_reason varchar);
insert into core.fct_event values ('e1', 'events_ical_city', 'Lesestund', '2023-05-04', '1507', 'main', 'occurred', true, 'held'),
    ('e2', 'events_ical_city', 'Kurs', '2023-05-05', '1507', 'moa', 'cancelled', false, 'cancelled');
create table core.bridge_event_branch (event_id varchar, branch_id varchar, area_id varchar, branch_role varchar,
    branch_rule varchar, share double);
insert into core.bridge_event_branch values ('e1', 'main', '1507', 'owner', 'source', 1), ('e2', 'moa', '1507', 'owner', 'source', 1);
create table core.fct_account_snapshot (account_id varchar, area_id varchar, observed_at timestamp, observed_on date, followers_count bigint);
insert into core.fct_account_snapshot values ('17', '1507', '2023-05-02 03:00', '2023-05-02', 4210);
create table core.fct_post (post_id varchar, account_id varchar, area_id varchar, posted_on date, media_type varchar,
    product_type varchar, hashtags varchar, presence varchar);
insert into core.fct_post values ('p1', '17', '1507', '2023-05-02', 'IMAGE', 'FEED', 'moabibliotek', 'listed'),
    ('p2', '17', '1507', '2023-05-03', 'IMAGE', 'FEED', '', 'gone');
create table core.bridge_post_branch (account_id varchar, post_id varchar, attribution varchar, branch_id varchar,
    rule_kind varchar, rule_id varchar, reason varchar, weight double);
insert into core.bridge_post_branch values ('17', 'p1', 'branch', 'moa', 'branch_hashtag', 'tag_moa', 'its tag', 1),
    ('17', 'p2', 'unassigned', null, 'none', null, 'no rule', 1);
create table core.fct_post_metric (account_id varchar, post_id varchar, metric varchar, value double,
    value_status varchar, source_id varchar, observed_at timestamp);
insert into core.fct_post_metric values ('17', 'p1', 'views', 12, 'measured', 'instagram_graph_city', '2023-05-09'),
    ('17', 'p2', 'views', null, 'missing', 'instagram_graph_city', '2023-05-09');
create table core.fct_post_metric_difference (account_id varchar, post_id varchar, metric varchar, source_id varchar,
    value double, chosen_source_id varchar, chosen_value double, difference double);
insert into core.fct_post_metric_difference values ('17', 'p1', 'views', 'export', 10, 'instagram_graph_city', 12, -2);
create table core.fct_account_metric (account_id varchar, area_id varchar, metric varchar, breakdown varchar,
    window_start_at timestamp, window_end_at timestamp, window_days integer, metric_on date, value double,
    value_status varchar, first_value double, is_final boolean, source_id varchar);
insert into core.fct_account_metric values ('17', '1507', 'reach', '', '2023-04-05 07:00', '2023-05-03 07:00', 28,
    '2023-05-02', 400, 'measured', 390, true, 'instagram_graph_city');
create table core.fct_reject (source_id varchar, is_open boolean);
insert into core.fct_reject values ('door_brickstream_main', true), ('door_brickstream_main', false);
create table core.bridge_figure_input (domain varchar, subject_on date, branch_id varchar, source_id varchar,
    receipt_id bigint, blob_sha256 varchar, observation_count bigint);
create table kpi.figures (figure_id varchar not null, definition_version varchar, area_id varchar, branch_id varchar,
    period_kind varchar, period_start date, period_end date, value double, value_low double, value_high double, unit varchar,
    observed_share double, quantity_share double, method varchar, status_value varchar, status_publication varchar,
    comparability varchar, note varchar, as_of timestamp, data_version varchar);
create table kpi.yearly_growth (figure_id varchar, area_id varchar, branch_id varchar, year integer, value double,
    base_value double, growth_share double, comparability varchar, status_value varchar, growth_points double,
    growth_kind varchar default 'share');
create view kpi.visits_year as select * from {catalog}.kpi.figures where figure_id = 'visits' and period_kind = 'year';
comment on table kpi.figures is 'One row per figure, area, branch and period; it''s the long table.';
comment on column kpi.figures.value is 'The value; null when unknown, never 0.';
comment on view kpi.visits_year is 'Visits by year.';
