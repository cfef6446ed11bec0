"""A server's part in a deployment: it serves what the published decision says, and reports.

    published.json → decision → model_configs → repository
    repository's view → standing → report → reports/NAME.json and GET /v1/report

The decision is made elsewhere (`seaway.deploy`); nothing here chooses a version.
"""
