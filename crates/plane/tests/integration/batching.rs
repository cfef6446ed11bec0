//! Joined runs against a worker that does as a test wants: what is joined, what is not, and who gets which rows.

use std::sync::Arc;
use std::time::Duration;

use crate::support::worker::{half_plus_two, Act, Gate, Output, Seen};
use crate::support::{channel, job, job_until, settings, signature};
use parking_lot::Mutex;
use seaway_plane::batch::prove::prove;
use seaway_plane::batch::BatchRules;
use seaway_plane::channel::{Channel, Outputs};
use seaway_plane::job::Job;
use seaway_plane::signature::Signature;
use seaway_plane::status::{Code, Status};
use seaway_plane::tensor::Tensor;
use seaway_wire::DType;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The shapes of the first input of each run, in order.
type Runs = Arc<Mutex<Vec<Vec<i64>>>>;

/// A channel that may join requests for half_plus_two, its worker held by the gate, and what the worker saw.
fn joining(
    rules: BatchRules,
    behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
) -> (Arc<Channel>, Arc<Gate>, Runs) {
    let (gate, runs) = (Gate::new(), Runs::default());
    let (held, seen_runs) = (Arc::clone(&gate), Arc::clone(&runs));
    let mut settings = settings(1, 64);
    settings.batching = rules;
    let channel = channel(settings, 1, move |seen| {
        seen_runs.lock().push(seen.run.inputs[0].shape.clone());
        held.pass();
        behave(seen)
    });
    channel.allow_joining(&signature("serving_default").name);
    (channel, gate, runs)
}

fn values(outputs: &Outputs) -> Vec<f32> {
    outputs.views()[0].bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

async fn eventually(what: &str, check: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !check() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came: {what}");
}

type Answer = JoinHandle<Result<Vec<f32>, Status>>;

/// Sends requests one after another; the first is in flight and the others wait when this returns.
async fn send(channel: &Arc<Channel>, jobs: Vec<Job>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, job) in jobs.into_iter().enumerate() {
        let running = Arc::clone(channel);
        answers.push(tokio::spawn(async move { running.run(job).await.map(|outputs| values(&outputs)) }));
        eventually("it has entered", || channel.in_flight() + channel.queued() == index + 1).await;
    }
    answers
}

async fn all(answers: Vec<Answer>) -> Vec<Result<Vec<f32>, Status>> {
    let mut all = Vec::new();
    for answer in answers {
        all.push(answer.await.unwrap());
    }
    all
}

fn jobs(rows: &[&[f32]]) -> Vec<Job> {
    rows.iter().map(|rows| job(rows)).collect()
}

#[tokio::test]
async fn what_waits_is_joined_and_each_gets_its_rows() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[2.0, 4.0], &[6.0], &[8.0]])).await;
    gate.open();
    let answers = all(answers).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(answers, [vec![2.0], vec![3.0, 4.0], vec![5.0], vec![6.0]]);
    assert_eq!(*runs.lock(), [vec![1], vec![4]]);
    eventually("every slot free", || channel.in_flight() == 0).await;
}

#[tokio::test]
async fn an_idle_channel_does_not_wait() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    gate.open();
    for _ in 0..3 {
        let outputs = channel.run(job(&[2.0])).await.unwrap();
        let batch = outputs.batch().unwrap();
        assert_eq!((batch.requests, batch.rows, batch.padded), (1, 1, 1));
    }
    assert_eq!(*runs.lock(), [[1], [1], [1]]);
}

#[tokio::test]
async fn no_run_is_larger_than_the_rules_allow() {
    let rules = BatchRules { max_batch_size: Some(3), ..BatchRules::default() };
    let (channel, gate, runs) = joining(rules, half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[1.0, 1.0], &[2.0, 2.0], &[3.0]])).await;
    gate.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    // The third does not fit beside the second, the fourth does: it does not have to wait for the third.
    assert_eq!(*runs.lock(), [vec![1], vec![3], vec![2]]);
    let error = channel.run(job(&[0.0; 4])).await.err().unwrap();
    assert_eq!(error.message, "Task size 4 is larger than maximum input batch size 3");
}

#[tokio::test]
async fn a_request_above_the_natural_size_runs_by_itself() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    gate.open();
    assert_eq!(values(&channel.run(job(&[2.0; 300])).await.unwrap()), [3.0; 300]);
    assert_eq!(*runs.lock(), [[300]]);
}

