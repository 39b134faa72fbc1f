"""Reading the lake without Spark, and the SQL endpoint that serves it."""
