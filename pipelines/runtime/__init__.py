"""What every job runs on: settings, Spark session, catalog, streams with metrics, console."""
