{% test holds(model, rule) %}
-- The rows that break a rule of their table. One that comes out as null breaks it, too.
select * from {{ model }} where not coalesce({{ rule }}, false)
{% endtest %}
