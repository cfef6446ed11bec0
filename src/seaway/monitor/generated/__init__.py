"""Dashboards and alerting rules, generated from the catalogue of metrics."""