#[tokio::test]
async fn runs_are_padded_to_allowed_sizes() {
    let rules = BatchRules { max_batch_size: Some(8), allowed_batch_sizes: vec![4, 8], ..BatchRules::default() };
    let (channel, gate, runs) = joining(rules, half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[2.0, 4.0], &[6.0], &[8.0, 10.0]])).await;
    gate.open();
    let answers = all(answers).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(answers, [vec![2.0], vec![3.0, 4.0], vec![5.0], vec![6.0, 7.0]]);
    assert_eq!(*runs.lock(), [vec![4], vec![8]]);
}

#[tokio::test]
async fn a_large_request_is_cut_and_put_together_again() {
    let rules = BatchRules {
        max_batch_size: Some(100),
        enable_large_batch_splitting: true,
        max_execution_batch_size: Some(2),
        ..BatchRules::default()
    };
    let (channel, gate, runs) = joining(rules, half_plus_two);
    gate.open();
    assert_eq!(values(&channel.run(job(&[0.0, 2.0, 4.0, 6.0, 8.0])).await.unwrap()), [2.0, 3.0, 4.0, 5.0, 6.0]);
    let mut sizes = runs.lock().concat();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 2]);
    eventually("every slot free", || channel.in_flight() == 0).await;
}

#[tokio::test]
async fn one_bad_row_fails_nobody_else() {
    let (channel, gate, runs) = joining(BatchRules::default(), |seen| match seen.floats("x").contains(&-1.0) {
        true => Act::Fail(Code::InvalidArgument, "no negative numbers".into()),
        false => half_plus_two(seen),
    });
    let answers = send(&channel, jobs(&[&[0.0], &[2.0], &[-1.0], &[4.0]])).await;
    gate.open();
    let answers = all(answers).await;
    assert_eq!(answers[1].as_ref().unwrap(), &[3.0]);
    assert_eq!(answers[2].as_ref().unwrap_err().message, "no negative numbers");
    assert_eq!(answers[3].as_ref().unwrap(), &[4.0]);
    assert_eq!(*runs.lock(), [[1], [3], [1], [1], [1]]);
    eventually("every slot free", || channel.in_flight() == 0).await;
}

#[tokio::test]
async fn outputs_that_cannot_be_cut_stop_joining_and_change_no_answer() {
    let (channel, gate, runs) = joining(BatchRules::default(), |seen| {
        Act::Answer(vec![Output::floats("sum", &[1], &[seen.floats("x").iter().sum()])])
    });
    let answers = send(&channel, jobs(&[&[1.0], &[2.0], &[3.0]])).await;
    gate.open();
    let answers = all(answers).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(answers, [[1.0], [2.0], [3.0]]);
    assert_eq!(*runs.lock(), [[1], [2], [1], [1]]);
    assert!(channel.run(job(&[4.0])).await.unwrap().batch().is_none(), "it runs unbatched from now on");
}

#[tokio::test]
async fn only_proven_signatures_and_equal_shapes_are_joined() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    let other = Job { signature: signature("odd_method"), ..job(&[1.0]) };
    let answers = send(&channel, vec![job(&[0.0]), other.clone(), other, job(&[1.0]), job(&[2.0])]).await;
    gate.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*runs.lock(), [vec![1], vec![1], vec![1], vec![2]]);
}

#[tokio::test]
async fn switched_off_every_request_runs_by_itself() {
    let rules = BatchRules { enabled: false, ..BatchRules::default() };
    let (channel, gate, runs) = joining(rules, half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[1.0], &[2.0]])).await;
    gate.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*runs.lock(), [[1], [1], [1]]);
}

#[tokio::test]
async fn rules_change_without_a_reload() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[1.0], &[2.0]])).await;
    channel.set_batching(BatchRules { enabled: true, max_batch_size: Some(1), ..BatchRules::default() }).unwrap();
    gate.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*runs.lock(), [[1], [1], [1]]);
    let bad = BatchRules { allowed_batch_sizes: vec![3, 2], ..BatchRules::default() };
    assert_eq!(channel.set_batching(bad).unwrap_err().code, Code::InvalidArgument);
}

