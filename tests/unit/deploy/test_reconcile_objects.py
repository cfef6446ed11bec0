"""Plans about the objects of an orchestrator."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seaway.deploy.observed import Observed, ObservedObject
from seaway.deploy.operations import ApplyObject, RemoveObject
from seaway.deploy.reconcile_objects import WantedObject, changes, reconcile_objects, teardown_objects


def wanted(kind: str, name: str, **body: Any) -> WantedObject:
    return WantedObject(kind, name, body)


def there(each: WantedObject, problem: str = "") -> ObservedObject:
    return ObservedObject(each.kind, each.name, each.digest, each.body, problem)


NETWORK, SERVICE = wanted("network", "n"), wanted("service", "s", spec={"replicas": 3, "image": "a"})


def test_golden_plans() -> None:
    changed = wanted("service", "s", spec={"replicas": 5, "image": "b"})
    old = wanted("secret", "old")
    cases = [
        (Observed(), "[1] create network n: it is not there yet\n[2] create service s: it is not there yet"),
        (Observed(objects=(there(NETWORK), there(SERVICE))), "nothing to do"),
        (
            Observed(objects=(there(NETWORK), there(changed), there(old))),
            "[1] change service s: spec.image b → a, spec.replicas 5 → 3\n"
            "[2] remove secret old: it is no longer described",
        ),
        (
            Observed(objects=(there(NETWORK), there(SERVICE, "its update was paused"))),
            "[1] change service s: its update was paused",
        ),
    ]
    for observed, plan in cases:
        assert str(reconcile_objects([NETWORK, SERVICE], observed)) == plan


def test_a_teardown_goes_the_other_way() -> None:
    observed = Observed(objects=(there(NETWORK), there(SERVICE)))
    assert str(teardown_objects(observed, "asked by hand")) == (
        "[1] remove service s: asked by hand\n[2] remove network n: asked by hand"
    )


def test_what_the_rest_can_do_without_comes_last_and_goes_first() -> None:
    observed = Observed(objects=(there(wanted("secret", "old-m")), there(wanted("secret", "old"))))
    made = reconcile_objects([wanted("service", "m"), SERVICE], observed, lambda name: name.endswith("m"))
    assert [(str(step.operation), step.dispensable) for step in made.steps] == [
        ("create service s", False),
        ("remove secret old", False),
        ("create service m", True),
        ("remove secret old-m", True),
    ]
    torn = teardown_objects(Observed(objects=(there(NETWORK), there(SERVICE))), "asked", lambda name: name == "n")
    assert [str(step.operation) for step in torn.steps] == ["remove network n", "remove service s"]


def test_changes_are_short() -> None:
    before = {"a": 1, "b": [1, 2], "c": {"d": "x" * 60}, "e": 1, "f": 1}
    after = {"a": 2, "b": [1, 3], "c": {"d": "y"}, "e": 2}
    assert changes(before, after) == f"a 1 → 2, b[1] 2 → 3, c.d {'x' * 39}… → y and 2 more"


objects = st.lists(
    st.builds(
        lambda kind, name, replicas: wanted(kind, name, replicas=replicas),
        st.sampled_from(["network", "service"]),
        st.sampled_from("abc"),
        st.integers(0, 3),
    ),
    unique_by=lambda each: (each.kind, each.name),
)


@given(objects, objects, st.booleans())
def test_after_a_plan_is_carried_out_the_next_one_is_empty(
    want: list[WantedObject], have: list[WantedObject], is_broken: bool
) -> None:
    state = {(each.kind, each.name): there(each, "broken" if is_broken else "") for each in have}
    for step in reconcile_objects(want, Observed(objects=tuple(state.values()))).steps:
        match step.operation:
            case ApplyObject(kind, name, digest, new):
                state[kind, name] = ObservedObject(kind, name, digest, new)
            case RemoveObject(kind, name):
                del state[kind, name]
    assert not reconcile_objects(want, Observed(objects=tuple(state.values())))
