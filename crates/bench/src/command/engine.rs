//! The engine called in this process: what a server around it could reach if it cost nothing.
//!
//! The same code as in a worker, on the same arena, with the inputs lying there already and the outputs copied out; absent
//! are the socket between plane and worker, decoding, queueing and encoding. It is called with the request joined to itself as
//! often as is asked for, because a server that joins requests is to be held against the engine at its best.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use seaway_bench::{nanoseconds, processor_time, quantiles, Problem};
use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::{align, Arena, Layout};
use seaway_worker::tensorflow::{LoadSettings, Model};
use seaway_worker::{Engine, Status};
use serde_json::{json, Value};

use super::cli::EngineOptions;
use super::input::Input;

/// Calls before measuring: TensorFlow prepares the graph at the first, and the engine chooses where to run by the others.
const WARM_UP_CALLS: u32 = 100;
/// The warm-up of a slow model ends earlier.
const WARM_UP_LIMIT: Duration = Duration::from_millis(500);
/// Calls that take longer than this are not made larger still.
const LONGEST_CALL: Duration = Duration::from_millis(700);
/// Room for a call's outputs.
const OUTPUT_BYTES: u64 = 64 << 20;

/// Loads the model and measures it for each number of threads and each number of requests in one call.
pub fn measure(options: &EngineOptions) -> Result<Value, Problem> {
    let settings = LoadSettings {
        library: options.library.clone(),
        path: options.model.clone(),
        tags: options.tags.clone(),
        custom_ops: vec![],
        session_config: options.session_config.clone(),
    };
    let start = Instant::now();
    let model = Model::load(&settings).map_err(|status| failed("load", &status))?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut results = vec![];
    for threads in &options.threads {
        for joined in &options.joined {
            let inputs = joined_inputs(&options.inputs, *joined)?;
            let (report, slowest) = measure_with(&model, options, &inputs, *threads, *joined)?;
            results.push(report);
            if slowest > LONGEST_CALL {
                break;
            }
        }
    }
    Ok(json!({"api": "engine", "load_seconds": load_seconds, "results": results}))
}

/// The inputs of `joined` requests in one, when there are that many.
///
/// Raises: Problem - one of several cannot be joined: it has no leading dimension.
fn joined_inputs(inputs: &[Input], joined: u16) -> Result<Vec<Input>, Problem> {
    match inputs.iter().find(|input| joined > 1 && input.shape.is_empty()) {
        Some(scalar) => Err(Problem(format!("{} is a scalar: {joined} of them are not one input", scalar.name))),
        None => Ok(inputs.iter().map(|input| input.joined(usize::from(joined))).collect()),
    }
}

/// The report of one measurement, and its median call.
fn measure_with(
    model: &Model,
    options: &EngineOptions,
    inputs: &[Input],
    threads: u16,
    joined: u16,
) -> Result<(Value, Duration), Problem> {
    let (arena, headers) = arena(inputs, threads)?;
    let begin = Barrier::new(usize::from(threads));
    let processor = processor_time();
    let calls = std::thread::scope(|scope| {
        let start = |slot| {
            let (arena, begin, inputs) = (&arena, &begin, headers[usize::from(slot)].clone());
            let signature = options.signature.as_str();
            let run = Run { request_id: 0, slot, deadline_nanos: 0, signature, outputs: vec![], inputs };
            scope.spawn(move || call_repeatedly(model, arena, &run, begin, options.seconds))
        };
        let started: Vec<_> = (0..threads).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(Problem("a calling thread panicked".into())))
        };
        started.into_iter().map(join).collect::<Result<Vec<Calls>, _>>()
    })?;
    let mut nanos = nanoseconds();
    let mut per_second = 0.0;
    for one in &calls {
        nanos.add(&one.nanos).map_err(|error| Problem(format!("latencies do not add up: {error}")))?;
        per_second += one.nanos.len() as f64 / one.elapsed.as_secs_f64();
    }
    let median = Duration::from_nanos(nanos.value_at_quantile(0.5));
    let report = json!({
        "threads": threads,
        "joined": joined,
        "calls": nanos.len(),
        "per_second": per_second,
        "requests_per_second": per_second * f64::from(joined),
        "latency_micros": quantiles(&nanos),
        "processor_seconds": (processor_time() - processor).as_secs_f64(),
    });
    Ok((report, median))
}

