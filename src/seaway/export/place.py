"""Which version a path means: a version's own directory, or the newest one of a model."""

from __future__ import annotations

from pathlib import Path

from seaway.errors import NotFound
from seaway.repository.sources.base_path import MODEL_FILES, read_layout


def version_directory(path: Path) -> Path:
    """Return the directory of the version that is meant.

    Raises:  NotFound - there is no model and no version; the message says what was looked for.
    """
    layout = read_layout(path.name, str(path))
    if not layout.versions:
        raise NotFound(
            f"{path} is no model: it holds neither {', '.join(MODEL_FILES[:1] + MODEL_FILES[3:])} nor a directory "
            "named by a version's number"
        )
    return layout.versions[max(layout.versions)]
