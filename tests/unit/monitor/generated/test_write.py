"""Files as Grafana and Prometheus read them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from seaway.monitor.generated.grafana import dashboards
from seaway.monitor.generated.prometheus import alert_rules, recording_rules
from seaway.monitor.generated.write import write


def test_every_file_is_written_and_named(tmp_path: Path) -> None:
    written = write(tmp_path / "new")
    assert [str(path.relative_to(tmp_path / "new")) for path in written] == [
        "grafana/seaway-overview.json",
        "grafana/seaway-model.json",
        "prometheus/seaway.recording.yml",
        "prometheus/seaway.alerts.yml",
        "prometheus/prometheus.yml",
        "prometheus/targets.json",
        "provisioning/datasources/prometheus.yml",
        "provisioning/dashboards/seaway.yml",
        "compose.yaml",
    ]
    assert sorted(written) == sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file())


def test_what_is_read_back_is_what_was_generated(tmp_path: Path) -> None:
    overview, model, recording, alerts, *_ = write(tmp_path)
    assert [json.loads(path.read_text("utf-8")) for path in (overview, model)] == list(dashboards().values())
    assert yaml.safe_load(recording.read_text("utf-8")) == recording_rules()
    assert yaml.safe_load(alerts.read_text("utf-8")) == alert_rules()


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    before = [path.read_bytes() for path in write(tmp_path)]
    assert [path.read_bytes() for path in write(tmp_path)] == before


def test_what_the_services_mount_is_what_was_written(tmp_path: Path) -> None:
    write(tmp_path)
    composed = yaml.safe_load((tmp_path / "compose.yaml").read_text("utf-8"))
    mounts = [mount for service in composed["services"].values() for mount in service["volumes"]]
    directories = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert all((tmp_path / directory).is_dir() for directory in directories)
    assert {mount.split(":")[0] for mount in mounts if not mount.startswith("./")} == set(composed["volumes"])
    provider = yaml.safe_load((tmp_path / "provisioning/dashboards/seaway.yml").read_text("utf-8"))
    assert any(mount == f"./grafana:{provider['providers'][0]['options']['path']}:ro" for mount in mounts)
