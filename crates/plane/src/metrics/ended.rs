//! Versions that have ended, and for how long what they counted is still told.
//!
//! A worker that dies fails its requests in the moment in which its version ends. Were its counters to end with it, nobody who
//! looks now and then would ever see those failures. So they stay for as long as it takes everybody to look once more, and a
//! version that is loaded again within that time goes on counting where it was.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Longer than anybody sensible waits between two looks, and short enough that a thousand swaps leave few series.
pub const TOLD: Duration = Duration::from_secs(120);

/// When each version ended.
#[derive(Debug)]
pub struct Ended<K>(HashMap<K, Instant>);

impl<K: Eq + Hash + Clone> Ended<K> {
    /// The version has ended now.
    pub fn add(&mut self, key: K, now: Instant) {
        self.0.insert(key, now);
    }

    /// The version is loaded again.
    pub fn revive(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Versions that were told of for long enough; each is returned once.
    pub fn take_over(&mut self, now: Instant) -> Vec<K> {
        let is_over = |at: &Instant| now.duration_since(*at) >= TOLD;
        let over: Vec<K> = self.0.iter().filter(|(_, at)| is_over(at)).map(|(key, _)| key.clone()).collect();
        self.0.retain(|_, at| !is_over(at));
        over
    }
}

impl<K> Default for Ended<K> {
    fn default() -> Self {
        Ended(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_of_for_a_while_and_once_over_it_is_over() {
        let (mut ended, now) = (Ended::default(), Instant::now());
        ended.add("m/1", now);
        ended.add("m/2", now + Duration::from_secs(60));
        assert!(ended.take_over(now + TOLD - Duration::from_millis(1)).is_empty());
        assert_eq!(ended.take_over(now + TOLD), ["m/1"]);
        assert!(ended.take_over(now + TOLD).is_empty());
        assert_eq!(ended.take_over(now + TOLD + Duration::from_secs(60)), ["m/2"]);
    }

    #[test]
    fn a_version_that_is_loaded_again_has_not_ended() {
        let (mut ended, now) = (Ended::default(), Instant::now());
        ended.add("m/1", now);
        ended.revive(&"m/1");
        assert!(ended.take_over(now + TOLD).is_empty());
    }
}