#[tokio::test]
async fn a_first_request_waits_for_company_as_long_as_it_is_told() {
    let hour = BatchRules { batch_timeout_micros: 3_600_000_000, max_batch_size: Some(3), ..BatchRules::default() };
    let (channel, gate, runs) = joining(hour, half_plus_two);
    gate.open();
    let (a, b) = tokio::join!(channel.run(job(&[0.0, 1.0])), channel.run(job(&[2.0])));
    assert!(a.is_ok() && b.is_ok(), "a full batch waits no longer");
    drop((a, b));
    assert_eq!(*runs.lock(), [[3]]);
    let alone = tokio::spawn({
        let channel = Arc::clone(&channel);
        async move { channel.run(job(&[0.0])).await.map(drop) }
    });
    eventually("it waits for company", || channel.queued() == 1).await;
    assert_eq!(channel.in_flight(), 0);
    channel
        .set_batching(BatchRules { batch_timeout_micros: 1000, max_batch_size: Some(3), ..BatchRules::default() })
        .unwrap();
    alone.await.unwrap().unwrap();
    assert_eq!(*runs.lock(), [[3], [1]]);
}

#[tokio::test]
async fn the_wait_for_company_is_told_apart_from_the_wait_for_a_slot() {
    let patient = BatchRules { batch_timeout_micros: 20_000, max_batch_size: Some(3), ..BatchRules::default() };
    let (channel, gate, _) = joining(patient, half_plus_two);
    gate.open();
    let alone = channel.run(job(&[0.0])).await.unwrap().timings();
    assert!(alone.batch >= Duration::from_millis(19) && alone.batch <= alone.queue, "{alone:?}");

    let (channel, gate, _) = joining(BatchRules::default(), half_plus_two);
    let first = send(&channel, jobs(&[&[0.0]])).await;
    let second = tokio::spawn({
        let channel = Arc::clone(&channel);
        async move { channel.run(job(&[1.0])).await.map(|outputs| outputs.timings()) }
    });
    eventually("it waits for the slot", || channel.queued() == 1).await;
    gate.open();
    let waited = second.await.unwrap().unwrap();
    assert!(waited.batch.is_zero() && !waited.queue.is_zero(), "{waited:?}");
    assert!(all(first).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn more_than_the_batches_that_may_wait_are_refused() {
    let rules = BatchRules { max_batch_size: Some(2), max_enqueued_batches: Some(1), ..BatchRules::default() };
    let (channel, gate, _) = joining(rules, half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[1.0], &[2.0]])).await;
    let error = channel.run(job(&[3.0])).await.err().unwrap();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.message.ends_with("currently 1 batches enqueued and max_enqueued_batches is 1"), "{}", error.message);
    gate.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_client_that_left_is_not_joined_and_an_expired_one_is_not_run() {
    let (channel, gate, runs) = joining(BatchRules::default(), half_plus_two);
    let answers = send(&channel, jobs(&[&[0.0], &[1.0], &[2.0]])).await;
    let late = Instant::now() + Duration::from_millis(20);
    let expired = tokio::spawn({
        let channel = Arc::clone(&channel);
        async move { channel.run(job_until(&[3.0], late)).await.map(drop) }
    });
    assert_eq!(expired.await.unwrap().unwrap_err().code, Code::DeadlineExceeded);
    answers[1].abort();
    eventually("it has left", || channel.queued() == 1).await;
    gate.open();
    eventually("all have run", || channel.in_flight() == 0 && channel.queued() == 0).await;
    assert_eq!(*runs.lock(), [[1], [1]]);
}

/// A signature of half_plus_two whose shapes say that rows may be joined.
fn rowwise() -> Arc<Signature> {
    let mut rowwise = signature("serving_default").as_ref().clone();
    for info in rowwise.inputs.iter_mut().chain(&mut rowwise.outputs) {
        info.shape = Some([-1].into_iter().collect());
    }
    Arc::new(rowwise)
}

async fn proof(behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static) -> Result<(), String> {
    prove(&channel(settings(2, 8), 1, behave), &rowwise(), &[]).await
}

#[tokio::test]
async fn a_model_that_answers_row_by_row_is_proven() {
    assert_eq!(proof(half_plus_two).await, Ok(()));
}

