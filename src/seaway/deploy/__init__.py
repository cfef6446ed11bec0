"""From `seaway.yaml` to running servers, and from one state of them to the next.

    description  →  desired  ┐
    target.observe()         ├→  reconcile (pure)  →  plan  →  executor  →  target.apply(operation), one at a time
    store (versions)         ┘

What is decided is decided by pure functions from data; a target only looks and does. No scheduler is here: replicas are
kept alive by supervisord, Docker, Swarm or Kubernetes, and requests are spread by Traefik or the cluster's own ingress.
"""
