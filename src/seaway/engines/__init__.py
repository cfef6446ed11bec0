"""What runs models: TensorFlow's library for the compiled loop, and the engines that a worker hosts in Python.

TensorFlow is found, never imported: `import tensorflow` would cost seconds and hundreds of megabytes in every worker.
The other engines are packages that a worker imports when it loads its first version with them; `registry` says which
there are, `engine` what each must be able to do. No engine knows sockets, frames or shared memory.
"""

from __future__ import annotations
