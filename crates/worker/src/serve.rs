//! The loop between the data socket and the engine: receive, run, reply, until the other end hangs up.
//!
//! Several threads block on one socket; the kernel gives each whole frame to one of them, so there is no dispatcher and
//! no queue here: waiting requests wait in the plane, where deadlines and fairness are. A frame that cannot be read is
//! answered with INTERNAL when its request id can be, and logged: the loop itself never ends because of what it was sent.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use seaway_wire::clock::{left, monotonic_nanos};
use seaway_wire::frame::{Reply, Run, FLAG_INPUTS_RETAINED};
use seaway_wire::packet::{receive, send, MAX_FRAME_BYTES};
use seaway_wire::{Arena, Code};

use crate::{Answer, Engine, Status};

/// Threads that answer runs on one data socket.
pub struct Serving {
    socket: Arc<OwnedFd>,
    threads: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Hangs up and waits until every thread has ended; a run in progress is finished first.
    pub fn stop(self) {
        if let Ok(socket) = self.socket.try_clone() {
            // Shutting down wakes every thread that waits in `receive`; that it is already down is no news.
            let _ = UnixStream::from(socket).shutdown(Shutdown::Both);
        }
        self.join();
    }

    /// Waits until the other end has hung up and every thread has ended.
    pub fn join(self) {
        for thread in self.threads {
            // A thread that panicked has been reported by the panic hook; there is nothing else to end.
            let _ = thread.join();
        }
    }
}

/// Starts `threads` threads that answer what arrives on `socket` with `engine`, until the other end hangs up.
pub fn serve(engine: Arc<dyn Engine>, socket: OwnedFd, arena: Arena, threads: usize) -> io::Result<Serving> {
    let socket = Arc::new(socket);
    let arena = Arc::new(arena);
    let threads = (0..threads.max(1))
        .map(|index| {
            let (engine, socket, arena) = (engine.clone(), socket.clone(), arena.clone());
            Builder::new().name(format!("run-{index}")).spawn(move || answer_all(&*engine, &socket, &arena))
        })
        .collect::<io::Result<_>>()?;
    Ok(Serving { socket, threads })
}

fn answer_all(engine: &dyn Engine, socket: &OwnedFd, arena: &Arc<Arena>) {
    let mut frame = vec![0; MAX_FRAME_BYTES];
    let mut reply = Vec::with_capacity(1024);
    loop {
        let len = match receive(socket, &mut frame) {
            Ok(0) => return,
            Ok(len) => len,
            Err(error) => return eprintln!("seaway: data socket: {error}"),
        };
        answer(engine, arena, &frame[..len], &mut reply);
        match send(socket, &reply) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            Err(error) => return eprintln!("seaway: data socket: {error}"),
        }
    }
}

/// Fills `reply` with the answer to `frame`.
fn answer(engine: &dyn Engine, arena: &Arc<Arena>, frame: &[u8], reply: &mut Vec<u8>) {
    reply.clear();
    let run = match Run::decode(frame) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("seaway: a frame of {} bytes is not a run: {error}", frame.len());
            let status = Status::new(Code::Internal, format!("the worker could not read the run: {error}"));
            let (request_id, slot) = identity(frame);
            return encode(request_id, slot, Answer::refused(status), reply);
        }
    };
    let slots = arena.layout().slots;
    if left(run.deadline_nanos, monotonic_nanos()).is_some_and(|left| left.is_zero()) {
        let status = Status::new(Code::DeadlineExceeded, "the deadline passed before the run began");
        return encode(run.request_id, run.slot, Answer::refused(status), reply);
    }
    let result = match run.slot < slots {
        // A panic is our own defect; it ends this run only.
        true => catch_unwind(AssertUnwindSafe(|| engine.run(&run, arena)))
            .unwrap_or_else(|_| Answer::refused(Status::new(Code::Internal, "internal error in the worker"))),
        false => Answer::refused(Status::new(Code::Internal, format!("slot {} is not one of {slots}", run.slot))),
    };
    encode(run.request_id, run.slot, result, reply);
}

/// Encodes `answer`; a reply too long for one packet becomes the error that says so.
fn encode(request_id: u64, slot: u16, answer: Answer<'_>, out: &mut Vec<u8>) {
    let flags = if answer.inputs_retained { FLAG_INPUTS_RETAINED } else { 0 };
    let mut reply =
        Reply { request_id, slot, code: Code::Ok, flags, run_nanos: answer.run_nanos, message: "", outputs: vec![] };
    let status = match answer.outputs {
        Ok(outputs) => {
            Reply { outputs, ..reply.clone() }.encode(out);
            if out.len() <= MAX_FRAME_BYTES {
                return;
            }
            let len = out.len();
            out.clear();
            Status::new(
                Code::ResourceExhausted,
                format!("the reply's header takes {len} bytes, {MAX_FRAME_BYTES} fit: ask for fewer outputs"),
            )
        }
        Err(status) => status,
    };
    let message = status.wire_message();
    (reply.code, reply.message) = (status.code, &message);
    reply.encode(out);
}

