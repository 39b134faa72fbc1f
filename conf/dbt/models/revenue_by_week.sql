-- One row per week: sessions, those that bought, and revenue. Suspected bots are left out.
select
    cast(date_trunc('week', started_on) as date) as week_from,
    count(*) as sessions,
    count_if(purchases > 0) as buying_sessions,
    sum(revenue) as revenue
from {{ source('gold', 'sessions') }}
where not is_suspect
group by 1
order by 1
