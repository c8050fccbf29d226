select
    source_id,
    device_key,
    health_metric,
    measured_at,
    received_at,
    cast(health_value as double precision) as health_value,
    health_text,
    is_degraded,
    fault,
    next_action
from {{ ref('int_doors__door_health') }}
