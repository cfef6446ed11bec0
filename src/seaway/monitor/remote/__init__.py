"""Sends what is read at a look to Prometheus-compatible receivers, by the protocol Remote Write 1.0.

The monitor keeps additions; receivers want totals. So what servers said goes out as it was read, beside keeping:

    look ─► encoding (a thread) ─► batches ─┬► line ─► sender (a thread) ─► receiver
                                            └► line ─► sender (a thread) ─► receiver

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""
