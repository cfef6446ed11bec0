//! Which graph outputs a run fetches, and how many different choices a model is asked to prepare.
//!
//! TensorFlow prepares an executor for every distinct list of fetches and keeps it for good. Fetches are therefore always in
//! the plan's order, and a client that tries ever new subsets of outputs gets, after [`MAX_SUBSETS`] of them, its outputs
//! picked from a run that fetches all.
//!
//! Source: tensorflow/core/common_runtime/direct_session.cc, GetOrCreateExecutors.

use std::borrow::Cow;
use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::api::Output;

/// Subsets of a signature's outputs that get an executor of their own.
const MAX_SUBSETS: usize = 32;

/// The subsets that were fetched so far.
#[derive(Default)]
pub struct Subsets(Mutex<BTreeSet<Vec<usize>>>);

/// What one run fetches, and which of its results each wanted output is.
pub struct Wanted<'e> {
    /// Graph outputs to fetch.
    pub fetches: Cow<'e, [Output]>,
    /// Name and index into `fetches`, in the order wanted.
    pub outputs: Vec<(&'e str, usize)>,
}

impl Subsets {
    /// Chooses fetches for `outputs`, whose indexes count in `all`.
    pub fn choose<'e>(&self, all: &'e [Output], outputs: Vec<(&'e str, usize)>) -> Wanted<'e> {
        let mut subset: Vec<usize> = outputs.iter().map(|(_, fetch)| *fetch).collect();
        subset.sort_unstable();
        subset.dedup();
        if subset.len() == all.len() || !self.admit(&subset) {
            return Wanted { fetches: all.into(), outputs };
        }
        let place = |fetch| subset.binary_search(&fetch).expect("the subset was made of these");
        let outputs = outputs.into_iter().map(|(name, fetch)| (name, place(fetch))).collect();
        Wanted { fetches: subset.iter().map(|fetch| all[*fetch]).collect(), outputs }
    }

    fn admit(&self, subset: &Vec<usize>) -> bool {
        let mut known = self.0.lock();
        known.contains(subset) || (known.len() < MAX_SUBSETS && known.insert(subset.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_outputs(count: i32) -> Vec<Output> {
        (0..count).map(|index| Output { oper: std::ptr::null_mut(), index }).collect()
    }

    #[test]
    fn a_subset_is_fetched_once_each_and_in_the_plans_order() {
        let all = graph_outputs(4);
        let wanted = Subsets::default().choose(&all, vec![("c", 2), ("a", 0), ("again", 2)]);
        assert_eq!(*wanted.fetches, [all[0], all[2]]);
        assert_eq!(wanted.outputs, [("c", 1), ("a", 0), ("again", 1)]);
    }

    #[test]
    fn ever_new_subsets_end_in_fetching_all() {
        let (all, subsets) = (graph_outputs(100), Subsets::default());
        for fetch in 0..MAX_SUBSETS {
            assert_eq!(subsets.choose(&all, vec![("y", fetch)]).fetches.len(), 1);
        }
        let wanted = subsets.choose(&all, vec![("y", 99)]);
        assert_eq!((wanted.fetches.len(), wanted.outputs), (100, vec![("y", 99)]));
        assert_eq!(subsets.choose(&all, vec![("y", 0)]).fetches.len(), 1);
    }
}
