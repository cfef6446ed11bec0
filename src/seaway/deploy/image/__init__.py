"""Container images of a server: `context` puts together what goes in, `build` has an engine make the image.

wheels (pinned, fetched by this machine's pip), Seaway's own wheel, Dockerfile, finish.py
→  context  →  image  →  reproducible: the same content has the same digest
"""
