"""Channels against a real HTTP server, and that none of them shows its address."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Callable

import pytest

from seaway import errors
from seaway.monitor.notify.channels import AppriseChannel, Channel, WebhookChannel
from seaway.monitor.notify.message import render
from seaway.monitor.notify.secret_url import hidden, scrubbed
from seaway.settings.secret import Secret
from tests.support.notification_samples import HOSTILE, http_server, notice

# Apprise loads all of its services at the first address, and with them packages that are not ours.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

HOSTILE_NOTICES = [notice(rule=v, labels={v: v}, summary=v, group=v) for v in HOSTILE.values()]


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def webhook(port: int, path: str = "/hook?token=s3cr3t-t0ken") -> WebhookChannel:
    return WebhookChannel("hook", Secret(f"http://me:pa%20ss@127.0.0.1:{port}{path}"))


def through_apprise(port: int) -> AppriseChannel:
    return AppriseChannel("json", Secret(f"json://me:s3cr3t-pass@127.0.0.1:{port}/s3cr3t-t0ken"))


def test_a_webhook_receives_json() -> None:
    with http_server(204) as seen:
        webhook(seen.port).send("title", "body", [notice()])
    assert seen.paths == ["/hook?token=s3cr3t-t0ken"]
    assert seen.headers[0]["Content-Type"] == "application/json"
    assert seen.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"me:pa ss").decode()
    assert (seen.json()["title"], seen.json()["notices"][0]["rule"]) == ("title", "slow")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, errors.InvalidArgument),
        (400, errors.InvalidArgument),
        (401, errors.Unauthenticated),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (408, errors.Unavailable),
        (410, errors.NotFound),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
    ],
)
def test_an_answer_that_is_not_2xx_is_an_error_with_what_was_said_but_no_secret(
    status: int, error: type[errors.SeawayError]
) -> None:
    with http_server(status) as seen, pytest.raises(error) as raised:
        seen.answer = lambda path: f"no: {path}\n".encode()
        webhook(seen.port).send("title", "body", [notice()])
    assert type(raised.value) is error
    assert f"answered {status}" in raised.value.message
    assert "no: /[REDACTED]?[REDACTED]=[REDACTED]" in raised.value.message
    assert "s3cr3t" not in raised.value.message
    assert len(seen.paths) == 1


def test_a_webhook_that_fails_twice_then_takes_it() -> None:
    with http_server(503, 500) as seen:
        channel = webhook(seen.port)
        for _ in range(2):
            with pytest.raises(errors.Unavailable):
                channel.send("title", "body", [notice()])
        channel.send("title", "body", [notice()])


@pytest.mark.parametrize("make", [webhook, through_apprise])
def test_nobody_there_is_unavailable_and_tells_no_secret(
    make: Callable[[int], Channel], caplog: pytest.LogCaptureFixture
) -> None:
    channel = make(closed_port())
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.Unavailable) as raised:
        channel.send("title", "body", [notice()])
    assert "127.0.0.1" in raised.value.message
    assert "s3cr3t" not in raised.value.message + repr(channel) + caplog.text
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_webhook_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = Secret(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        with pytest.raises(errors.Unavailable, match="timed out"):
            WebhookChannel("hook", address, timeout_s=0.05).send("t", "b", [notice()])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://s3cr3t.example.org/",
        "file:///etc/passwd-s3cr3t",
        "https://",
        "https:///s3cr3t",
        "https://example.org:s3cr3t/",
        "https://example.org:99999/s3cr3t",
        "https://example.org/s3cr3t\r\nHost: x",
        "https://[s3cr3t/",
        "https://example..org/s3cr3t",
        "s3cr3t",
        "",
    ],
)
def test_an_address_that_is_no_http_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        WebhookChannel("hook", Secret(url))
    assert "channel 'hook'" in refused.value.message
    assert "s3cr3t.e" not in refused.value.message
    assert "s3cr3t/" not in refused.value.message
    assert "/s3cr3t" not in refused.value.message


def test_apprise_sends_title_and_body_and_how_bad_it_is() -> None:
    with http_server() as seen:
        channel = through_apprise(seen.port)
        channel.send("title", "body\nline", [notice()])
        channel.send("title", "body", [notice(severity="ticket")])
        channel.send("title", "body", [notice(state="resolved")])
        channel.send("title", "body", [notice(state="test")])
    assert (seen.json(0)["title"], seen.json(0)["message"]) == ("title", "body\nline")
    assert [seen.json(number)["type"] for number in range(4)] == ["failure", "warning", "success", "info"]


def test_what_apprise_logged_is_the_error_and_is_kept_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with (
        http_server(500) as seen,
        caplog.at_level(logging.DEBUG),
        pytest.raises(errors.Unavailable, match="error=500") as raised,
    ):
        through_apprise(seen.port).send("title", "body", [notice()])
    assert "s3cr3t" not in raised.value.message
    assert "s3cr3t" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith(("apprise", "urllib3"))]
    logging.getLogger("apprise").warning("of somebody else")
    assert "of somebody else" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/s3cr3t!!!/s3cr3tX",
        "nosuchthing://s3cr3t:s3cr3t@s3cr3t",
        "json://",
        "s3cr3t",
        "s3cr3t\n://",
        "",
    ],
)
def test_an_address_that_apprise_refuses_is_told_without_its_secret(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.InvalidArgument, match="apprise refuses") as refused:
        AppriseChannel("chat", Secret(url))
    assert "channel 'chat'" in refused.value.message
    assert "s3cr3t" not in refused.value.message.lower() + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "dingtalk://abcdefghabcdefgh/12345678901",
        "wecombot://abcdefgh",
        "feishu://abcdefgh",
        "mailto://user:password@example.org",
    ],
)
def test_the_services_of_the_documentation_are_known(url: str) -> None:
    shown = repr(AppriseChannel("chat", Secret(url)))
    assert not {"T1JJ3T3L2", "abcdefgh", "password"} & set(shown.replace("/", " ").split())


def test_too_long_a_message_is_cut_to_what_the_service_takes_in_bytes() -> None:
    with http_server() as seen:
        channel = through_apprise(seen.port)
        channel._service.body_maxlen = 300
        channel.send("饱和", "饱" * 1000, [notice()])
    received = seen.json()
    assert received["message"].endswith("饱…")
    assert 250 <= len((received["title"] + received["message"]).encode()) <= 300


@pytest.mark.parametrize("make", [webhook, through_apprise])
def test_hostile_labels_arrive(make: Callable[[int], Channel]) -> None:
    with http_server() as seen:
        channel = make(seen.port)
        for notices in [*([each] for each in HOSTILE_NOTICES), HOSTILE_NOTICES]:
            channel.send(*render(notices), notices)
    assert len(seen.bodies) == len(HOSTILE) + 1
    assert all(seen.json(number) for number in range(len(seen.bodies)))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.org/a/b?c=d", "https://hooks.example.org/[REDACTED]"),
        ("HTTPS://me:pw@hooks.example.org:8443/x", "https://hooks.example.org:8443/[REDACTED]"),
        ("https://me:p/w@hooks.example.org/x", "https://[REDACTED]"),
        ("json://me:pw@[::1]:80/x", "json://[::1]:80/[REDACTED]"),
        ("slack://token/a/b", "slack://[REDACTED]"),
        ("https://[token/", "https://[REDACTED]"),
        ("token", "[REDACTED]"),
        ("", "[REDACTED]"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert hidden(Secret(url)) == shown


def test_a_text_loses_what_the_address_holds() -> None:
    url = Secret("https://me:p%40ss@example.org/T0KEN?k=x")
    text = "POST https://me:p@ss@example.org/t0ken?k=x failed; me too, max retries"
    shown = scrubbed(text, url)
    assert "p@ss" not in shown
    assert "t0ken" not in shown
    assert shown.endswith("max retries")
    assert scrubbed("example.org is down", url) == "example.org is down"
