"""Plans as they are shown: a situation, what is wanted, and every line of what follows."""

from __future__ import annotations

import pytest
from msgspec import structs

from seaway.deploy.desired import Desired
from seaway.deploy.observed import Observed, ObservedIngress, ObservedMonitor, PublishedNow, Replica, State
from seaway.deploy.operations import Publish
from seaway.deploy.reconcile import must_load, reconcile, teardown
from seaway.fleet.published import Published, PublishedModel, Traffic
from tests.support.simulated_deployment import desired, monitor, published

A, B = desired(image="a").replica.digest, desired(image="b").replica.digest
INGRESS = ObservedIngress(desired().ingress.digest)
LOOKING = ObservedMonitor(monitor().digest)
MAY_FAIL = " (if this fails, the rest stays as deployed)"


def replica(number: int, state: State = State.READY, spec: str = A, reason: str = "") -> Replica:
    return Replica(f"digits-{number}", spec, state, generation=1, applied=True, reason=reason)


def running(*replicas: Replica, now: PublishedNow | None = None, ingress: ObservedIngress = INGRESS) -> Observed:
    return Observed(True, ingress, replicas, now or PublishedNow(1, published(1).digest))


def two_versions(traffic: Traffic | None) -> Published:
    return Published((PublishedModel("mnist", "mnist", (1, 2), traffic=traffic),))


def with_published(wanted: Desired, decision: Published) -> Desired:
    return structs.replace(wanted, published=decision)


PLANS = [
    pytest.param(
        desired(2),
        Observed(),
        None,
        """\
[1] prepare the target: nothing is there yet
[2] publish generation 1 to all replicas: no decision on what is served is published yet
[3] start ingress on 127.0.0.1: gRPC 8500, REST 8501: clients have no way in yet
[4] start digits-1 and wait until it is ready: 0 replicas run, 2 are wanted
[5] start digits-2 and wait until it is ready: 0 replicas run, 2 are wanted""",
        id="nothing-is-there",
    ),
    pytest.param(desired(2), running(replica(1), replica(2)), published(1), "nothing to do", id="all-is-well"),
    pytest.param(
        desired(1, monitor=monitor()),
        Observed(),
        None,
        f"""\
[1] prepare the target: nothing is there yet
[2] publish generation 1 to all replicas: no decision on what is served is published yet
[3] start ingress on 127.0.0.1: gRPC 8500, REST 8501: clients have no way in yet
[4] start digits-1 and wait until it is ready: 0 replicas run, 1 is wanted
[5] create monitor on 127.0.0.1:8502: nothing looks at the replicas yet{MAY_FAIL}""",
        id="the-monitor-comes-last",
    ),
    pytest.param(
        desired(1, monitor=monitor(9502)),
        structs.replace(running(replica(1)), monitor=LOOKING),
        published(1),
        f"[1] replace monitor on 127.0.0.1:9502: it was made from {monitor().digest}, not {monitor(9502).digest}"
        f"{MAY_FAIL}",
        id="another-monitor",
    ),
    pytest.param(
        desired(1, monitor=monitor()),
        structs.replace(running(replica(1)), monitor=ObservedMonitor(monitor().digest, False, "it has ended")),
        published(1),
        f"[1] start monitor on 127.0.0.1:8502: it has ended{MAY_FAIL}",
        id="a-monitor-that-is-down",
    ),
    pytest.param(
        desired(1),
        structs.replace(running(replica(1)), monitor=LOOKING),
        published(1),
        f"[1] remove monitor: none is wanted{MAY_FAIL}",
        id="no-monitor-any-more",
    ),
    pytest.param(
        desired(1, monitor=monitor(9502), leaves_monitor=True),
        structs.replace(running(replica(1)), monitor=ObservedMonitor(monitor().digest, False)),
        published(1),
        "nothing to do",
        id="a-change-of-something-else-leaves-the-monitor-alone",
    ),
    pytest.param(
        desired(2, version=2),
        running(replica(1), replica(2)),
        published(1),
        """\
[1] publish generation 2 to digits-1: mnist: version 1 → version 2
[2] publish generation 3 to all replicas: mnist: version 1 → version 2""",
        id="a-version-that-must-be-loaded-comes-to-one-after-another",
    ),
    pytest.param(
        with_published(desired(2), two_versions(Traffic(1, 2, canary=0.1, shadow=0.5))),
        running(replica(1), replica(2), now=PublishedNow(4, two_versions(Traffic(1)).digest)),
        two_versions(Traffic(1)),
        "[1] publish generation 5 to all replicas: mnist: traffic live 1 → live 1 and 2 shadows 50% and 2 answers 10%",
        id="traffic-moves-everywhere-at-once",
    ),
    pytest.param(
        desired(3),
        running(replica(1)),
        published(1),
        """\
[1] start digits-2 and wait until it is ready: 1 replica runs, 3 are wanted
[2] start digits-3 and wait until it is ready: 1 replica runs, 3 are wanted""",
        id="more-replicas",
    ),
    pytest.param(
        desired(1),
        running(replica(1), replica(2), replica(3)),
        published(1),
        """\
[1] drain and stop digits-3: 3 replicas run, 1 is wanted
[2] drain and stop digits-2: 3 replicas run, 1 is wanted""",
        id="fewer-replicas",
    ),
    pytest.param(
        desired(2, image="b"),
        running(replica(1), replica(2)),
        published(1),
        f"""\
[1] start digits-3 and wait until it is ready: takes the place of digits-1, which was made from {A}, not {B}
[2] drain and stop digits-1: another has its place, which was made from {A}, not {B}
[3] start digits-4 and wait until it is ready: takes the place of digits-2, which was made from {A}, not {B}
[4] drain and stop digits-2: another has its place, which was made from {A}, not {B}""",
        id="another-image-comes-to-one-after-another-the-new-one-first",
    ),
    pytest.param(
        desired(2),
        running(replica(1), replica(2, State.LOST, reason="its supervisor is gone")),
        published(1),
        """\
[1] start digits-3 and wait until it is ready: takes the place of digits-2, which is lost: its supervisor is gone
[2] drain and stop digits-2: another has its place, which is lost: its supervisor is gone""",
        id="a-lost-replica-is-replaced",
    ),
    pytest.param(
        desired(2),
        running(replica(1), replica(2, State.STARTING)),
        published(1),
        "[1] start digits-2 and wait until it is ready: it is starting",
        id="a-start-that-was-interrupted-is-waited-for",
    ),
    pytest.param(
        desired(1, port=9500),
        running(replica(1)),
        published(1),
        "[1] start ingress on 127.0.0.1: gRPC 9500, REST 9501: address, ports or certificate have changed",
        id="other-ports",
    ),
    pytest.param(
        desired(1),
        running(replica(1), ingress=ObservedIngress(desired().ingress.digest, False, "it has ended")),
        published(1),
        "[1] start ingress on 127.0.0.1: gRPC 8500, REST 8501: it has ended",
        id="an-ingress-that-is-down",
    ),
    pytest.param(
        desired(2, version=2),
        running(replica(1), replica(2), now=PublishedNow(5, published(2).digest, ("digits-1",), published(1).digest)),
        published(2),
        "[1] publish generation 6 to all replicas: generation 5 reached only digits-1",
        id="a-publication-that-was-cut-off-goes-on",
    ),
    pytest.param(
        desired(1, image="b", version=2),
        running(replica(1)),
        published(1),
        f"""\
[1] publish generation 2 to new replicas: mnist: version 1 → version 2
[2] start digits-2 and wait until it is ready: takes the place of digits-1, which was made from {A}, not {B}
[3] drain and stop digits-1: another has its place, which was made from {A}, not {B}
[4] publish generation 3 to all replicas: no replica has to keep the decision before""",
        id="models-and-image-together-leave-the-old-ones-as-they-are",
    ),
]


