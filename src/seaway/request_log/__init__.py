"""Logged requests outside the request path: the forms of their files, where these go, and how they are read again.

    the plane's TFRecord ─► Entry ─► JSON lines | Parquet ─► beside it, or uploaded      shipper.py, one thread
    file, glob or URL ─► any form ─► PredictionLog                                       reading.py, for the verbs

The plane writes local TFRecord files and knows nothing of this. What is read back is a PredictionLog whatever the form
of the file was, so that nothing that uses a log knows the forms either.
"""
