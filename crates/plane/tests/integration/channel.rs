//! A channel against workers that behave well, slowly, badly, or not at all.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crate::support::worker::{half_plus_two, Act, Gate, Output};
use crate::support::{self, channel, floats, job, job_until, settings};
use seaway_plane::channel::{Channel, Outputs};
use seaway_plane::status::{Code, Status};
use seaway_wire::clock::{left, monotonic_nanos};
use seaway_wire::frame::{Reply, Run};
use seaway_wire::{packet, DType, Layout};
use tokio::time::Instant;

fn values(outputs: &Outputs) -> Vec<f32> {
    let views = outputs.views();
    views[0].bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Waits until `check` holds: state changes on other threads.
async fn eventually(what: &str, check: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !check() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came: {what}");
}

/// Every slot can be held at once, and none is held now.
async fn assert_all_slots_free(channel: &Arc<Channel>, slots: usize) {
    eventually("an idle channel", || channel.in_flight() == 0 && channel.queued() == 0).await;
    let mut held = Vec::new();
    for _ in 0..slots {
        held.push(channel.run(job(&[1.0])).await.unwrap());
    }
    assert_eq!(channel.in_flight(), slots);
    drop(held);
    assert_eq!(channel.in_flight(), 0);
}

/// How often the channel has said that its worker is gone.
fn reports(channel: &Channel) -> Arc<AtomicUsize> {
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    channel.on_hang_up(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    told
}

async fn error(channel: &Arc<Channel>) -> Status {
    channel.run(job(&[1.0])).await.err().unwrap()
}

#[tokio::test]
async fn a_request_is_answered_by_the_worker() {
    let channel = channel(settings(2, 8), 1, half_plus_two);
    let outputs = channel.run(job(&[1.0, 2.0, 5.0])).await.unwrap();
    assert_eq!(values(&outputs), [2.5, 3.0, 4.5]);
    let view = outputs.views()[0];
    assert_eq!((view.name, view.dtype, view.shape), ("y", DType::Float, [3].as_slice()));
    assert_eq!((channel.in_flight(), outputs.len_bytes()), (1, 12));
    drop(outputs);
    assert_eq!(channel.in_flight(), 0);
}

#[tokio::test]
async fn several_inputs_lie_aligned_one_after_another() {
    let channel = channel(settings(1, 8), 1, |seen| {
        assert!(seen.run.inputs.iter().all(|input| input.offset % 64 == 0));
        let sum = seen.floats("a").iter().zip(seen.floats("b")).map(|(a, b)| a + b).collect::<Vec<_>>();
        Act::Answer(vec![Output::floats("sum", &[sum.len() as i64], &sum)])
    });
    let mut job = job(&[0.0]);
    job.inputs = vec![("a".into(), floats(&[1.0, 2.0, 3.0])), ("b".into(), floats(&[10.0, 20.0, 30.0]))];
    assert_eq!(values(&channel.run(job).await.unwrap()), [11.0, 22.0, 33.0]);
}

#[tokio::test]
async fn an_error_of_the_engine_is_passed_on_and_frees_the_slot() {
    let channel = channel(settings(1, 8), 1, |_| Act::Fail(Code::InvalidArgument, "no such op".into()));
    for _ in 0..3 {
        let status = error(&channel).await;
        assert_eq!((status.code, status.message.as_str()), (Code::InvalidArgument, "no such op"));
    }
    assert_eq!(channel.in_flight(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_when_to_try_again() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(1, 2), 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let channel = Arc::clone(&channel);
            tokio::spawn(async move { channel.run(job(&[1.0])).await.map(|outputs| values(&outputs)) })
        })
        .collect();
    eventually("one in flight, two waiting", || channel.in_flight() == 1 && channel.queued() == 2).await;
    let status = error(&channel).await;
    assert_eq!(status.code, Code::ResourceExhausted);
    assert_eq!(status.message, "m version 1: 2 requests wait already; try again later");
    assert_eq!(status.retry_after, Some(Duration::from_secs(1)));
    gate.open();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap(), [2.5]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_in_time_behind_those_that_wait_is_refused_at_once() {
    let (permit, permits) = std::sync::mpsc::channel();
    let permits = parking_lot::Mutex::new(permits);
    let channel = channel(settings(1, 32), 1, move |seen| {
        let _ = permits.lock().recv();
        half_plus_two(seen)
    });
    let ask = |job| {
        let channel = Arc::clone(&channel);
        tokio::spawn(async move { channel.run(job).await.map(|outputs| values(&outputs)) })
    };
    let mut runs: Vec<_> = (0..14).map(|_| ask(job(&[1.0]))).collect();
    eventually("all but one wait", || channel.queued() == 13).await;
    for left in (6..13).rev() {
        tokio::time::advance(Duration::from_millis(10)).await;
        permit.send(()).unwrap();
        eventually("the next one flies", || channel.queued() == left).await;
    }
    let soon = Instant::now() + Duration::from_millis(80);
    let status = channel.run(job_until(&[1.0], soon)).await.err().unwrap();
    assert_eq!(status.code, Code::ResourceExhausted);
    let message = "m version 1: 6 requests wait already, so that an answer takes about 90 ms of late, and the deadline is in 80 ms; try again later";
    assert_eq!(status.message, message);
    assert_eq!(status.retry_after, Some(Duration::from_secs(1)));
    runs.push(ask(job_until(&[1.0], soon + Duration::from_secs(3600))));
    eventually("who has time waits", || channel.queued() == 7).await;
    // From here on a thread of the engine is waited for: time that stands still would leap to the next deadline meanwhile.
    tokio::time::resume();
    drop(permit);
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap(), [2.5]);
    }
}

#[tokio::test]
async fn without_a_queue_a_request_runs_when_a_slot_is_free() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(1, 0), 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let first = tokio::spawn({
        let channel = Arc::clone(&channel);
        async move { channel.run(job(&[1.0])).await.map(|outputs| values(&outputs)) }
    });
    eventually("one in flight", || channel.in_flight() == 1).await;
    assert_eq!(error(&channel).await.code, Code::ResourceExhausted);
    gate.open();
    assert_eq!(first.await.unwrap().unwrap(), [2.5]);
}

