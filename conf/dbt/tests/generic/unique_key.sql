{% test unique_key(model, columns) %}
-- The keys of a table that stand in it more than once.
select {{ columns | join(', ') }}, count(*) as rows_with_it
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
