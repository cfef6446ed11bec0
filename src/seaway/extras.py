"""The command that installs the packages of an extra, for messages that say what to do.

It names the packages themselves, as the installed distribution declares them. That works for a checkout, for a wheel
from anywhere and for a release alike, whereas Seaway's own name with the extra needs a package index that has Seaway.
"""

from __future__ import annotations

import re
import shlex

_OF_AN_EXTRA = re.compile(r"""(?P<package>[^;]+);\s*extra\s*==\s*["'](?P<extra>[^"']+)["']""")


def command(*extras: str) -> str:
    """Return the command that installs the packages of these extras: `pip install 'onnx>=1.17' 'onnxruntime>=1.20'`."""
    from importlib import metadata  # noqa: PLC0415 - takes tens of milliseconds, and only who lacks something needs it

    try:
        declared = [found for each in metadata.requires("seaway") or () if (found := _OF_AN_EXTRA.fullmatch(each))]
    except metadata.PackageNotFoundError:  # a source tree that was never installed
        declared = []
    packages = {found["package"].strip() for found in declared if found["extra"] in extras}
    if not packages:
        return f"pip install '.[{','.join(extras)}]' in Seaway's source tree"
    return shlex.join(["pip", "install", *sorted(packages, key=str.lower)])
