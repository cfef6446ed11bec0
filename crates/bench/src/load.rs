//! A load: places in flight, each asking again and again at a pace, until the end.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until};

use crate::failure::Failure;
use crate::options::Load;
use crate::pace::{Arrivals, Pace};
use crate::problem::Problem;
use crate::processor_time;
use crate::tally::{Moments, Tally};

/// How often the watcher is told how far the load is.
const TICK: Duration = Duration::from_millis(200);

/// How long answers are awaited after the watcher has ended the load: somebody waits at the keyboard.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(1);

/// One place in flight.
pub trait Place: 'static {
    /// Sends the request and waits for its answer; tells the server the deadline, where the protocol can.
    ///
    /// Raises: Failure - anything but success.
    async fn ask(&mut self, deadline: Option<Instant>) -> Result<(), Failure>;

    /// Makes the place usable again after a broken connection; false when it cannot be.
    async fn recover(&mut self) -> bool;
}

/// How far a load is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Seconds since the load began, warm-up included.
    pub seconds: f64,
    /// Whether the warm-up is over.
    pub measuring: bool,
    /// Requests answered with success since then.
    pub succeeded: u64,
    /// Requests that failed since then.
    pub failed: u64,
}

/// Runs `load` over `places`, and reports it.
///
/// Raises: Problem - the timer of an open loop failed.
pub async fn run<P: Place>(
    places: Vec<P>,
    load: &Load,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Value, Problem> {
    let (in_flight, start) = (places.len(), Instant::now());
    let from = start + load.warm_up();
    let until = from + load.duration();
    let count = load.count.unwrap_or(u64::MAX);
    let pace = Rc::new(match load.rate {
        None => Pace::closed(count, until),
        Some(rate) if load.poisson => Pace::open(count, until, Arrivals::poisson(rate, load.seed)),
        Some(rate) => Pace::open(count, until, Arrivals::regular(rate)),
    });
    let tally = Rc::new(RefCell::new(Tally::new(from, load.duration())));
    let run = Run { tally, pace, start, from, deadline: load.deadline() };
    let ended = run.ask_all(places, until + load.grace(), watch).await?;
    let mut report = run.tally.borrow().report();
    report["in_flight"] = in_flight.into();
    report["connections"] = load.connections.into();
    report["rate"] = load.rate.into();
    report["deadline_seconds"] = load.deadline_seconds.into();
    report["warm_up_seconds"] = load.warm_up_seconds.into();
    report["unanswered"] = ended.unanswered.into();
    report["interrupted"] = ended.interrupted.into();
    report["client_processor_seconds"] = ended.processor.as_secs_f64().into();
    Ok(report)
}

/// A load that runs.
struct Run {
    pace: Rc<Pace>,
    tally: Rc<RefCell<Tally>>,
    start: Instant,
    from: Instant,
    deadline: Option<Duration>,
}

/// How a load ended.
struct Ended {
    /// Requests that were due and had no answer long after the end, sent or not.
    unanswered: u64,
    /// Whether the watcher ended it.
    interrupted: bool,
    /// What this process took from the processors while it measured.
    processor: Duration,
}

impl Run {
    /// Lets every place ask until the end.
    async fn ask_all<P: Place>(
        &self,
        places: Vec<P>,
        limit: Instant,
        watch: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Ended, Problem> {
        let mut asking = JoinSet::new();
        for place in places {
            asking.spawn_local(ask_on(place, self.pace.clone(), self.tally.clone(), self.deadline));
        }
        let driven = self.pace.clone();
        let clock = tokio::task::spawn_local(async move { driven.drive().await });
        let (mut processor, mut measuring, mut interrupted) = (processor_time::own(), false, false);
        let mut ticks = interval(TICK);
        let mut warm = pin!(sleep_until(self.from.into()));
        let mut late = pin!(sleep_until(limit.into()));
        loop {
            tokio::select! {
                left = asking.join_next() => match left {
                    Some(_) => continue,
                    None => break,
                },
                _ = ticks.tick() => {}
                () = &mut warm, if !measuring => {
                    (measuring, processor) = (true, processor_time::own());
                }
                () = &mut late => break,
            }
            if !interrupted && !watch(self.progress(measuring)) {
                interrupted = true;
                self.pace.end();
                late.as_mut().reset((Instant::now() + INTERRUPTED_GRACE).min(limit).into());
            }
        }
        let processor = processor_time::own() - processor;
        if clock.is_finished() {
            if let Ok(Err(error)) = clock.await {
                return Err(Problem(format!("the timer of the open loop: {error}")));
            }
        }
        Ok(Ended { unanswered: asking.len() as u64 + self.pace.waiting(), interrupted, processor })
    }

    fn progress(&self, measuring: bool) -> Progress {
        let (succeeded, failed) = self.tally.borrow().counts();
        Progress { seconds: self.start.elapsed().as_secs_f64(), measuring, succeeded, failed }
    }
}

async fn ask_on<P: Place>(mut place: P, pace: Rc<Pace>, tally: Rc<RefCell<Tally>>, limit: Option<Duration>) {
    while let Some(due) = pace.next().await {
        let deadline = limit.map(|limit| due + limit);
        let sent = Instant::now();
        let outcome = match is_past(deadline, sent) {
            true => Err(Failure::not_sent()),
            false => place.ask(deadline).await,
        };
        let broken = matches!(&outcome, Err(failure) if failure.code == "connection");
        let ended = Instant::now();
        let outcome = outcome.and_then(|()| if is_past(deadline, ended) { Err(Failure::late()) } else { Ok(()) });
        tally.borrow_mut().record(Moments { due, sent, ended }, outcome);
        if broken && !place.recover().await {
            return;
        }
    }
}

fn is_past(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Api;

    /// Fails every third request, breaks its connection at the tenth, and can be recovered once.
    #[derive(Default)]
    struct Flaky {
        asked: u32,
        recovered: bool,
    }

    impl Place for Flaky {
        async fn ask(&mut self, _: Option<Instant>) -> Result<(), Failure> {
            self.asked += 1;
            match self.asked {
                10 | 20 => Err(Failure::connection("reset")),
                asked if asked % 3 == 0 => Err(Failure { code: "grpc 14".into(), message: "busy".into() }),
                _ => Ok(()),
            }
        }

        async fn recover(&mut self) -> bool {
            !std::mem::replace(&mut self.recovered, true)
        }
    }

    /// Never answers.
    struct Silent;

    impl Place for Silent {
        async fn ask(&mut self, _: Option<Instant>) -> Result<(), Failure> {
            std::future::pending().await
        }

        async fn recover(&mut self) -> bool {
            true
        }
    }

    fn load(seconds: f64, count: u64) -> Load {
        Load {
            api: Api::Rest,
            target: String::new(),
            allow_remote: false,
            tls: None,
            path: String::new(),
            connections: 1,
            streams: 1,
            warm_up_seconds: 0.0,
            seconds,
            count: Some(count),
            rate: None,
            poisson: false,
            seed: 0,
            grace_seconds: 0.05,
            deadline_seconds: None,
        }
    }

    #[test]
    fn outcomes_are_counted_and_a_place_that_is_lost_ends() {
        let report =
            crate::in_one_thread(run(vec![Flaky::default()], &load(60.0, 1000), &mut |_: Progress| true)).unwrap();
        assert_eq!(report["failures"], serde_json::json!({"connection": 2, "grpc 14": 6}));
        assert_eq!((report["succeeded"].as_u64(), report["unanswered"].as_u64()), (Some(12), Some(0)));
    }

    #[test]
    fn what_has_no_answer_in_the_time_of_grace_is_unanswered() {
        let open = Load { rate: Some(1000.0), ..load(0.02, u64::MAX) };
        let report = crate::in_one_thread(run(vec![Silent, Silent], &open, &mut |_: Progress| true)).unwrap();
        let unanswered = report["unanswered"].as_u64().unwrap();
        assert!((15..=20).contains(&unanswered), "two in flight, the others not sent: {unanswered}");
        assert_eq!(report["interrupted"], false);
    }

    /// Answers after a time, whatever the deadline.
    struct Slow(Duration);

    impl Place for Slow {
        async fn ask(&mut self, deadline: Option<Instant>) -> Result<(), Failure> {
            assert!(deadline.is_some());
            tokio::time::sleep(self.0).await;
            Ok(())
        }

        async fn recover(&mut self) -> bool {
            true
        }
    }

    #[test]
    fn an_answer_after_the_deadline_is_a_failure_and_what_is_too_late_to_send_is_not_sent() {
        let hurried = Load { deadline_seconds: Some(0.01), rate: Some(1000.0), ..load(60.0, 30) };
        let slow = Slow(Duration::from_millis(50));
        let report = crate::in_one_thread(run(vec![slow], &hurried, &mut |_: Progress| true)).unwrap();
        assert_eq!((report["succeeded"].as_u64(), report["failed"].as_u64()), (Some(0), Some(30)));
        let kinds = &report["failures"];
        assert!(kinds["late"].as_u64() >= Some(1) && kinds["not sent"].as_u64() >= Some(1), "{kinds}");
        assert!(report["failure_latency_micros"]["late"]["p50"].as_f64() >= Some(50_000.0));
        assert!(report["lag_micros"]["max"].as_f64() >= Some(10_000.0));
    }

    #[test]
    fn a_watcher_that_has_seen_enough_ends_the_load() {
        let mut told = 0;
        let mut watch = |progress: Progress| {
            told += 1;
            assert!(progress.failed == 0 && progress.succeeded == 0);
            false
        };
        // An hour that was planned is not waited for.
        let report = crate::in_one_thread(run(vec![Silent], &load(3600.0, u64::MAX), &mut watch)).unwrap();
        assert_eq!((report["interrupted"].as_bool(), report["unanswered"].as_u64(), told), (Some(true), Some(1), 1));
    }
}
