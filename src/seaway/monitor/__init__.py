"""Collects what servers say of themselves, keeps it, shows it, and tells when something is wrong.

collect    finds servers, fetches their Prometheus text, and turns totals into increases
store      SQLite: increases, gauges and histograms in four resolutions
query      PromQL's common cases over the store
alerts     rules, their states, and who is told
"""
