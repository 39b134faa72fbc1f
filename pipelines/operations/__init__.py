"""Operating the lakehouse: verify, recover, maintain, quarantine, quality, status, doctor."""
