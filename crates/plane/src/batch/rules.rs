//! Which requests may share a run, and how large it may be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::Job;
use crate::status::{Result, Status};
use crate::tensor::Tensor;

/// Rows of a joined run when nobody says: beyond this, engines on processors gain nothing more and latency grows.
const NATURAL_MAX_ROWS: usize = 128;

/// Batching parameters of one loaded version; the defaults are natural batching.
///
/// Source: tensorflow_serving/servables/tensorflow/session_bundle_config.proto (BatchingParameters).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchRules {
    /// False: every request runs by itself.
    pub enabled: bool,
    /// Most rows of one request or of requests that are joined. A larger request is refused, or runs alone when this was
    /// not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<usize>,
    /// How long the first request of a batch waits for others; 0 for not at all.
    pub batch_timeout_micros: u64,
    /// Batches' worth of rows that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_enqueued_batches: Option<usize>,
    /// Batches in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_batch_threads: Option<u16>,
    /// Sizes that runs are padded to, ascending; empty for any size.
    pub allowed_batch_sizes: Vec<usize>,
    /// Whether inputs of different inner sizes are padded to the largest.
    pub pad_variable_length_inputs: bool,
    /// Whether a request of more rows than a run may have is cut into several runs.
    pub enable_large_batch_splitting: bool,
    /// Most rows of one run; [`BatchRules::max_batch_size`] when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_execution_batch_size: Option<usize>,
}

impl Default for BatchRules {
    fn default() -> Self {
        BatchRules {
            enabled: true,
            max_batch_size: None,
            batch_timeout_micros: 0,
            max_enqueued_batches: None,
            num_batch_threads: None,
            allowed_batch_sizes: Vec::new(),
            pad_variable_length_inputs: false,
            enable_large_batch_splitting: false,
            max_execution_batch_size: None,
        }
    }
}

impl BatchRules {
    /// Whether nobody has said how large a run may be.
    pub fn is_natural(&self) -> bool {
        self.max_batch_size.is_none() && self.max_execution_batch_size.is_none() && self.allowed_batch_sizes.is_empty()
    }

    /// Whether the parameters make sense together.
    ///
    /// Errors: INVALID_ARGUMENT in TensorFlow Serving's words where it has them.
    ///
    /// Source: tensorflow_serving/batching/batching_session.cc (BatchingSession::Create).
    pub fn check(&self) -> Result<()> {
        let refused = |why: String| Err(Status::invalid_argument(why));
        let positive = [
            ("max_batch_size", self.max_batch_size),
            ("max_enqueued_batches", self.max_enqueued_batches),
            ("num_batch_threads", self.num_batch_threads.map(usize::from)),
            ("max_execution_batch_size", self.max_execution_batch_size),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == Some(0)) {
            return refused(format!("{name} must be positive; was 0"));
        }
        let sizes = &self.allowed_batch_sizes;
        if sizes.windows(2).any(|pair| pair[0] >= pair[1]) || sizes.first() == Some(&0) {
            return refused("allowed_batch_sizes entries must be positive and in increasing order".to_owned());
        }
        match sizes.last() {
            Some(last) if *last != self.max_rows() => refused(format!(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was {last}; expected {}",
                self.max_rows()
            )),
            _ => Ok(()),
        }
    }

    /// Most rows of one run.
    pub fn max_rows(&self) -> usize {
        let size = self.max_batch_size.unwrap_or(NATURAL_MAX_ROWS);
        match (self.enable_large_batch_splitting, self.max_execution_batch_size) {
            (true, Some(execution)) => execution.min(size),
            _ => size,
        }
    }

    /// Rows that a run of `rows` is padded to.
    pub fn padded(&self, rows: usize) -> usize {
        self.allowed_batch_sizes.iter().copied().find(|size| *size >= rows).unwrap_or(rows)
    }

