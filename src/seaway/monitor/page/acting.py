"""The buttons that change a fleet: first what would happen, in words, and only then the button that does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import run, ui

from seaway.errors import SeawayError
from seaway.monitor.page import text
from seaway.monitor.page.actions import Actions
from seaway.monitor.page.components import Tag, tag
from seaway.monitor.page.frame import Visit

Step = Callable[[], str]


def whole_number(given: object, least: int) -> int | None:
    """Return a whole number that somebody typed, or None when it is none or too small."""
    try:
        value = int(str(given).strip())
    except ValueError:
        return None
    return value if least <= value < 2**63 else None


class Dialog:
    """Shows a plan, and does it when that is confirmed."""

    def __init__(self, visit: Visit) -> None:
        """Make it, closed."""
        self._visit = visit
        self._do: Step | None = None
        with ui.dialog() as self._dialog, tag("div", classes="sw-dialog", role="document"):
            self._title = tag("h2", "")
            self._text = tag("pre", "", tabindex="0")
            with tag("div", classes="sw-tools"):
                self._cancel = tag("button", "Cancel", "sw-button", type="button")
                self._confirm = tag("button", "Do it", "sw-button sw-strong", type="button")
        self._cancel.on("click", self._dialog.close, [])
        self._confirm.on("click", self._done, [])

    async def ask(self, title: str, plan: Step, do: Step) -> None:
        """Show what a plan says; `do` is what the button does."""
        self._do = None
        self._title.text, self._text.text = title, "Planning…"
        self._confirm.set_visibility(False)
        self._cancel.text = "Cancel"
        self._dialog.open()
        if (planned := await self._worked(plan)) is not None:
            self._text.text = planned
            self._do = do
            self._confirm.set_visibility(True)

    def refuse(self, title: str, why: str) -> None:
        """Say why there is nothing to plan."""
        self._do = None
        self._title.text, self._text.text, self._cancel.text = title, why, "Close"
        self._confirm.set_visibility(False)
        self._dialog.open()

    async def _done(self) -> None:
        do, self._do = self._do, None  # A second press finds nothing to do.
        if do is None:
            return
        self._confirm.set_visibility(False)
        self._text.text = "Working…"
        self._cancel.text = "Close"
        if (happened := await self._worked(do)) is not None:
            self._text.text = happened

    async def _worked(self, step: Step) -> str | None:
        if not self._visit.may_change():
            self._text.text = self._visit.site.access.sentence(self._visit.token)
            return None
        try:
            found = await run.io_bound(step)
        except SeawayError as err:
            self._text.text = f"It failed: {err}"
            return None
        return found or "Nothing to say."


@contextmanager
def _bar(visit: Visit, title: str) -> Iterator[tuple[Actions, Dialog] | None]:
    """Make the place of the buttons, for those who may press them."""
    actions = visit.site.actions
    if actions is None or not visit.may_change():
        if actions is not None:
            tag("p", visit.site.access.sentence(visit.token), "sw-aside")
        yield None
        return
    dialog = Dialog(visit)
    with tag("div", classes="sw-actions", role="group", aria_label=title):
        yield actions, dialog


def _number_field(name: str, least: int) -> tuple[Tag, Callable[[], int | None]]:
    """Make a field for a whole number, and return it with what reads it."""
    typed = {"value": ""}
    with tag("label"):
        tag("span", name)
        field = tag("input", type="number", min=str(least), step="1", inputmode="numeric")

    def remember(event: object) -> None:
        typed["value"] = str(getattr(event, "args", ""))

    field.on("input", remember, js_handler="(event) => emit(event.target.value)")
    return field, lambda: whole_number(typed["value"], least)


def _button(name: str, press: Callable[[], Awaitable[None]]) -> None:
    tag("button", name, "sw-button", type="button").on("click", press, [])


def actions_of_model(visit: Visit, model: str) -> None:
    """Make what changes a model, or say why it cannot be changed, or nothing when there is no fleet."""
    with _bar(visit, "Change this model") as bar:
        if bar is None:
            return
        actions, dialog = bar
        _, version = _number_field("Version", 0)

        async def roll_out() -> None:
            number = version()
            if number is None:
                dialog.refuse("Roll out", "Give the version's number, as in 7.")
                return
            await dialog.ask(
                f"Roll out version {number} of {text.visible(model)}?",
                lambda: actions.plan_rollout(model, number),
                lambda: actions.do_rollout(model, number),
            )

        async def roll_back() -> None:
            await dialog.ask(
                f"Roll {text.visible(model)} back?",
                lambda: actions.plan_rollback(model),
                lambda: actions.do_rollback(model),
            )

        _button("Roll out…", roll_out)
        _button("Roll back…", roll_back)


def actions_of_fleet(visit: Visit) -> None:
    """Make what changes the number of replicas; as `actions_of_model`."""
    with _bar(visit, "Change the fleet") as bar:
        if bar is None:
            return
        actions, dialog = bar
        _, replicas = _number_field("Replicas", 0)

        async def scale() -> None:
            number = replicas()
            if number is None:
                dialog.refuse("Scale", "Give a number of replicas, as in 3.")
                return
            await dialog.ask(
                f"Scale to {number} replicas?",
                lambda: actions.plan_scale(number),
                lambda: actions.do_scale(number),
            )

        _button("Scale…", scale)
