//! The shared memory between the plane and one loaded version.
//!
//! One memfd holds two regions a slot: inputs (the plane writes, the worker reads) and outputs (the other way round).
//! A slot belongs to one run at a time, so nothing is ever allocated, freed or locked in it. The file is sparse: a
//! region's `stride` is address space, and memory is used only where bytes were written. [`Arena::trim`] gives back
//! what one large request left behind.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

/// Alignment of every tensor in a region, in bytes: engines copy what is less aligned.
pub const ALIGNMENT: usize = 64;

/// How an arena is divided; both sides are told the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Runs that may be in flight at once.
    pub slots: u16,
    /// Bytes of address space of one region: no request's or reply's tensors may be larger.
    pub stride: u64,
}

impl Layout {
    /// Bytes of address space of the whole file.
    pub fn total_bytes(&self) -> u64 {
        2 * u64::from(self.slots) * self.stride
    }

    /// Offset of slot `slot`'s input region.
    pub fn input_offset(&self, slot: u16) -> u64 {
        u64::from(slot) * self.stride
    }

    /// Offset of slot `slot`'s output region.
    pub fn output_offset(&self, slot: u16) -> u64 {
        (u64::from(self.slots) + u64::from(slot)) * self.stride
    }
}

/// Why an arena could not be made or reached.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The operating system refused.
    #[error("shared memory: {call}: {source}")]
    System {
        /// The system call.
        call: &'static str,
        /// Its error.
        source: io::Error,
    },
    /// An offset and length do not lie in one region of the arena.
    #[error("bytes {offset}..+{len} do not lie in the arena of {total} bytes")]
    OutOfBounds {
        /// First byte.
        offset: u64,
        /// Bytes asked for.
        len: u64,
        /// Size of the arena.
        total: u64,
    },
}

/// A mapped arena. Cheap to share by reference; unmapped when dropped.
pub struct Arena {
    fd: OwnedFd,
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the mapping is plain memory that lives as long as the value; which thread may touch which slot is the slot
// protocol's matter (a slot has one owner at a time), and every access goes through the unsafe `region` functions.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// A new, empty arena.
    pub fn create(layout: Layout) -> Result<Arena, ArenaError> {
        // SAFETY: the name is a valid C string; the call has no other precondition.
        let raw = unsafe { libc::memfd_create(c"seaway-arena".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
        if raw < 0 {
            return Err(last("memfd_create"));
        }
        // SAFETY: the kernel just gave us this descriptor and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        // SAFETY: `fd` is an open memfd.
        if unsafe { libc::ftruncate(fd.as_raw_fd(), layout.total_bytes() as libc::off_t) } != 0 {
            return Err(last("ftruncate"));
        }
        // Else the other side could shrink the file, and the next access here would end this process.
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: `fd` is an open memfd that allows sealing.
        if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
            return Err(last("fcntl(F_ADD_SEALS)"));
        }
        Arena::map(fd, layout)
    }

    /// Maps an arena that the other side made.
    pub fn map(fd: OwnedFd, layout: Layout) -> Result<Arena, ArenaError> {
        // SAFETY: a null hint and a length above zero; the kernel checks the descriptor.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                layout.total_bytes() as usize,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_NORESERVE,
                fd.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(last("mmap"));
        }
        let base = NonNull::new(base.cast()).expect("mmap never maps page zero");
        Ok(Arena { fd, base, layout })
    }

