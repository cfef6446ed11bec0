"""One running server: the parts joined, started, measured and ended.

`server` is the life cycle; `assembly` joins plane, repository and workers; the other modules are one task each.
"""

from __future__ import annotations
