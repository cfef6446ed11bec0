"""The request log's thread in a server's life."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import cast

import pytest

from seaway._core import Plane, StatusError
from seaway.errors import FailedPrecondition
from seaway.request_log.shipper import Shipper
from seaway.serving.log_shipping import LogShipping, log_directory, log_shipping
from seaway.settings.follow import Follow
from seaway.settings.request_log import RequestLog
from seaway.settings.server import ServerSettings
from tests.support.fakes import FakeClock
from tests.support.request_log_files import asked, tfrecord


class FakePlane:
    """Keeps what it is told, or refuses it."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.told: list[dict[str, object]] = []
        self._refusal = refusal

    def observe(self, metrics: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.told += json.loads(metrics)


class HangingShipper:
    """A store that never answers."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def run(self, stop: threading.Event) -> None:
        stop.wait()

    def finish(self) -> None:
        self.released.wait(30)


def settings(directory: Path, **request_log: object) -> ServerSettings:
    log = RequestLog(directory=str(directory), **request_log)  # type: ignore[arg-type]
    return ServerSettings(request_log=log, follow=Follow(replica="a"))


def shipped(plane: FakePlane, tmp_path: Path) -> list[str]:
    """Let a server's thread take one file on."""
    found = log_shipping(settings(tmp_path, format="jsonl", upload_grace_s=30.0), cast(Plane, plane), FakeClock())
    assert found.write_prefix(str(tmp_path / "m")) == str(tmp_path / "m")
    tfrecord(tmp_path / "m-20260131T235959Z-7-0.tfrecord", [asked(1.0)])
    found.start()
    found.stop()
    return sorted(path.name for path in tmp_path.iterdir())


def test_files_are_taken_on_and_counted(tmp_path: Path) -> None:
    plane = FakePlane()
    assert shipped(plane, tmp_path) == ["m-20260131T235959Z-7-0.jsonl"]
    assert plane.told == [
        {"name": "seaway_request_log_files_total", "labels": {"outcome": "converted"}, "value": 1, "op": "add"}
    ]


@pytest.mark.parametrize("refusal", [StatusError(3, "no metric"), RuntimeError("the plane is stopped")])
def test_what_cannot_be_counted_is_done_all_the_same(
    refusal: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert shipped(FakePlane(refusal), tmp_path) == ["m-20260131T235959Z-7-0.jsonl"]
    assert not caplog.text


def test_an_end_waits_no_longer_than_its_grace(caplog: pytest.LogCaptureFixture) -> None:
    shipper = HangingShipper()
    found = LogShipping(cast(Shipper, shipper), 0.01)
    found.start()
    found.stop()
    assert "still wait after 0.01 s" in caplog.text
    shipper.released.set()


def test_a_server_that_never_started_ends(tmp_path: Path) -> None:
    log_shipping(settings(tmp_path), cast(Plane, FakePlane()), FakeClock()).stop()
    assert list(tmp_path.iterdir()) == []


def test_a_form_whose_package_is_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.request_log.parquet.find_spec", lambda _: None)
    with pytest.raises(FailedPrecondition, match=r"needs the package pyarrow; pip install .*pyarrow"):
        log_shipping(settings(tmp_path, format="parquet"), cast(Plane, FakePlane()), FakeClock())


def test_logs_without_a_directory_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert log_directory(ServerSettings()) == tmp_path / "seaway" / "request-log"
