//! Gives the memory of regions that a large request has used back to the operating system, once they are quiet.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::{slots, Channel};

/// How long a large region is unused before its memory is given back.
pub(super) const TRIM_AFTER: Duration = Duration::from_secs(5);

impl Channel {
    pub(super) fn note_use(self: &Arc<Self>, slot: u16, region: usize, bytes: u64) {
        if bytes <= slots::KEEP_BYTES {
            return;
        }
        let mut state = self.state.lock();
        state.slots.note_use(slot, region, bytes, Instant::now());
        if !std::mem::replace(&mut state.trimming, true) {
            self.runtime.spawn(trim_when_quiet(Arc::downgrade(self)));
        }
    }

    /// Gives back the memory of slots that [`Slots::take_large`] gave, then the slots; whether others hold too much. Blocks:
    /// freeing gigabytes takes the kernel a while.
    pub(super) fn trim(self: &Arc<Self>, large: &[(u16, [u64; 2])]) -> bool {
        let layout = self.arena.layout();
        for (slot, bytes) in large {
            for (offset, bytes) in [(layout.input_offset(*slot), bytes[0]), (layout.output_offset(*slot), bytes[1])] {
                if bytes > 0 {
                    self.arena.trim(offset, bytes.next_multiple_of(4096).min(layout.stride));
                }
            }
        }
        let remain = {
            let mut state = self.state.lock();
            large.iter().for_each(|(slot, _)| state.slots.give_back(*slot));
            state.slots.has_large()
        };
        self.pump();
        remain
    }

    /// Trims what was quiet for long enough; false when nothing large is left, and nobody looks any more.
    fn trim_quiet(self: &Arc<Self>, before: Instant) -> bool {
        let large = self.state.lock().slots.take_large(before);
        let remain = self.trim(&large);
        if remain {
            return true;
        }
        // Under the lock that `note_use` takes: what it noted meanwhile is either seen here, or looked after anew.
        let mut state = self.state.lock();
        state.trimming = state.slots.has_large();
        state.trimming
    }
}

/// Trims from time to time until nothing large is left, or the channel is dropped.
async fn trim_when_quiet(channel: Weak<Channel>) {
    loop {
        tokio::time::sleep(TRIM_AFTER).await;
        let Some(channel) = channel.upgrade() else { return };
        let before = Instant::now() - TRIM_AFTER;
        if !matches!(tokio::task::spawn_blocking(move || channel.trim_quiet(before)).await, Ok(true)) {
            return;
        }
    }
}
