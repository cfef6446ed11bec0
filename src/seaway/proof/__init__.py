"""What a version carries to prove that it answers as its model did: requests, answers, and what is known of them.

Exporters write it, servers replay it, commands show it. How a version is brought to answer is none of its business: it
reads and writes files, makes requests, and compares answers.
"""

from __future__ import annotations
