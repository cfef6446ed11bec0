"""Expressions that can be built, and those that are refused because nothing would ever match them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seaway.monitor.generated.series import Catalogue, UnknownSeriesError, Vector, metrics_of

CATALOGUE = Catalogue(
    [
        {"name": "x_total", "kind": "counter", "unit": "x", "labels": ["model", "code"], "help": "Counts x."},
        {"name": "x_seconds", "kind": "histogram", "unit": "s", "labels": ["model"], "help": "Times x."},
        {"name": "x_waiting", "kind": "gauge", "unit": "x", "labels": ["model"], "help": "Waiting x."},
        {"name": "y_count", "kind": "gauge", "unit": "y", "labels": [], "help": "A gauge whose name ends so."},
    ]
)
X = CATALOGUE.series("x_total")


@pytest.mark.parametrize(
    ("built", "text", "labels"),
    [
        (X.rate("5m").sum_by("model"), "sum by (model) (rate(x_total[5m]))", ("model",)),
        (X.where('code="OK"').rate("5m").sum_by(), 'sum (rate(x_total{code="OK"}[5m]))', ()),
        (X.rate("5m").sum_by("job"), "sum by (job) (rate(x_total[5m]))", ("job",)),
        (
            CATALOGUE.series("x_seconds_bucket").rate("1m").sum_by("le", "model").quantile(0.99),
            "histogram_quantile(0.99, sum by (le, model) (rate(x_seconds_bucket[1m])))",
            ("model",),
        ),
        (CATALOGUE.series("x_waiting").now().max_by("model"), "max by (model) (x_waiting)", ("model",)),
        (CATALOGUE.series("y_count").now().sum_by(), "sum (y_count)", ()),
        (
            X.counted("5m").sum_by("model"),
            "sum by (model) ((x_total unless x_total offset 5m) or increase(x_total[5m]))",
            ("model",),
        ),
        (Vector("a", ("l",)).per(Vector("b", ("l",))), "a / (b > 0)", ("l",)),
        (Vector("a", ("l",)).or_zero_of(Vector("b", ("l",))), "(a or 0 * b)", ("l",)),
    ],
)
def test_an_expression_has_the_labels_that_its_text_leaves(built: Vector, text: str, labels: tuple[str, ...]) -> None:
    assert (built.text, built.labels) == (text, labels)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CATALOGUE.series("z_total"), "z_total is no series of the catalogue"),
        (lambda: CATALOGUE.series("x_seconds"), "x_seconds is no series of the catalogue"),
        (lambda: CATALOGUE.series("x_waiting_bucket"), "x_waiting_bucket is no series of the catalogue"),
        (lambda: X.where('version="1"'), "x_total has no label version; its labels are model, code, job, instance"),
        (lambda: X.where("code=OK"), 'code=OK is no matcher; write one as label="value"'),
        (lambda: X.rate("5m").sum_by("le"), "has no label le"),
        (lambda: X.rate("5m").sum_by("model").sum_by("code"), "has no label code"),
        (lambda: X.rate("5m").sum_by("model").quantile(0.5), "has no label le"),
        (lambda: CATALOGUE.series("x_waiting").rate("5m"), "x_waiting is a gauge, and only a counter has a rate"),
        (lambda: Vector("a", ("l",)).per(Vector("b", ())), "cannot be divided"),
    ],
)
def test_what_no_series_would_match_is_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UnknownSeriesError) as caught:
        build()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (model) (rate(x_total{code=~"a|b"}[5m])) / (sum by (model) (y_count) > 0)', ["x_total", "y_count"]),
        ("x_total unless on (model) x_total offset 5m", ["x_total", "x_total"]),
        ('model:x:rate5m{model!="z"} > 14.4 * 0.001 and up == 0', ["model:x:rate5m", "up"]),
        ("histogram_quantile(0.99, :a:b_bucket)", [":a:b_bucket"]),
    ],
)
def test_the_names_in_an_expression_are_those_of_series_only(expression: str, names: list[str]) -> None:
    assert metrics_of(expression) == names


def test_meanings_are_the_catalogues_each_once() -> None:
    assert CATALOGUE.meanings("x_seconds_sum / x_seconds_count + x_total") == "Times x.\n\nCounts x."