    /// How long the first request waits for others.
    pub fn timeout(&self) -> Duration {
        Duration::from_micros(self.batch_timeout_micros)
    }

    /// Whether a request of this many rows may be run at all.
    ///
    /// Errors: INVALID_ARGUMENT when it is larger than a limit that was given and may not be cut.
    ///
    /// Source: tensorflow/core/kernels/batching_util/shared_batch_scheduler.h (Schedule).
    pub fn check_rows(&self, rows: usize) -> Result<()> {
        match self.max_batch_size {
            Some(max) if rows > max && !self.enable_large_batch_splitting => {
                Err(Status::invalid_argument(format!("Task size {rows} is larger than maximum input batch size {max}")))
            }
            _ => Ok(()),
        }
    }

    /// Rows of the runs that a request of this many rows is cut into; none when it runs whole.
    pub fn cut(&self, rows: usize) -> Option<Vec<usize>> {
        let max = self.max_rows();
        if !self.enable_large_batch_splitting || rows <= max {
            return None;
        }
        let whole = std::iter::repeat_n(max, rows / max);
        Some(whole.chain((!rows.is_multiple_of(max)).then_some(rows % max)).collect())
    }
}

/// The rows of a request that could be joined with others: every input has the same leading dimension, above zero.
pub fn rows_of(job: &Job) -> Option<usize> {
    let mut rows = job.inputs.iter().map(|(_, tensor)| tensor.shape().first().copied());
    let first = rows.next()??;
    let same = rows.all(|other| other == Some(first));
    usize::try_from(first).ok().filter(|rows| same && *rows > 0)
}

/// Whether two requests that each could be joined may be joined with each other.
pub fn belong_together(a: &Job, b: &Job, pad_variable_length: bool) -> bool {
    a.signature.name == b.signature.name
        && a.outputs == b.outputs
        && a.inputs.iter().zip(&b.inputs).all(|((_, a), (_, b))| fit(a, b, pad_variable_length))
}

fn fit(a: &Tensor, b: &Tensor, pad_variable_length: bool) -> bool {
    match pad_variable_length {
        true => a.shape().len() == b.shape().len(),
        false => a.shape()[1..] == b.shape()[1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(max: usize) -> BatchRules {
        BatchRules { max_batch_size: Some(max), ..BatchRules::default() }
    }

    #[test]
    fn runs_are_padded_to_the_next_allowed_size() {
        let rules = BatchRules { allowed_batch_sizes: vec![2, 4, 8], ..rules(8) };
        assert_eq!([1, 2, 3, 5, 8].map(|rows| rules.padded(rows)), [2, 2, 4, 8, 8]);
        assert_eq!(BatchRules::default().padded(3), 3);
    }

    #[test]
    fn large_requests_are_cut_only_when_that_is_asked_for() {
        let cutting = BatchRules { enable_large_batch_splitting: true, ..rules(4) };
        assert_eq!(cutting.cut(4), None);
        assert_eq!(cutting.cut(10), Some(vec![4, 4, 2]));
        assert_eq!(cutting.cut(8), Some(vec![4, 4]));
        assert_eq!(rules(4).cut(10), None);
        let execution = BatchRules { max_execution_batch_size: Some(2), ..cutting };
        assert_eq!(execution.cut(3), Some(vec![2, 1]));
    }

    #[test]
    fn a_request_above_a_given_limit_is_refused_and_above_the_natural_one_is_not() {
        assert_eq!(
            rules(4).check_rows(5).unwrap_err().message,
            "Task size 5 is larger than maximum input batch size 4"
        );
        assert!(BatchRules::default().check_rows(100_000).is_ok());
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        let sizes = |sizes: &[usize]| BatchRules { allowed_batch_sizes: sizes.to_vec(), ..rules(8) };
        assert!(sizes(&[2, 8]).check().is_ok());
        for bad in [sizes(&[4, 2, 8]), sizes(&[0, 8]), sizes(&[2, 4]), rules(0)] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
