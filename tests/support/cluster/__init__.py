"""A real Kubernetes cluster of one node for tests, from programs that `tools/build_kubernetes.sh` has built."""
