"""How a server takes part in a deployment: whose decision it follows, and where it reports."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class Follow:
    """The decision of a deployment on what is served, instead of a list of models; `seaway deploy` sets these."""

    directory: str = setting(
        "",
        "Directory of a deployment's state. The server serves what `published.json` there says, and reports.",
        flag="--follow",
    )
    store: str = setting(
        "",
        "Directory or URL of the model store that the decision's paths are relative to.",
        flag="--model-store",
    )
    replica: str = setting(
        "",
        "Name of this server in the deployment. Empty means the name of the host.",
        flag="--replica-name",
        pattern=r"|[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
        expects="letters, digits, '.', '_' and '-', at most 128",
    )
    reports: str = setting(
        "",
        "Directory to write reports to. Empty means `reports` in the directory of the state.",
        flag="--reports",
    )
    poll_s: float = setting(
        0.5,
        "Interval at which the decision is looked at.",
        flag="--follow-poll-s",
        unit="seconds",
        at_least=0.05,
        at_most=3600,
    )
    report_interval_s: float = setting(
        1.0,
        "Interval at which the server reports; it also does when something has changed.",
        flag="--report-interval-s",
        unit="seconds",
        at_least=0.1,
        at_most=3600,
    )
