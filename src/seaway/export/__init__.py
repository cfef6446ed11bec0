"""Getting a trained model in: `seaway.export.save(model, "models/mnist", examples=rows)` writes the next version.

What is written answers as the model did, in another process, before servers see it; and it carries requests with the
model's own answers, so that every server finds out the same for itself. This package knows no server: it asks for its
proof by the command that anybody can run. Packages of a kind of model are imported when a model of that kind comes.
"""

from __future__ import annotations

from seaway.export.local_store import LocalStore
from seaway.export.save import Proof, Saved, save
from seaway.export.signature import Signature, Tensor
from seaway.export.store import Published, Store
from seaway.export.url_store import UrlStore

__all__ = ["LocalStore", "Proof", "Published", "Saved", "Signature", "Store", "Tensor", "UrlStore", "save"]
