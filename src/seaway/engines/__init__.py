"""What runs models: where each engine's native library is, and what it needs loaded beside it.

Engines are found, never imported: `import tensorflow` would cost seconds and hundreds of megabytes in every worker.
"""

from __future__ import annotations
