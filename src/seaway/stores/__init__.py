"""Model stores that are no directory of this machine: `s3://`, `gs://`, `http(s)://` and whatever else fsspec opens.

    open_store(url) ─► Store: list │ fetch one file │ put a version, its graph last
    tree.py, layout.py, eviction.py     what a listing means and what goes first: pure
    cache.py ─► lock.py, fetch.py       one copy of each version on this machine, whoever asks for it

Nothing here knows of models that are served, of settings or of workers. Directories stay what they are: who serves one
never comes here.
"""
