//! A worker that answers at once: the frames and the arena of a real one, and no engine.
//!
//! Every run gets the same row of floats, once for each row of its input, so that what is measured around it is the
//! plane's cost alone. How threads wait and receive is as in `crates/worker/src/serve.rs`.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use seaway_bench::Problem;
use seaway_wire::frame::{Reply, Run, TensorHeader};
use seaway_wire::{packet, Arena, Code, DType, Layout};

/// The one output that every run gets.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its name in the signature.
    pub name: String,
    /// Shape of one row, without the leading dimension.
    pub row_shape: Vec<i64>,
}

impl Answer {
    /// One row's values, little-endian: of the magnitude of a classifier's scores.
    fn row(&self) -> Vec<u8> {
        let count = self.row_shape.iter().product::<i64>();
        (0..count).flat_map(|index| (0.1 + 0.012_345_6 * index as f32).to_le_bytes()).collect()
    }
}

/// Answers on `threads` threads until the plane hangs up.
///
/// Raises: Problem - the arena cannot be mapped.
pub fn start(socket: OwnedFd, arena: OwnedFd, layout: Layout, threads: usize, answer: &Answer) -> Result<(), Problem> {
    let arena = Arena::map(arena, layout).map_err(|error| Problem(format!("the arena cannot be mapped: {error}")))?;
    let (socket, arena) = (Arc::new(socket), Arc::new(arena));
    for _ in 0..threads {
        let (socket, arena, answer) = (Arc::clone(&socket), Arc::clone(&arena), answer.clone());
        std::thread::spawn(move || serve(&socket, &arena, &answer));
    }
    Ok(())
}

fn serve(socket: &OwnedFd, arena: &Arena, answer: &Answer) {
    let mut frame = vec![0; packet::MAX_FRAME_BYTES];
    let (mut reply, row) = (Vec::new(), answer.row());
    while let Ok(len @ 1..) = packet::receive(socket, &mut frame) {
        let Ok(run) = Run::decode(&frame[..len]) else { return };
        reply.clear();
        encode(&run, arena, answer, &row, &mut reply);
        if packet::send(socket, &reply).is_err() {
            return;
        }
    }
}

/// Writes the rows to the run's slot, and the frame that says so.
fn encode(run: &Run<'_>, arena: &Arena, answer: &Answer, row: &[u8], reply: &mut Vec<u8>) {
    let rows = run.inputs.first().and_then(|input| input.shape.first().copied()).unwrap_or(1);
    let (offset, len) = (arena.layout().output_offset(run.slot), rows as u64 * row.len() as u64);
    // SAFETY: the slot is the worker's from the run's frame to the reply's.
    let outputs = match unsafe { arena.region_mut(offset, len) } {
        Ok(region) => {
            region.chunks_exact_mut(row.len().max(1)).for_each(|place| place.copy_from_slice(row));
            let shape = [&[rows], answer.row_shape.as_slice()].concat();
            vec![TensorHeader { name: &answer.name, dtype: DType::Float, shape, offset, len }]
        }
        // The plane answers the request with an error, which the measurement counts.
        Err(_) => vec![],
    };
    let (request_id, slot) = (run.request_id, run.slot);
    Reply { request_id, slot, code: Code::Ok, flags: 0, run_nanos: 1000, message: "", outputs }.encode(reply);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_run_gets_the_same_answer() {
        let layout = Layout { slots: 2, stride: 4096 };
        let arena = Arena::create(layout).unwrap();
        let answer = Answer { name: "y".into(), row_shape: vec![2] };
        let input = TensorHeader { name: "x", dtype: DType::Float, shape: vec![3, 5], offset: 0, len: 60 };
        let run =
            Run { request_id: 7, slot: 1, deadline_nanos: 0, signature: "s", outputs: vec![], inputs: vec![input] };
        let mut frame = Vec::new();
        encode(&run, &arena, &answer, &answer.row(), &mut frame);
        let reply = Reply::decode(&frame).unwrap();
        assert_eq!((reply.request_id, reply.slot, reply.code), (7, 1, Code::Ok));
        assert_eq!((reply.outputs[0].shape.as_slice(), reply.outputs[0].len), ([3, 2].as_slice(), 24));
        // SAFETY: this test owns every slot.
        let written = unsafe { arena.region(layout.output_offset(1), 24) }.unwrap();
        assert_eq!(written, [answer.row(), answer.row(), answer.row()].concat());
    }
}
