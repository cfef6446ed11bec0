"""The life of models: which versions should be served, which are, and the steps from one to the other.

The nouns are TensorFlow Serving's, one per file. Decisions are pure functions (`version_policy`, `policy`, `retry`,
`labels`, `admission`, `reload`, `sources.settle`); what acts on them is `manager`, `polling` and `model_repository`.

    source.look ─► aspired versions ─► policy.next_actions ─► loader.load / unload ─► states ─► routes, labels, waiters

Source: tensorflow_serving/g3doc/architecture.md for the vocabulary.
"""