/// The request id and slot of a frame that is otherwise unreadable; zeros when it is too short even for that.
///
/// Source: docs/worker-protocol.md, the fixed head of a run.
fn identity(frame: &[u8]) -> (u64, u16) {
    let slot = frame.get(2..4).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let id = frame.get(8..16).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("a slice of 8")));
    (id, slot)
}

#[cfg(test)]
mod tests {
    use seaway_wire::frame::TensorHeader;
    use seaway_wire::packet::pair;
    use seaway_wire::{DType, Layout};

    use super::*;

    const LAYOUT: Layout = Layout { slots: 2, stride: 4096 };

    /// Does what the signature's name says.
    struct Obedient;

    impl Engine for Obedient {
        fn run(&self, run: &Run<'_>, _arena: &Arc<Arena>) -> Answer<'_> {
            let y = TensorHeader { name: "y", dtype: DType::Float, shape: vec![1; 200], offset: 0, len: 4 };
            let outputs = match run.signature {
                "answer" => Ok(vec![y]),
                "fail" => Err(Status::new(Code::NotFound, "as told")),
                "answer at length" => Ok(vec![y; 500]),
                _ => panic!("as told"),
            };
            Answer { outputs, run_nanos: 5, inputs_retained: run.signature == "answer" }
        }
    }

    fn started(threads: usize) -> (OwnedFd, Serving) {
        let (ours, theirs) = pair().unwrap();
        (ours, serve(Arc::new(Obedient), theirs, Arena::create(LAYOUT).unwrap(), threads).unwrap())
    }

    fn ask(socket: &OwnedFd, frame: &[u8], check: impl FnOnce(Reply<'_>)) {
        send(socket, frame).unwrap();
        let mut buffer = vec![0; MAX_FRAME_BYTES];
        let len = receive(socket, &mut buffer).unwrap();
        check(Reply::decode(&buffer[..len]).unwrap());
    }

    fn run(signature: &str, slot: u16) -> Vec<u8> {
        let mut frame = Vec::new();
        let run = Run { request_id: 7, slot, deadline_nanos: 0, signature, outputs: vec![], inputs: vec![] };
        run.encode(&mut frame);
        frame
    }

    #[test]
    fn a_run_is_answered_with_its_id_and_slot() {
        let (socket, serving) = started(1);
        ask(&socket, &run("answer", 1), |reply| {
            assert_eq!((reply.request_id, reply.slot, reply.code), (7, 1, Code::Ok));
            assert_eq!((reply.flags, reply.run_nanos, reply.outputs.len()), (FLAG_INPUTS_RETAINED, 5, 1));
        });
        ask(&socket, &run("fail", 0), |reply| assert_eq!((reply.code, reply.message), (Code::NotFound, "as told")));
        serving.stop();
    }

    #[test]
    fn what_cannot_be_run_is_answered_and_the_loop_goes_on() {
        let (socket, serving) = started(1);
        let mut cut = run("answer", 1);
        cut.pop();
        let cases = [(cut, Code::Internal), (run("panic", 0), Code::Internal), (run("answer", 2), Code::Internal)];
        for (frame, code) in cases {
            ask(&socket, &frame, |reply| assert_eq!((reply.request_id, reply.code), (7, code)));
        }
        ask(&socket, b"\x01", |reply| assert_eq!((reply.request_id, reply.code), (0, Code::Internal)));
        ask(&socket, &run("answer at length", 0), |reply| {
            assert_eq!(reply.code, Code::ResourceExhausted);
            assert!(reply.message.contains("196608 fit"), "{}", reply.message);
        });
        ask(&socket, &run("answer", 0), |reply| assert_eq!(reply.code, Code::Ok));
        serving.stop();
    }

    #[test]
    fn every_thread_ends_when_the_other_end_hangs_up() {
        let (socket, serving) = started(3);
        drop(socket);
        serving.join();
    }

    #[test]
    fn stopping_hangs_up_on_the_other_end() {
        let (socket, serving) = started(2);
        serving.stop();
        assert_eq!(receive(&socket, &mut [0; 16]).unwrap(), 0);
    }
}
