use super::super::operation::Webhook;
use super::*;

const RULES: Rules = Rules { timeout_ms: 10_000, retention_ms: 5_000, max_attempts: 3 };

fn operation(state: State, attempts: u32) -> Operation {
    Operation { state, attempts, ..Operation::example(1) }
}

fn with_webhook(state: State, tries: u32) -> Operation {
    let url = "https://example.com/".to_owned();
    let webhook = Webhook { url, state: Delivery::Pending, attempts: tries, next_ms: 0, error: String::new() };
    Operation { webhook: Some(webhook), ..operation(state, 1) }
}

#[test]
fn a_run_ends_as_its_outcome_says() {
    let lost = |attempts| (Outcome::Refused(Status::unavailable("the worker ended")), attempts);
    let cases = [
        ((Outcome::Answered { bytes: 9, version: 4 }, 1), State::Done, 0, None),
        ((Outcome::Refused(Status::invalid_argument("bad")), 1), State::Failed, 0, Some((3, "bad"))),
        ((Outcome::Refused(Status::not_found("gone")), 1), State::Failed, 0, Some((5, "gone"))),
        (lost(1), State::Pending, 2_500, None),
        (lost(2), State::Pending, 3_000, None),
        (lost(3), State::Failed, 0, Some((14, "gave up after 3 attempts, the bound; the last one: the worker ended"))),
    ];
    for ((outcome, attempts), state, not_before_ms, failure) in cases {
        let mut running = operation(State::Running, attempts);
        RULES.run_ended(&mut running, &outcome, 2_000, 0.0);
        let failed = running.failure.as_ref().map(|failure| (failure.code, failure.message.as_str()));
        assert_eq!((running.state, running.not_before_ms, failed), (state, not_before_ms, failure), "{outcome:?}");
        let ended = state.has_ended();
        assert_eq!((running.ended_ms, running.request_bytes), if ended { (2_000, 0) } else { (0, 100) }, "{outcome:?}");
    }
}

#[test]
fn only_what_was_begun_counts_as_an_attempt() {
    let mut pending = operation(State::Pending, 0);
    RULES.put_off(&mut pending, 2_000);
    assert_eq!((pending.state, pending.attempts, pending.not_before_ms), (State::Pending, 0, 2_500));
    RULES.start(&mut pending, 3_000);
    assert_eq!((pending.state, pending.attempts, pending.started_ms), (State::Running, 1, 3_000));
    RULES.taken_back(&mut pending);
    assert_eq!((pending.state, pending.attempts), (State::Pending, 0));
}

#[test]
fn what_does_not_end_in_time_fails_and_what_has_ended_is_forgotten() {
    let mut pending = operation(State::Pending, 0);
    assert!(!RULES.expire(&mut pending, 10_999));
    assert_eq!(RULES.expires_ms(&pending), None);
    assert!(RULES.expire(&mut pending, 11_000));
    let failure = pending.failure.clone().unwrap();
    let message = "it did not end within 10 s, the limit for operations";
    assert_eq!((failure.code, failure.message.as_str()), (4, message));
    assert_eq!(RULES.expires_ms(&pending), Some(16_000));
    assert!(!RULES.expire(&mut pending, 99_000), "it has ended once");
}

#[test]
fn a_result_is_kept_until_it_is_delivered() {
    let mut running = with_webhook(State::Running, 0);
    RULES.run_ended(&mut running, &Outcome::Answered { bytes: 1, version: 1 }, 2_000, 0.0);
    assert_eq!((RULES.expires_ms(&running), running.webhook.as_ref().unwrap().next_ms), (None, 2_000));
    delivery_tried(&mut running, &Tried::Taken, 3, 100, 9_000, 0.0);
    assert_eq!(RULES.expires_ms(&running), Some(7_000));
}

#[test]
fn a_cancelled_operation_is_sent_to_nobody() {
    let mut running = with_webhook(State::Running, 0);
    RULES.cancel(&mut running, 2_000);
    assert_eq!((running.state, running.webhook, running.request_bytes), (State::Cancelled, None, 0));
}

#[test]
fn a_delivery_is_tried_until_it_is_taken_or_the_bound_is_reached() {
    let missed = || Tried::Missed("503".into());
    let cases = [
        (0, Tried::Taken, Delivery::Delivered, 0, ""),
        (0, missed(), Delivery::Pending, 1_100, "503"),
        (1, missed(), Delivery::Pending, 1_200, "503"),
        (2, missed(), Delivery::Failed, 0, "503"),
        (0, Tried::Hopeless("410".into()), Delivery::Failed, 0, "410"),
    ];
    for (before, tried, state, next_ms, error) in cases {
        let mut done = with_webhook(State::Done, before);
        delivery_tried(&mut done, &tried, 3, 100, 1_000, 0.0);
        let webhook = done.webhook.unwrap();
        assert_eq!(
            (webhook.state, webhook.attempts, webhook.next_ms, webhook.error.as_str()),
            (state, before + 1, next_ms, error),
            "{tried:?}"
        );
    }
}

#[test]
fn pauses_double_up_to_a_bound_less_what_chance_takes() {
    let cases =
        [(0, 0.0, 100), (1, 0.0, 200), (3, 0.0, 800), (4, 0.0, 1_000), (200, 0.0, 1_000), (0, 1.0, 50), (4, 0.5, 750)];
    for (doublings, chance, expected) in cases {
        assert_eq!(pause_ms(100, 1_000, doublings, chance), expected, "{doublings} {chance}");
    }
}