#[tokio::test]
async fn requests_run_in_the_order_of_their_arrival() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen_order = Arc::clone(&order);
    let channel = channel(settings(1, 8), 1, move |seen| {
        held.pass();
        seen_order.lock().push(seen.floats("x")[0]);
        half_plus_two(seen)
    });
    let mut runs = Vec::new();
    for index in 0..5 {
        let running = Arc::clone(&channel);
        runs.push(tokio::spawn(async move { running.run(job(&[index as f32])).await.map(drop) }));
        eventually("it has entered", || channel.in_flight() + channel.queued() == index + 1).await;
    }
    gate.open();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock(), [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_passes_in_flight_and_in_the_queue() {
    let channel = channel(settings(1, 8), 1, |_| Act::Ignore);
    let deadline = Instant::now() + Duration::from_secs(3);
    let (flying, waiting) =
        tokio::join!(channel.run(job_until(&[1.0], deadline)), channel.run(job_until(&[1.0], deadline)));
    for outcome in [flying, waiting] {
        let status = outcome.err().unwrap();
        assert_eq!(status.code, Code::DeadlineExceeded);
        assert_eq!(status.message, "the deadline passed before m version 1 answered");
    }
    assert_eq!((channel.in_flight(), channel.queued()), (1, 0), "the worker still has the first");
}

#[tokio::test]
async fn a_deadline_that_has_passed_already_never_reaches_the_worker() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let channel = channel(settings(1, 8), 1, move |seen| {
        counted.fetch_add(1, Ordering::SeqCst);
        half_plus_two(seen)
    });
    let status = channel.run(job_until(&[1.0], Instant::now())).await.err().unwrap();
    assert_eq!(status.code, Code::DeadlineExceeded);
    channel.run(job(&[1.0])).await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_worker_is_told_how_long_it_may_take() {
    let channel = channel(settings(1, 8), 1, |seen| {
        let left = left(seen.run.deadline_nanos, monotonic_nanos()).unwrap_or_default();
        Act::Answer(vec![Output::floats("y", &[1], &[left.as_secs_f32()])])
    });
    assert_eq!(values(&channel.run(job(&[1.0])).await.unwrap()), [0.0]);
    let outputs = channel.run(job_until(&[1.0], Instant::now() + Duration::from_secs(60))).await.unwrap();
    let told = values(&outputs)[0];
    assert!((1.0..=60.0).contains(&told), "{told} s");
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(1, 1), 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let start = || {
        let channel = Arc::clone(&channel);
        tokio::spawn(async move { channel.run(job(&[1.0])).await.map(drop) })
    };
    let flying = start();
    eventually("one in flight", || channel.in_flight() == 1).await;
    let waiting = start();
    eventually("one waiting", || channel.queued() == 1).await;
    waiting.abort();
    eventually("its place is free", || channel.queued() == 0).await;
    flying.abort();
    let next = start();
    eventually("the place is taken", || channel.queued() == 1).await;
    gate.open();
    next.await.unwrap().unwrap();
    assert_all_slots_free(&channel, 1).await;
}

#[tokio::test]
async fn a_worker_that_hangs_up_ends_everything_with_unavailable_and_is_reported_once() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(2, 8), 1, move |_| {
        held.pass();
        Act::HangUp
    });
    let told = reports(&channel);
    let runs: Vec<_> = (0..5)
        .map(|_| {
            let channel = Arc::clone(&channel);
            tokio::spawn(async move { channel.run(job(&[1.0])).await.map(drop) })
        })
        .collect();
    eventually("two in flight, three waiting", || channel.in_flight() == 2 && channel.queued() == 3).await;
    gate.open();
    for run in runs {
        let status = run.await.unwrap().unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (Code::Unavailable, "m version 1: its worker ended"));
    }
    eventually("it is reported", || told.load(Ordering::SeqCst) == 1).await;
    assert_eq!(error(&channel).await.code, Code::Unavailable);
    channel.close("it was unloaded");
    assert_eq!((channel.in_flight(), channel.queued(), told.load(Ordering::SeqCst)), (0, 0, 1));
}