/// An arena with the inputs in every slot, and where they lie, by slot.
fn arena(inputs: &[Input], slots: u16) -> Result<(Arc<Arena>, Vec<Vec<TensorHeader<'_>>>), Problem> {
    let bytes: Vec<_> = inputs.iter().map(Input::bytes).collect();
    let needed: u64 = bytes.iter().map(|bytes| align(bytes.len() as u64)).sum();
    let layout = Layout { slots, stride: align(needed.max(OUTPUT_BYTES)) };
    let arena = Arena::create(layout).map_err(|error| Problem(error.to_string()))?;
    let mut headers = vec![];
    for slot in 0..slots {
        let mut offset = layout.input_offset(slot);
        let mut of_slot = vec![];
        for (input, bytes) in inputs.iter().zip(&bytes) {
            let len = bytes.len() as u64;
            // SAFETY: nobody else has the arena yet.
            let region = unsafe { arena.region_mut(offset, len) }.map_err(|error| Problem(error.to_string()))?;
            region.copy_from_slice(bytes);
            of_slot.push(TensorHeader {
                name: &input.name,
                dtype: input.dtype,
                shape: input.shape.clone(),
                offset,
                len,
            });
            offset = align(offset + len);
        }
        headers.push(of_slot);
    }
    Ok((Arc::new(arena), headers))
}

/// What one thread did.
struct Calls {
    nanos: Histogram<u64>,
    elapsed: Duration,
}

fn call_repeatedly(
    model: &Model,
    arena: &Arc<Arena>,
    run: &Run<'_>,
    begin: &Barrier,
    seconds: Duration,
) -> Result<Calls, Problem> {
    let warmed = warm_up(model, arena, run);
    begin.wait();
    warmed?;
    let mut nanos = nanoseconds();
    let (start, mut last) = (Instant::now(), Instant::now());
    while last - start < seconds {
        call(model, arena, run)?;
        let now = Instant::now();
        nanos.saturating_record((now - last).as_nanos() as u64);
        last = now;
    }
    Ok(Calls { nanos, elapsed: last - start })
}

fn warm_up(model: &Model, arena: &Arc<Arena>, run: &Run<'_>) -> Result<(), Problem> {
    let start = Instant::now();
    for _ in 0..WARM_UP_CALLS {
        call(model, arena, run)?;
        if start.elapsed() > WARM_UP_LIMIT {
            break;
        }
    }
    Ok(())
}

fn call(model: &Model, arena: &Arc<Arena>, run: &Run<'_>) -> Result<(), Problem> {
    match model.run(run, arena).outputs {
        Ok(_) => Ok(()),
        Err(status) => Err(failed("run", &status)),
    }
}

fn failed(what: &str, status: &Status) -> Problem {
    Problem(format!("the engine could not {what} the model: {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_joined_along_their_leading_dimension_and_scalars_are_not() {
        let inputs: Vec<Input> = ["a=float32:1,2:1,2", "b=int32:1:7"].map(|text| text.parse().unwrap()).into();
        let both = joined_inputs(&inputs, 2).unwrap();
        assert_eq!((&both[0].shape, &both[0].values), (&vec![2, 2], &vec![1.0, 2.0, 1.0, 2.0]));
        assert_eq!((&both[1].shape, &both[1].values), (&vec![2], &vec![7.0, 7.0]));
        let scalar: Vec<Input> = vec!["x=float32::1".parse().unwrap()];
        assert!(joined_inputs(&scalar, 2).unwrap_err().0.contains("x is a scalar"));
        assert!(joined_inputs(&scalar, 1).is_ok());
    }

    #[test]
    fn every_slot_gets_the_inputs_one_after_another_and_aligned() {
        let inputs: Vec<Input> = ["a=float32:3:1.0,2.0,3.0", "b=uint8:2:7,8"].map(|text| text.parse().unwrap()).into();
        let (arena, headers) = arena(&inputs, 2).unwrap();
        assert_eq!(headers.len(), 2);
        for (slot, of_slot) in (0..).zip(&headers) {
            let start = arena.layout().input_offset(slot);
            let places: Vec<_> =
                of_slot.iter().map(|header| (header.name, header.offset - start, header.len)).collect();
            assert_eq!(places, [("a", 0, 12), ("b", 64, 2)]);
            // SAFETY: this test owns every slot.
            assert_eq!(unsafe { arena.region(of_slot[1].offset, 2) }.unwrap(), [7, 8]);
        }
    }
}
