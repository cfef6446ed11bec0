//! A load: places in flight, each asking again and again at a pace, until the end.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::cli::LoadOptions;
use crate::failure::Failure;
use crate::pace::Pace;
use crate::problem::Problem;
use crate::processor_time;
use crate::tally::Tally;

/// How long answers are awaited after the last request was sent.
const GRACE: Duration = Duration::from_secs(30);

/// One place in flight.
pub trait Place: 'static {
    /// Sends the request and waits for its answer.
    ///
    /// Raises: Failure - anything but success.
    async fn ask(&mut self) -> Result<(), Failure>;

    /// Makes the place usable again after a broken connection; false when it cannot be.
    async fn recover(&mut self) -> bool;
}

/// Runs the load that `options` describe over `places`, and reports it.
///
/// Raises: Problem - not one request succeeded.
pub async fn run<P: Place>(places: Vec<P>, options: &LoadOptions) -> Result<Value, Problem> {
    let (in_flight, start) = (places.len(), Instant::now());
    let from = start + options.warm_up;
    let until = from + options.seconds;
    let pace = Rc::new(match options.rate {
        None => Pace::closed(options.count, until),
        Some(rate) => Pace::open(options.count, until, rate),
    });
    let tally = Rc::new(RefCell::new(Tally::new(from)));
    let processor = processor_time::own();
    announce(from);
    let unanswered = ask_all(places, &pace, &tally, until).await?;
    let mut report = tally.borrow().report();
    report["in_flight"] = in_flight.into();
    report["connections"] = options.connections.into();
    report["rate"] = options.rate.into();
    report["warm_up_seconds"] = options.warm_up.as_secs_f64().into();
    report["unanswered"] = unanswered.into();
    report["client_processor_seconds"] = (processor_time::own() - processor).as_secs_f64().into();
    match report["succeeded"].as_u64() {
        Some(0) => {
            Err(Problem(format!("not one request succeeded: {} {}", report["failures"], report["first_failure"])))
        }
        _ => Ok(report),
    }
}

/// Says on standard error when measuring begins, so that a script can do meanwhile what it wants to see the effect of.
fn announce(from: Instant) {
    tokio::task::spawn_local(async move {
        tokio::time::sleep_until(from.into()).await;
        // A closed standard error is no reason not to measure.
        let _ = writeln!(std::io::stderr(), "measuring");
    });
}

/// Lets every place ask until the end; gives how many had no answer long after it.
async fn ask_all<P: Place>(
    places: Vec<P>,
    pace: &Rc<Pace>,
    tally: &Rc<RefCell<Tally>>,
    until: Instant,
) -> Result<usize, Problem> {
    let mut asking = JoinSet::new();
    for place in places {
        asking.spawn_local(ask_on(place, pace.clone(), tally.clone()));
    }
    let done = async { while asking.join_next().await.is_some() {} };
    let driven = pace.clone();
    let clock = tokio::task::spawn_local(async move { driven.drive().await });
    let ending = pace.clone();
    let interrupt = tokio::task::spawn_local(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ending.end();
        }
    });
    let all = tokio::time::timeout_at((until + GRACE).into(), done).await;
    interrupt.abort();
    if clock.is_finished() {
        if let Ok(Err(error)) = clock.await {
            return Err(Problem(format!("the timer of the open loop: {error}")));
        }
    }
    Ok(if all.is_ok() { 0 } else { asking.len() })
}

async fn ask_on<P: Place>(mut place: P, pace: Rc<Pace>, tally: Rc<RefCell<Tally>>) {
    while let Some(due) = pace.next().await {
        let outcome = place.ask().await;
        let broken = matches!(&outcome, Err(failure) if failure.code == "connection");
        tally.borrow_mut().record(due, Instant::now(), outcome);
        if broken && !place.recover().await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every third request, breaks its connection at the tenth, and can be recovered once.
    #[derive(Default)]
    struct Flaky {
        asked: u32,
        recovered: bool,
    }

    impl Place for Flaky {
        async fn ask(&mut self) -> Result<(), Failure> {
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

    fn options(count: u64) -> LoadOptions {
        let (seconds, warm_up) = (Duration::from_secs(60), Duration::ZERO);
        LoadOptions { connections: 1, seconds, count, warm_up, rate: None }
    }

    fn load(places: Vec<Flaky>, options: &LoadOptions) -> Result<Value, Problem> {
        crate::in_one_thread(run(places, options))
    }

    #[test]
    fn outcomes_are_counted_and_a_place_that_is_lost_ends() {
        let report = load(vec![Flaky::default()], &options(1000)).unwrap();
        assert_eq!(report["failures"], serde_json::json!({"connection": 2, "grpc 14": 6}));
        assert_eq!((report["succeeded"].as_u64(), report["unanswered"].as_u64()), (Some(12), Some(0)));
    }

    #[test]
    fn a_load_without_a_success_is_a_problem() {
        let lost = Flaky { asked: 9, recovered: true };
        let problem = load(vec![lost], &options(1)).unwrap_err();
        assert!(problem.0.contains("reset"), "{problem}");
    }
}
