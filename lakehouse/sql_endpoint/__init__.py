"""A SQL endpoint for JDBC and ODBC clients: Spark's Thrift Server, restricted to reading."""
