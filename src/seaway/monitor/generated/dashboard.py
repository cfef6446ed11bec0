"""A dashboard as rows of panels, and as Grafana's JSON. Pure.

A dashboard is a list of rows, a row a list of panels; where a panel lies and its id follow from its place in that list.
A panel's description is what the catalogue says of its metrics. Which dashboards there are, and what they ask, it does
not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from seaway.monitor.generated.series import Catalogue, Series, Vector

SCHEMA_VERSION = 39
_COLUMNS = 24
_PANEL_HEIGHT = 8
_ROW_HEIGHT = 1

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel; the legend is a prefix and the labels' values."""

    vector: Vector
    prefix: str = ""

    @property
    def legend(self) -> str:
        """The legend's template."""
        words = ([self.prefix] if self.prefix else []) + [f"{{{{{label}}}}}" for label in self.vector.labels]
        return " ".join(words) or "all"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart, or a table of what is now."""

    title: str
    unit: str
    targets: tuple[Target, ...]
    stacked: bool = False
    table: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels next to each other under a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of the values of a series' label."""

    name: str
    source: Series
    several: bool = True


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of charts: `uid` is the end of its address, whatever its title becomes."""

    uid: str
    title: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]


def chart(title: str, unit: str, vector: Vector) -> Panel:
    """Return a panel with one query."""
    return Panel(title, unit, (Target(vector),))


def dashboard_json(catalogue: Catalogue, dashboard: Dashboard) -> Json:
    """Return a dashboard as Grafana reads it.

    Raises:  UnknownSeriesError - the catalogue lacks the label of a variable.
    """
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["seaway"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [_link()],
        "templating": {"list": [_datasource_variable(), *map(_variable, dashboard.variables)]},
        "panels": list(_placed(catalogue, dashboard.rows)),
    }


def _link() -> Json:
    """Return the link to the dashboards of the same tag, with the time and the model kept."""
    return {
        "type": "dashboards",
        "title": "Seaway",
        "tags": ["seaway"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _datasource_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "refresh": 1,
        "current": {},
        "options": [],
    }


def _variable(variable: Variable) -> Json:
    # The label was not filtered by or grouped by yet, so nothing has checked it.
    variable.source.now().sum_by(variable.name)
    query = f"label_values({variable.source}, {variable.name})"
    every = {"text": ["All"], "value": ["$__all"]} if variable.several else {}
    return {
        "name": variable.name,
        "label": variable.name.capitalize(),
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": "A"},
        "definition": query,
        "refresh": 2,
        "sort": 3 if variable.name == "version" else 1,
        "multi": variable.several,
        "includeAll": variable.several,
        # A label may be empty, which one of the listed values never is.
        "allValue": ".*" if variable.several else None,
        "hide": 0,
        "current": every,
        "options": [],
    }


def _placed(catalogue: Catalogue, rows: tuple[Row, ...]) -> Iterator[Json]:
    """Yield all panels, those of a row as wide as each other."""
    top, identifier = 0, 1
    for row in rows:
        yield _row_json(row, identifier, {"x": 0, "y": top, "w": _COLUMNS, "h": _ROW_HEIGHT})
        top += _ROW_HEIGHT
        width = _COLUMNS // len(row.panels)
        for index, panel in enumerate(row.panels):
            position = {"x": index * width, "y": top, "w": width, "h": _PANEL_HEIGHT}
            yield _panel_json(catalogue, panel, identifier + 1 + index, position)
        top += _PANEL_HEIGHT
        identifier += 1 + len(row.panels)


def _row_json(row: Row, identifier: int, position: Json) -> Json:
    return {
        "id": identifier,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": position,
        "panels": [],
    }


def _panel_json(catalogue: Catalogue, panel: Panel, identifier: int, position: Json) -> Json:
    expressions = " ".join(target.vector.text for target in panel.targets)
    return {
        "id": identifier,
        "type": "table" if panel.table else "timeseries",
        "title": panel.title,
        "description": catalogue.meanings(expressions),
        "datasource": _DATASOURCE,
        "gridPos": position,
        "targets": [_target_json(panel, target, index) for index, target in enumerate(panel.targets)],
        "fieldConfig": {"defaults": _field_defaults(panel), "overrides": []},
        "options": _table_options() if panel.table else _chart_options(),
        "transformations": _table_transformations() if panel.table else [],
    }


def _target_json(panel: Panel, target: Target, index: int) -> Json:
    return {
        "refId": chr(ord("A") + index),
        "datasource": _DATASOURCE,
        "editorMode": "code",
        "expr": target.vector.text,
        "legendFormat": target.legend,
        "format": "table" if panel.table else "time_series",
        "instant": panel.table,
        "range": not panel.table,
    }


def _field_defaults(panel: Panel) -> Json:
    if panel.table:
        return {"unit": panel.unit}
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 5,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
    }
    # Nothing that is shown can be negative, and an axis that begins elsewhere makes noise look like a change.
    return {"unit": panel.unit, "min": 0, "custom": custom}


def _chart_options() -> Json:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _table_options() -> Json:
    return {"showHeader": True, "cellHeight": "sm"}


def _table_transformations() -> list[Json]:
    """Return what leaves the labels and the value of a table, without the time of the query."""
    return [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "replicas"}}}]