@pytest.mark.parametrize(("wanted", "observed", "before", "plan"), PLANS)
def test_golden_plan(wanted: Desired, observed: Observed, before: Published | None, plan: str) -> None:
    assert str(reconcile(wanted, observed, before)) == plan


def test_a_publication_is_taken_back_with_the_decision_before() -> None:
    steps = reconcile(desired(2, version=2), running(replica(1), replica(2)), published(1)).steps
    assert [step.undo for step in steps] == [Publish(4, published(1)), Publish(4, published(1))]


def test_a_teardown_ends_what_would_alert_and_takes_the_clients_away_first() -> None:
    assert (
        str(teardown(structs.replace(running(replica(1), replica(2)), monitor=LOOKING), "asked by hand"))
        == """\
[1] remove monitor: asked by hand
[2] stop ingress: asked by hand
[3] drain and stop digits-1: asked by hand
[4] drain and stop digits-2: asked by hand
[5] remove what is left of the deployment: asked by hand"""
    )


@pytest.mark.parametrize(
    ("before", "after", "loads"),
    [
        pytest.param(published(1), published(2), True, id="another-version"),
        pytest.param(two_versions(None), published(1), False, id="one-less"),
        pytest.param(two_versions(None), two_versions(Traffic(1)), False, id="traffic"),
        pytest.param(Published(), published(1), True, id="a-new-model"),
        pytest.param(published(1), Published(), False, id="a-model-that-goes"),
        pytest.param(
            published(1), Published((PublishedModel("mnist", "mnist", (1,), engine="onnx"),)), True, id="another-engine"
        ),
    ],
)
def test_whether_something_must_be_loaded(before: Published, after: Published, loads: bool) -> None:
    assert must_load(before, after) is loads