#[tokio::test]
async fn a_model_that_mixes_its_rows_is_caught() {
    let outcome = proof(|seen| {
        let x = seen.floats("x");
        let mean = x.iter().sum::<f32>() / x.len() as f32;
        let centred: Vec<f32> = x.iter().map(|value| value - mean).collect();
        Act::Answer(vec![Output::floats("y", &[centred.len() as i64], &centred)])
    });
    assert_eq!(outcome.await, Err("output \"y\" of a row depends on the rows beside it".to_owned()));
}

#[tokio::test]
async fn a_model_with_state_is_caught() {
    let count = Mutex::new(0.0f32);
    let outcome = proof(move |seen| {
        *count.lock() += 1.0;
        let rows = seen.floats("x").len();
        Act::Answer(vec![Output::floats("y", &[rows as i64], &vec![*count.lock(); rows])])
    });
    assert_eq!(outcome.await, Err("the same row gives different answers when it is sent twice".to_owned()));
}

#[tokio::test]
async fn a_model_without_a_row_for_each_row_or_that_refuses_what_is_made_up_is_not_joined() {
    let scalar = proof(|_| Act::Answer(vec![Output::floats("y", &[1], &[1.0])])).await.unwrap_err();
    assert_eq!(scalar, "output \"y\" does not have one row for each input row");
    let refused = proof(|_| Act::Fail(Code::InvalidArgument, "not that".into())).await.unwrap_err();
    assert_eq!(refused, "the inputs to prove it with are refused: not that (warm-up records would be used instead)");
    let channel = channel(settings(1, 8), 1, half_plus_two);
    let shapeless = prove(&channel, &signature("serving_default"), &[]).await.unwrap_err();
    assert_eq!(shapeless, "input \"x\" has no free leading dimension");
}

/// The signature `regress` with the free leading dimensions of a real export.
fn examples() -> Arc<Signature> {
    let mut signature = (*signature("regress")).clone();
    for info in signature.inputs.iter_mut().chain(&mut signature.outputs) {
        info.shape = Some([-1].into_iter().collect());
    }
    Arc::new(signature)
}

/// Asks the signature for these texts.
fn texts(signature: &Arc<Signature>, texts: &[&'static str]) -> Job {
    let elements = texts.iter().map(|text| bytes::Bytes::from(*text)).collect();
    let tensor = Tensor::strings([texts.len() as i64].into_iter().collect(), elements).unwrap();
    let inputs = vec![("inputs".into(), tensor)];
    Job { signature: Arc::clone(signature), inputs, outputs: vec![], deadline: None, background: false }
}

/// Takes only what begins with `ok`, and answers with the length of each text.
fn lengths_of_good_texts(seen: &Seen<'_>) -> Act {
    let texts = seen.strings("inputs");
    if texts.iter().any(|text| !text.starts_with(b"ok")) {
        return Act::Fail(Code::InvalidArgument, "Could not parse example input".into());
    }
    let lengths: Vec<f32> = texts.iter().map(|text| text.len() as f32).collect();
    Act::Answer(vec![Output::floats("outputs", &[lengths.len() as i64], &lengths)])
}

#[tokio::test]
async fn recorded_rows_prove_what_cannot_be_made_up() {
    let signature = examples();
    let channel = channel(settings(2, 8), 1, lengths_of_good_texts);
    let unproven = prove(&channel, &signature, &[]).await.unwrap_err();
    assert!(unproven.contains("Could not parse") && unproven.contains("warm-up records"), "{unproven}");
    let one = [texts(&signature, &["ok", "ok"]), texts(&signature, &["ok"])];
    assert!(prove(&channel, &signature, &one).await.is_err(), "one row, however often, shows nothing");
    let two = [texts(&signature, &["ok", "ok"]), texts(&signature, &["ok 2"])];
    assert_eq!(prove(&channel, &signature, &two).await, Ok(()));
    let bad = [texts(&signature, &["ok", "bad"])];
    let refused = prove(&channel, &signature, &bad).await.unwrap_err();
    assert_eq!(refused, "the inputs to prove it with are refused: Could not parse example input");
}

#[tokio::test]
async fn recorded_rows_catch_a_model_that_mixes_them() {
    let signature = examples();
    let behave = |seen: &Seen<'_>| {
        let texts = seen.strings("inputs");
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0) as f32;
        Act::Answer(vec![Output::floats("outputs", &[texts.len() as i64], &vec![longest; texts.len()])])
    };
    let recorded = [texts(&signature, &["a", "abc"])];
    let outcome = prove(&channel(settings(2, 8), 1, behave), &signature, &recorded).await;
    assert_eq!(outcome, Err("output \"outputs\" of a row depends on the rows beside it".to_owned()));
}

