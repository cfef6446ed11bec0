"""The table that the plane is given."""

from __future__ import annotations

import json
from dataclasses import replace

from seaway import errors
from seaway.repository.ids import ServableId
from seaway.repository.routes import routes_json
from seaway.repository.snapshot import ModelSnapshot, ModelView, VersionSnapshot
from seaway.repository.states import ServableState, State
from seaway.settings.model_config import RequestLog
from tests.support.fakes import model_config


def view(name: str, *states: ServableState, **labels: int) -> ModelView:
    snapshot = ModelSnapshot(name, tuple(VersionSnapshot(state, True) for state in states))
    return ModelView(name, model_config(name), True, None, snapshot, labels)


def test_table_holds_every_version_with_its_reason_and_channels_of_available_ones_only() -> None:
    serving, failed, leaving = ServableId("m", 2), ServableId("m", 3), ServableId("m", 1)
    views = {
        "m": view(
            "m",
            ServableState(leaving, State.UNLOADING),
            ServableState(serving, State.AVAILABLE),
            ServableState(failed, State.END, errors.DataLoss.code, "variables are missing"),
            stable=2,
        ),
        "empty": view("empty"),
    }

    table = json.loads(routes_json(views, {leaving: 4, serving: 7}))

    assert table == {
        "models": [
            {"name": "empty", "labels": {}, "problem": "", "versions": []},
            {
                "name": "m",
                "labels": {"stable": 2},
                "problem": "",
                "versions": [
                    {"version": 1, "state": "UNLOADING", "error_code": 0, "error_message": "", "channel": None},
                    {"version": 2, "state": "AVAILABLE", "error_code": 0, "error_message": "", "channel": 7},
                    {
                        "version": 3,
                        "state": "END",
                        "error_code": 15,
                        "error_message": "variables are missing",
                        "channel": None,
                    },
                ],
            },
        ]
    }


def test_a_model_whose_requests_are_logged_says_where_and_how_often() -> None:
    config = replace(model_config("m"), request_log=RequestLog("/log/m", 0.5))

    (table,) = json.loads(routes_json({"m": ModelView("m", config, True, None, ModelSnapshot("m", ()), {})}, {}))[
        "models"
    ]

    assert table["request_log"] == {"prefix": "/log/m", "sampling_rate": 0.5}


def test_a_log_is_written_where_its_prefix_leads_and_nowhere_if_it_leads_nowhere() -> None:
    view = {
        name: ModelView(
            name,
            replace(model_config(name), request_log=RequestLog(prefix, 1.0)),
            True,
            None,
            ModelSnapshot(name, ()),
            {},
        )
        for name, prefix in (("a", "s3://b/a"), ("b", "s3://b/b"))
    }
    places = {"s3://b/a": "/spool/a", "s3://b/b": None}

    first, second = json.loads(routes_json(view, {}, write_prefix=lambda prefix: places[prefix]))["models"]

    assert first["request_log"] == {"prefix": "/spool/a", "sampling_rate": 1.0}
    assert "request_log" not in second
