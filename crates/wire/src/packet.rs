//! The socket that frames travel on: a pair of `SOCK_SEQPACKET` unix sockets.
//!
//! Packets keep their boundaries, so several threads of a worker can each receive a whole `Run` from one socket with no
//! dispatcher between them, and several tasks of the plane can send without interleaving.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Largest frame, in bytes: under what an unprivileged socket buffer holds (Linux' default wmem_max is 212,992).
pub const MAX_FRAME_BYTES: usize = 192 * 1024;

/// Two connected sockets, both closed on exec, both blocking.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for the two descriptors.
    let done =
        unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, fds.as_mut_ptr()) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us both descriptors and nobody else has them.
    let (a, b) = unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) };
    for fd in [&a, &b] {
        let size = (2 * MAX_FRAME_BYTES) as libc::c_int;
        // SAFETY: the option value is an int of the length given; a refusal leaves the default, which suffices.
        unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDBUF,
                (&raw const size).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
    Ok((a, b))
}

/// Sends one whole frame. On a non-blocking socket a full buffer is `WouldBlock`; a peer that is gone is `BrokenPipe`.
pub fn send(socket: &impl AsRawFd, frame: &[u8]) -> io::Result<()> {
    loop {
        // SAFETY: pointer and length are those of `frame`.
        let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Receives one whole frame into `buffer` and gives its length; 0 means that the peer is gone.
pub fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: pointer and length are those of `buffer`.
        let got = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        if got >= 0 {
            return Ok(got as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Makes a socket's calls return `WouldBlock` instead of waiting.
pub fn set_nonblocking(socket: &impl AsRawFd) -> io::Result<()> {
    let mut on: libc::c_int = 1;
    // SAFETY: FIONBIO reads one int.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONBIO, &raw mut on) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Hangs up in both directions; the descriptor stays open.
pub fn shut_down(socket: &impl AsRawFd) {
    // SAFETY: the call only takes a descriptor; an error means that it is hung up already.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) };
}