#[tokio::test]
async fn examples_are_made_up_from_what_is_said_to_be_missing() {
    let behave = |seen: &Seen<'_>| {
        let texts = seen.strings("inputs");
        let refuse = |why: &str| Act::Fail(Code::InvalidArgument, format!("Name: <unknown>, {why}\ntrace"));
        // An example with no feature, with feature x of one value, and of two.
        match texts.iter().map(|text| text.len()).max().unwrap_or(0) {
            0..=1 => refuse("Could not parse example input"),
            2 => refuse("Feature: x (data type: float) is required but could not be found."),
            3..=17 => {
                refuse("Key: x, Index: 0.  Number of float values != expected.  Values size: 1 but output shape: [2]")
            }
            _ => {
                let sums: Vec<f32> = texts.iter().map(|text| text.iter().map(|byte| f32::from(*byte)).sum()).collect();
                Act::Answer(vec![Output::floats("outputs", &[sums.len() as i64], &sums)])
            }
        }
    };
    assert_eq!(prove(&channel(settings(2, 8), 1, behave), &examples(), &[]).await, Ok(()));
}

#[tokio::test]
async fn strings_are_joined_and_cut_by_their_elements() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(1, 8), 1, move |seen| {
        held.pass();
        let upper: Vec<Vec<u8>> = seen.strings("s").iter().map(|text| text.to_ascii_uppercase()).collect();
        let elements: Vec<&[u8]> = upper.iter().map(Vec::as_slice).collect();
        Act::Answer(vec![Output::strings("s", &[elements.len() as i64], &elements)])
    });
    let text = signature("text");
    channel.allow_joining(&text.name);
    let texts = |texts: &[&'static str]| {
        let elements = texts.iter().map(|text| bytes::Bytes::from(*text)).collect();
        let tensor = seaway_plane::tensor::Tensor::strings([texts.len() as i64].into_iter().collect(), elements);
        Job { signature: Arc::clone(&text), inputs: vec![("s".into(), tensor.unwrap())], ..job(&[]) }
    };
    let run = |job: Job| {
        let channel = Arc::clone(&channel);
        tokio::spawn(async move {
            let outputs = channel.run(job).await.unwrap();
            let views = outputs.views();
            assert_eq!(views[0].dtype, DType::String);
            views[0].string_elements().unwrap().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
    };
    let first = run(texts(&["x"]));
    eventually("the first is in flight", || channel.in_flight() == 1).await;
    let (second, third) = (run(texts(&["ab", ""])), run(texts(&["c"])));
    eventually("two wait", || channel.queued() == 2).await;
    gate.open();
    assert_eq!(first.await.unwrap(), [b"X"]);
    assert_eq!(second.await.unwrap(), [b"AB".to_vec(), b"".to_vec()]);
    assert_eq!(third.await.unwrap(), [b"C"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_random_load_every_request_gets_its_own_rows_and_no_slot_is_lost() {
    let mut settings = settings(4, 10_000);
    settings.batching =
        BatchRules { max_batch_size: Some(16), allowed_batch_sizes: vec![1, 4, 16], ..BatchRules::default() };
    let channel = channel(settings, 2, half_plus_two);
    channel.allow_joining(&signature("serving_default").name);
    let requests = (0..3000).map(|index: usize| {
        let channel = Arc::clone(&channel);
        tokio::spawn(async move {
            let rows: Vec<f32> = (0..1 + index % 5).map(|row| (index * 10 + row) as f32).collect();
            let expected: Vec<f32> = rows.iter().map(|value| value / 2.0 + 2.0).collect();
            let run = channel.run(job(&rows));
            if index.is_multiple_of(7) {
                // A client that may leave at any moment.
                let _ = tokio::time::timeout(Duration::from_micros(index as u64 % 300), run).await;
            } else {
                assert_eq!(values(&run.await.unwrap()), expected);
            }
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    eventually("idle", || channel.in_flight() == 0 && channel.queued() == 0).await;
}
