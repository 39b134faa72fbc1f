"""When it runs: the jobs, their settings and the command line, where everything is put together."""
