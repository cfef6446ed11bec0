"""What starts Prometheus and Grafana with the dashboards and rules in place. Pure.

It is their own provisioning files, and a compose file that runs both.
The compose file serves `docker compose up` and, as a stack, `docker stack deploy` on a node that has the directory. The
servers to scrape stand in `prometheus/targets.json`, which may be changed while Prometheus runs.

Source: Grafana's documentation, "Provision Grafana"; Prometheus' documentation, "Configuration"; the Compose
specification.
"""

from __future__ import annotations

from typing import Any

_PROMETHEUS = "prom/prometheus:v3.5.0"
_GRAFANA = "grafana/grafana-oss:12.1.0"
_SCRAPE_S = 15

Yaml = dict[str, Any]


def prometheus_config() -> Yaml:
    """Return Prometheus' configuration: the rules, and the servers of `targets.json`."""
    return {
        "global": {"scrape_interval": f"{_SCRAPE_S}s", "evaluation_interval": f"{_SCRAPE_S}s"},
        "rule_files": ["seaway.recording.yml", "seaway.alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "seaway",
                "metrics_path": "/monitoring/prometheus/metrics",
                "file_sd_configs": [{"files": ["targets.json"]}],
            }
        ],
    }


def targets() -> list[Yaml]:
    """Return the servers to scrape until somebody names others: the one on the host of the containers."""
    return [{"targets": ["host.docker.internal:8501"]}]


def grafana_datasource() -> Yaml:
    """Return Grafana's data source: the Prometheus beside it."""
    source = {"name": "Prometheus", "type": "prometheus", "url": "http://prometheus:9090", "isDefault": True}
    return {"apiVersion": 1, "datasources": [source]}


def grafana_provider() -> Yaml:
    """Return where Grafana finds the dashboards."""
    options = {"path": "/var/lib/grafana/dashboards"}
    return {"apiVersion": 1, "providers": [{"name": "Seaway", "type": "file", "options": options}]}


def compose() -> Yaml:
    """Return both as services. They listen on this machine only; Grafana keeps its own log-in."""
    return {
        "services": {
            "prometheus": {
                "image": _PROMETHEUS,
                "ports": ["127.0.0.1:9090:9090"],
                "extra_hosts": ["host.docker.internal:host-gateway"],
                "volumes": ["./prometheus:/etc/prometheus:ro", "prometheus:/prometheus"],
                "restart": "unless-stopped",
            },
            "grafana": {
                "image": _GRAFANA,
                "ports": ["127.0.0.1:3000:3000"],
                "volumes": [
                    "./grafana:/var/lib/grafana/dashboards:ro",
                    "./provisioning:/etc/grafana/provisioning:ro",
                    "grafana:/var/lib/grafana",
                ],
                "restart": "unless-stopped",
            },
        },
        "volumes": {"prometheus": {}, "grafana": {}},
    }
