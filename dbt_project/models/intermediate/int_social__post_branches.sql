-- Which branches a post speaks for: what a person decided, else its caption by the dated rules, a branch's own tag
-- before an event's tag or page, and last an account that is mentioned (the platform may drop the sign before it); else
-- it is for the library as a whole, if a rule says so; else unassigned. The first kind that says anything decides, and
-- its branches share the post equally.
with posts as (

    select * from {{ ref('int_social__posts') }}

),

{{ attribution_ctes(['account_id', 'post_id']) }}

select * from final
