"""Two engines for one definition: Spark for what is large or on a cluster, DuckDB and delta-rs in process otherwise."""
