"""The target `kubernetes` and the API server that it talks to."""

from tests.support.kubernetes_target import fake, target

__all__ = ["fake", "target"]
