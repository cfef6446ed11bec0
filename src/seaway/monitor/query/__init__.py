"""Questions in Prometheus' language over the store."""