#[tokio::test]
async fn closing_ends_everything_and_is_not_reported_as_a_fault_of_the_worker() {
    let channel = channel(settings(1, 8), 1, |_| Act::Ignore);
    let told = reports(&channel);
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let channel = Arc::clone(&channel);
            tokio::spawn(async move { channel.run(job(&[1.0])).await.map(drop) })
        })
        .collect();
    eventually("all have entered", || channel.in_flight() + channel.queued() == 3).await;
    channel.close("it was unloaded");
    for run in runs {
        let status = run.await.unwrap().unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (Code::Unavailable, "m version 1: it was unloaded"));
    }
    assert_eq!(error(&channel).await.message, "m version 1: it was unloaded");
    assert_eq!((channel.in_flight(), told.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn outputs_survive_the_end_of_their_worker() {
    let channel = channel(settings(1, 8), 1, half_plus_two);
    let outputs = channel.run(job(&[4.0])).await.unwrap();
    channel.close("it was unloaded");
    assert_eq!(values(&outputs), [4.0]);
    drop(outputs);
    assert_eq!(channel.in_flight(), 0);
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_is_hung_up_on() {
    type Behaviour = fn() -> Act;
    let cases: [(&str, Behaviour); 4] = [
        ("no frame", || Act::Send(b"hello".to_vec())),
        ("a truncated frame", || Act::Send(vec![2, 1, 0])),
        ("another request's id", || Act::AnswerAnother),
        ("more bytes than a frame may have", || Act::Send(vec![2; packet::MAX_FRAME_BYTES + 1])),
    ];
    for (what, act) in cases {
        let channel = channel(settings(2, 8), 1, move |_| act());
        let told = reports(&channel);
        let status = error(&channel).await;
        assert_eq!(status.code, Code::Unavailable, "{what}");
        assert_eq!(status.message, "m version 1: its worker answered what was not asked", "{what}");
        eventually("it is reported", || told.load(Ordering::SeqCst) == 1).await;
    }
}

#[tokio::test]
async fn outputs_that_lie_elsewhere_are_an_internal_error_and_the_channel_goes_on() {
    let lies: [(u64, u64, Vec<i64>); 5] = [
        (1 << 26, 4, vec![1]),
        (u64::MAX, 4, vec![1]),
        (0, 1 << 40, vec![1 << 38]),
        (0, 8, vec![1]),
        (0, 4, vec![-1, -1]),
    ];
    let next = AtomicUsize::new(0);
    let all = lies.len();
    let channel = channel(settings(1, 8), 1, move |seen| match lies.get(next.fetch_add(1, Ordering::SeqCst)) {
        Some((offset, len, shape)) => Act::Lie { offset: *offset, len: *len, shape: shape.clone() },
        None => half_plus_two(seen),
    });
    for _ in 0..all {
        assert_eq!(error(&channel).await.code, Code::Internal);
    }
    assert_eq!(values(&channel.run(job(&[1.0])).await.unwrap()), [2.5]);
}

#[tokio::test]
async fn a_kept_slot_is_never_used_again() {
    let slots = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen_slots = Arc::clone(&slots);
    let channel = channel(settings(3, 8), 1, move |seen| {
        let mut slots = seen_slots.lock();
        slots.push(seen.run.slot);
        match slots.len() {
            1 => Act::Keep(vec![Output::floats("y", &[1], &[0.0])]),
            _ => half_plus_two(seen),
        }
    });
    for _ in 0..8 {
        channel.run(job(&[1.0])).await.unwrap();
    }
    let slots = slots.lock();
    assert!(!slots[1..].contains(&slots[0]), "{slots:?}");
    assert_eq!(channel.in_flight(), 0);
}

#[tokio::test]
async fn a_worker_that_keeps_every_slot_is_hung_up_on_instead_of_waited_for() {
    let channel = channel(settings(2, 8), 1, |_| Act::Keep(vec![Output::floats("y", &[1], &[0.0])]));
    let told = reports(&channel);
    for _ in 0..2 {
        channel.run(job(&[1.0])).await.unwrap();
    }
    let status = error(&channel).await;
    assert_eq!(status.code, Code::Unavailable);
    assert!(status.message.contains("kept the inputs"), "{}", status.message);
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn inputs_beyond_a_region_are_refused_before_they_wait() {
    let mut small = settings(1, 8);
    small.stride_bytes = 4096;
    let channel = channel(small, 1, half_plus_two);
    assert_eq!(values(&channel.run(job(&vec![1.0; 1024])).await.unwrap()).len(), 1024);
    let status = channel.run(job(&vec![1.0; 1025])).await.err().unwrap();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert_eq!(status.message, "the inputs take 4100 bytes, more than the 4096 that one request may");
}

#[tokio::test]
async fn a_frame_beyond_a_packet_is_refused_and_frees_its_slot() {
    let channel = channel(settings(1, 8), 1, half_plus_two);
    let mut wide = job(&[1.0]);
    wide.outputs = (0..100).map(|index| format!("{index}{}", "x".repeat(2000))).collect();
    let status = channel.run(wide).await.err().unwrap();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert!(status.message.contains("names and shapes"), "{}", status.message);
    assert_all_slots_free(&channel, 1).await;
}

#[tokio::test]
async fn a_long_queue_that_cannot_be_sent_is_answered_without_recursion() {
    const WAITING: usize = 20_000;
    let (channel, worker, _arena) = Channel::open(settings(1, WAITING), &tokio::runtime::Handle::current()).unwrap();
    let run = |channel: &Arc<Channel>| {
        let channel = Arc::clone(channel);
        async move { channel.run(job(&[])).await }
    };
    let first = tokio::spawn(run(&channel));
    eventually("one in flight", || channel.in_flight() == 1).await;
    let mut frame = [0; 1024];
    let len = packet::receive(&worker, &mut frame).unwrap();
    let seen = Run::decode(&frame[..len]).unwrap();
    let (request_id, slot) = (seen.request_id, seen.slot);
    let mut reply = Vec::new();
    Reply { request_id, slot, code: Code::Ok, flags: 0, run_nanos: 0, message: "", outputs: vec![] }.encode(&mut reply);
    packet::send(&worker, &reply).unwrap();
    let outputs = first.await.unwrap().unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..WAITING {
        waiting.spawn(run(&channel));
    }
    eventually("all wait", || channel.queued() == WAITING).await;
    drop(worker);
    // On this one thread the reader has not seen the hang-up yet: each send fails by itself.
    drop(outputs);
    assert_eq!((channel.queued(), channel.in_flight()), (0, 0));
    while let Some(outcome) = waiting.join_next().await {
        let status = outcome.unwrap().err().unwrap();
        assert_eq!(status.code, Code::Unavailable);
        assert!(status.message.starts_with("the worker of m version 1 cannot be reached: "), "{}", status.message);
    }
}

#[tokio::test]
async fn more_frames_than_the_socket_holds_are_sent_as_it_empties() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let channel = channel(settings(64, 0), 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let channel = Arc::clone(&channel);
        // Sixty-four frames of 50 kB: far more than a socket buffer.
        let mut wide = job(&[1.0]);
        wide.outputs = vec!["y".repeat(50_000)];
        runs.spawn(async move { channel.run(wide).await.map(|outputs| values(&outputs)) });
    }
    eventually("all are in flight", || channel.in_flight() == 64).await;
    gate.open();
    while let Some(answer) = runs.join_next().await {
        assert_eq!(answer.unwrap().unwrap(), [2.5]);
    }
    assert_all_slots_free(&channel, 64).await;
}

fn allocated_bytes(arena: &OwnedFd) -> u64 {
    // SAFETY: an all-zero stat is a valid value to be filled in.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open and `stat` has the room.
    assert_eq!(unsafe { libc::fstat(arena.as_raw_fd(), &raw mut stat) }, 0);
    stat.st_blocks as u64 * 512
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_a_large_request_is_given_back_though_small_ones_keep_coming() {
    let settings = settings(1, 8);
    let layout = Layout { slots: 1, stride: settings.stride_bytes };
    let (channel, socket, arena) = Channel::open(settings, &tokio::runtime::Handle::current()).unwrap();
    let seen = arena.try_clone().unwrap();
    support::worker::start(socket, arena, layout, 1, half_plus_two);
    channel.run(job(&vec![1.0; 4 << 20])).await.unwrap();
    assert!(allocated_bytes(&seen) >= 2 * (16 << 20), "16 MiB in, 16 MiB out");
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(values(&channel.run(job(&[1.0])).await.unwrap()), [2.5]);
    }
    eventually("its memory is given back", || allocated_bytes(&seen) < 1 << 20).await;
}

#[tokio::test]
async fn a_channel_that_is_dropped_hangs_up() {
    let settings = settings(1, 8);
    let (channel, socket, _arena) = Channel::open(settings, &tokio::runtime::Handle::current()).unwrap();
    drop(channel);
    let waited = tokio::task::spawn_blocking(move || packet::receive(&socket, &mut [0; 64]));
    let received = tokio::time::timeout(Duration::from_secs(20), waited).await.expect("the worker is told");
    assert_eq!(received.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn settings_that_make_no_channel_are_refused() {
    let handle = tokio::runtime::Handle::current();
    let base = settings(1, 8);
    let cases = [
        support::settings(0, 8),
        seaway_plane::channel::ChannelSettings { stride_bytes: 0, ..base.clone() },
        seaway_plane::channel::ChannelSettings { stride_bytes: 4097, ..base.clone() },
        seaway_plane::channel::ChannelSettings { stride_bytes: 1 << 60, slots: 64, ..base.clone() },
        seaway_plane::channel::ChannelSettings { stride_bytes: u64::MAX, ..base.clone() },
        seaway_plane::channel::ChannelSettings { max_in_flight: Some(0), ..base },
    ];
    for case in cases {
        let status = Channel::open(case.clone(), &handle).err().unwrap();
        assert_eq!(status.code, Code::InvalidArgument, "{case:?}");
    }
}

/// Requests come, go away, time out and fail at random; in the end nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_slot_is_lost_under_random_load() {
    const SLOTS: u16 = 7;
    let channel = channel(settings(SLOTS, 40), 3, |seen| {
        let x = seen.floats("x")[0];
        match x as u32 % 5 {
            0 => Act::Fail(Code::Internal, "now and then".into()),
            1 => Act::Lie { offset: 4, len: 4, shape: vec![9] },
            _ => half_plus_two(seen),
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16u64 {
        let channel = Arc::clone(&channel);
        tasks.spawn(async move {
            let mut random = support::Random(task + 1);
            for _ in 0..400 {
                let x = (random.next() % 1000) as f32;
                let deadline = Instant::now() + Duration::from_micros(random.next() % 3000);
                let job = if random.next().is_multiple_of(3) { job_until(&[x], deadline) } else { job(&[x]) };
                let run = channel.run(job);
                let outcome = match random.next() % 4 {
                    0 => tokio::time::timeout(Duration::from_micros(random.next() % 300), run).await.ok(),
                    _ => Some(run.await),
                };
                if let Some(Ok(outputs)) = outcome {
                    assert_eq!(values(&outputs), [x * 0.5 + 2.0]);
                    if random.next().is_multiple_of(2) {
                        tokio::task::yield_now().await;
                    }
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    eventually("an idle channel", || channel.in_flight() == 0 && channel.queued() == 0).await;
    let mut held = Vec::new();
    for _ in 0..SLOTS {
        held.push(channel.run(job(&[4.0])).await.unwrap());
    }
    assert_eq!(channel.in_flight(), usize::from(SLOTS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_under_load_answers_everybody() {
    for round in 0..20 {
        let channel = channel(settings(4, 1000), 2, half_plus_two);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let channel = Arc::clone(&channel);
            tasks.spawn(async move {
                while let Ok(outputs) = channel.run(job(&[1.0])).await {
                    drop(outputs);
                }
            });
        }
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        channel.close("it was unloaded");
        let ended = tokio::time::timeout(Duration::from_secs(20), async { while tasks.join_next().await.is_some() {} });
        assert!(ended.await.is_ok(), "a request of round {round} was never answered");
        assert_eq!((channel.in_flight(), channel.queued()), (0, 0));
    }
}
