{% test no_nulls(model, columns) %}
-- The rows in which a column has no value that always has one.
select * from {{ model }} where {{ columns | join(' is null or ') }} is null
{% endtest %}
