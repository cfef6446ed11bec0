//! Whether a call's trace is kept. Pure: decided once, at the call's beginning, by the trace's own number.
//!
//! Source: the OpenTelemetry specification, Trace SDK, ParentBased and TraceIdRatioBased.

use super::context::Parent;

/// How it is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// The share of traces that is kept, 0 to 1.
    pub ratio: f64,
    /// Whether whoever began a trace has decided for everybody.
    pub is_parent_based: bool,
}

impl Sampler {
    /// Whether to keep the trace of this number. A probe begins none: it would say that a probe came, every few seconds.
    pub fn keeps(self, trace_id: &[u8; 16], parent: Option<Parent>, is_probe: bool) -> bool {
        match parent {
            Some(parent) if self.is_parent_based => parent.is_sampled,
            None if is_probe => false,
            _ => is_within(trace_id, self.ratio),
        }
    }

    /// Whether a call without a parent can be kept at all.
    pub fn keeps_any_root(self) -> bool {
        self.ratio > 0.0
    }
}

/// Whether a number is in the first share of all numbers. Its last 8 bytes are those that are random everywhere.
fn is_within(trace_id: &[u8; 16], ratio: f64) -> bool {
    if ratio >= 1.0 {
        return true;
    }
    let number = u128::from_be_bytes(*trace_id) as u64;
    // The 53 bits that a double holds exactly: below 1.
    ratio > 0.0 && (number >> 11) as f64 / ((1u64 << 53) as f64) < ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::random;

    fn numbered(low: u64) -> [u8; 16] {
        (u128::from(u64::MAX) << 64 | u128::from(low)).to_be_bytes()
    }

    fn parent(is_sampled: bool) -> Option<Parent> {
        Some(Parent { trace_id: [1; 16], span_id: [1; 8], is_sampled })
    }

    #[test]
    fn a_parent_decides_where_it_is_asked_and_the_ratio_everywhere_else() {
        let (low, high) = (numbered(0), numbered(u64::MAX));
        let based = |ratio| Sampler { ratio, is_parent_based: true };
        let plain = |ratio| Sampler { ratio, is_parent_based: false };
        let cases = [
            (based(0.0), high, parent(true), false, true),
            (based(1.0), low, parent(false), false, false),
            (based(1.0), high, None, false, true),
            (based(0.0), low, None, false, false),
            (based(0.5), low, None, false, true),
            (based(0.5), high, None, false, false),
            (based(f64::NAN), low, None, false, false),
            (plain(0.0), low, parent(true), false, false),
            (plain(1.0), high, parent(false), false, true),
            // Probes.
            (based(1.0), low, None, true, false),
            (based(1.0), low, parent(true), true, true),
        ];
        for (sampler, trace_id, parent, is_probe, expected) in cases {
            assert_eq!(
                sampler.keeps(&trace_id, parent, is_probe),
                expected,
                "{sampler:?} {trace_id:?} {parent:?} {is_probe}"
            );
        }
    }

    #[test]
    fn the_share_is_about_the_ratio_and_every_server_decides_alike() {
        let sampler = Sampler { ratio: 0.1, is_parent_based: true };
        let kept: Vec<[u8; 16]> =
            (0..100_000).map(|_| random::sixteen()).filter(|id| sampler.keeps(id, None, false)).collect();
        assert!((9_000..11_000).contains(&kept.len()), "{}", kept.len());
        let wider = Sampler { ratio: 0.2, is_parent_based: true };
        assert!(kept.iter().all(|id| wider.keeps(id, None, false)), "what a smaller share holds, a larger one does");
    }
}