    /// The division that both sides agreed on.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The memfd, to be sent to the other side.
    pub fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// A second descriptor of the memfd, to be given away.
    pub fn try_clone_fd(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// The bytes `offset..offset + len`, to read.
    ///
    /// # Safety
    /// The caller owns the slot that these bytes belong to, so that nobody writes them meanwhile.
    pub unsafe fn region(&self, offset: u64, len: u64) -> Result<&[u8], ArenaError> {
        let start = self.check(offset, len)?;
        // SAFETY: `check` keeps the range inside the mapping; exclusivity is the caller's promise.
        Ok(unsafe { std::slice::from_raw_parts(start, len as usize) })
    }

    /// The bytes `offset..offset + len`, to write.
    ///
    /// # Safety
    /// The caller owns the slot that these bytes belong to, and holds no other reference into them.
    #[allow(clippy::mut_from_ref)] // Exclusivity comes from owning the slot, not from borrowing the arena.
    pub unsafe fn region_mut(&self, offset: u64, len: u64) -> Result<&mut [u8], ArenaError> {
        let start = self.check(offset, len)?;
        // SAFETY: `check` keeps the range inside the mapping; exclusivity is the caller's promise.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, len as usize) })
    }

    /// Gives the memory of `offset..offset + len` back to the operating system; it reads as zeros afterwards.
    pub fn trim(&self, offset: u64, len: u64) {
        // SAFETY: `fd` is our memfd; punching a hole past its end is harmless and refused by the kernel.
        unsafe {
            libc::fallocate(
                self.fd.as_raw_fd(),
                libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
                offset as libc::off_t,
                len as libc::off_t,
            );
        }
    }

    fn check(&self, offset: u64, len: u64) -> Result<*mut u8, ArenaError> {
        let total = self.layout.total_bytes();
        match offset.checked_add(len) {
            // A range may not cross into another slot's region: that slot may be somebody else's.
            Some(end)
                if end <= total && (len == 0 || offset / self.layout.stride == (end - 1) / self.layout.stride) =>
            {
                // SAFETY: `offset <= total`, the size of the mapping.
                Ok(unsafe { self.base.as_ptr().add(offset as usize) })
            }
            _ => Err(ArenaError::OutOfBounds { offset, len, total }),
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: base and length are those of our own mapping, and no reference outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.layout.total_bytes() as usize) };
    }
}

/// `offset` rounded up to the next multiple of [`ALIGNMENT`].
pub fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT as u64)
}

fn last(call: &'static str) -> ArenaError {
    ArenaError::System { call, source: io::Error::last_os_error() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { slots: 2, stride: 4096 };

    #[test]
    fn both_mappings_see_the_same_bytes() {
        let ours = Arena::create(LAYOUT).unwrap();
        let theirs = Arena::map(ours.fd.try_clone().unwrap(), LAYOUT).unwrap();
        // SAFETY: this test owns both slots.
        unsafe {
            ours.region_mut(LAYOUT.input_offset(1), 3).unwrap().copy_from_slice(b"abc");
            assert_eq!(theirs.region(LAYOUT.input_offset(1), 3).unwrap(), b"abc");
        }
    }

    #[test]
    fn a_range_outside_or_across_regions_is_refused() {
        let arena = Arena::create(LAYOUT).unwrap();
        // SAFETY: this test owns both slots.
        unsafe {
            assert!(arena.region(4 * 4096, 1).is_err());
            assert!(arena.region(u64::MAX, 2).is_err());
            assert!(arena.region(4000, 200).is_err());
            assert!(arena.region(0, 4096).is_ok());
        }
    }

    #[test]
    fn nobody_can_change_the_size_of_the_file() {
        let arena = Arena::create(LAYOUT).unwrap();
        for len in [0, 1 << 20] {
            // SAFETY: the descriptor is open.
            assert_eq!(unsafe { libc::ftruncate(arena.as_raw_fd(), len) }, -1, "to {len} bytes");
        }
    }

    #[test]
    fn trimmed_memory_reads_as_zeros() {
        let arena = Arena::create(LAYOUT).unwrap();
        // SAFETY: this test owns both slots.
        unsafe {
            arena.region_mut(0, 4096).unwrap().fill(7);
            arena.trim(0, 4096);
            assert!(arena.region(0, 4096).unwrap().iter().all(|byte| *byte == 0));
        }
    }
}
