"""REST byte for byte: bodies, paths, status, metadata, CORS, metrics and health."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support import zstd_frame
from tests.support.conformance.rest_cases import ANSWERS, HALF, PATHS, PREDICT, REFUSALS, Rest, listed
from tests.support.conformance.subject import Subject
from tests.support.server import Answer, http

pytestmark = pytest.mark.conformance


def sent(subject: Subject, case: Rest) -> Answer:
    if case.only and case.only != subject.name:
        pytest.skip(f"{case.id}: only {case.only} answers so")
    return http(subject.url + case.path, case.body, **dict(case.headers))


def without_space(text: str) -> str:
    """How JSON is laid out is the pretty printer's affair; every character between is compared."""
    return "".join(text.split())


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_a_good_body_is_answered(subject: Subject, case: Rest) -> None:
    answer = sent(subject, case)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    if case.answer is not None:
        assert answer.json == case.answer
    assert without_space(case.text) in without_space(answer.body.decode())


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_a_bad_body_is_refused_with_a_reason(subject: Subject, case: Rest) -> None:
    answer = sent(subject, case)
    assert answer.status == case.status, answer.body
    assert case.error in answer.error
    assert answer.error


@pytest.mark.parametrize("case", PATHS, ids=lambda case: case.id)
def test_a_bad_path_is_refused_with_a_reason(subject: Subject, case: Rest) -> None:
    answer = sent(subject, case)
    assert answer.status == case.status, answer.body
    assert case.error in answer.error


def test_status_lists_each_version(subject: Subject) -> None:
    answer = http(f"{subject.url}/v1/models/two_versions")
    entries = {entry["version"]: entry for entry in answer.json["model_version_status"]}
    assert set(entries) == {"123", "124"}
    assert entries["124"]["state"] == "AVAILABLE"
    assert entries["124"]["status"] == {"error_code": "OK", "error_message": ""}


def test_status_of_one_version(subject: Subject) -> None:
    answer = http(f"{subject.url}/v1/models/two_versions/versions/123")
    assert [entry["version"] for entry in answer.json["model_version_status"]] == ["123"]


def test_status_of_a_label(subject: Subject) -> None:
    answer = http(f"{subject.url}/v1/models/two_versions/labels/canary")
    assert [entry["version"] for entry in answer.json["model_version_status"]] == ["124"]


def test_metadata_describes_every_signature(subject: Subject) -> None:
    answer = http(f"{subject.url}{HALF}/metadata")
    assert answer.json["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signatures = answer.json["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {
        *("serving_default", "regress_x_to_y", "regress_x_to_y2", "regress_x2_to_y3", "classify_x_to_y")
    }
    x = signatures["serving_default"]["inputs"]["x"]
    assert x["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in x["tensor_shape"]["dim"]] == ["-1", "1"]
    assert signatures["classify_x_to_y"]["method_name"] == "tensorflow/serving/classify"


def test_a_large_batch_comes_back_whole_and_in_order(subject: Subject) -> None:
    answer = http(subject.url + PREDICT, json.dumps({"instances": [[float(row)] for row in range(20_000)]}))
    assert answer.json["predictions"] == [[row / 2 + 2.0] for row in range(20_000)]


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(subject: Subject) -> None:
    bomb = gzip.compress(b" " * (120 * 2**20), compresslevel=9)
    assert len(bomb) < 200_000
    answer = http(subject.url + PREDICT, bomb, Content_Encoding="gzip")
    assert answer.status in {400, 413}
    assert http(subject.url + PREDICT, listed(1)).status == 200


def test_a_zstd_bomb_is_refused_before_it_is_unpacked(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving takes no zstd")
    bomb = zstd_frame.spaces(120 * 2**20)
    assert len(bomb) < 5_000
    answer = http(subject.url + PREDICT, bomb, Content_Encoding="zstd")
    assert answer.status == 413
    assert http(subject.url + PREDICT, listed(1)).status == 200


def test_an_answer_is_compressed_for_a_client_that_asks(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving does not compress REST answers")
    answer = http(subject.url + PREDICT, listed(5000), Accept_Encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(answer.body))["predictions"]) == 5000
    better = http(subject.url + PREDICT, listed(5000), Accept_Encoding="gzip;q=0.8, zstd, identity;q=0.1")
    assert (better.headers["content-encoding"], better.headers["vary"]) == ("zstd", "accept-encoding")
    assert better.body.startswith(zstd_frame.MAGIC)
    plain = http(subject.url + PREDICT, listed(5000), Accept_Encoding="gzip;q=0.5, identity")
    assert "content-encoding" not in plain.headers
    assert len(plain.json["predictions"]) == 5000


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_ok(subject: Subject, path: str) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving has no health paths")
    assert http(subject.url + path).status == 200


def test_the_list_of_models_names_version_state_engine_and_worker(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving has no list of models")
    listing = {model["name"]: model for model in http(f"{subject.url}/v1/models").json["models"]}
    assert listing["two_versions"]["labels"] == {"stable": "123", "canary": "124"}
    (version,) = listing["half_plus_two"]["versions"]
    assert version["state"] == "AVAILABLE"
    assert version["engine"]
    assert version["worker_pid"] > 0


def test_metrics_have_tensorflow_servings_names_and_ours(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("the reference was started without a monitoring file")
    http(subject.url + PREDICT, listed(1))
    page = http(f"{subject.url}/monitoring/prometheus/metrics").body.decode()
    assert "# TYPE :tensorflow:serving:request_count counter" in page
    assert ':tensorflow:serving:request_count{model_name="half_plus_two",status="OK"}' in page
    assert ":tensorflow:serving:request_latency_bucket{" in page
    assert "seaway_" in page


def test_a_model_nobody_has_does_not_grow_the_metrics(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving labels with whatever clients send")
    for number in range(20):
        http(f"{subject.url}/v1/models/invented_{number}:predict", listed(1))
    assert "invented_7" not in http(f"{subject.url}/monitoring/prometheus/metrics").body.decode()


def test_how_requests_are_joined_is_told_and_is_not_changed_without_leave(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("only seaway has this call")
    told = http(f"{subject.url}{HALF}/batching")
    assert told.status == 200
    assert told.json["versions"][0]["signatures"]["serving_default"]["joined"]
    refused = http(f"{subject.url}{HALF}/batching", {"enabled": False}, method="PUT")
    assert refused.status == 403
    assert "network.admin_calls" in refused.error
    assert http(f"{subject.url}/v1/models/nowhere/batching").status == 404
    assert http(f"{subject.url}{HALF}/batching", {}).status == 400
