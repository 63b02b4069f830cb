//! A sum over the last seconds.

use std::collections::VecDeque;

/// Sum of what was added in the last `window` steps of time.
#[derive(Debug, Clone)]
pub(crate) struct SlidingSum {
    steps: VecDeque<u64>,
    capacity: usize,
    sum: u64,
}

impl SlidingSum {
    /// A window of `capacity` steps, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { steps: VecDeque::with_capacity(capacity + 1), capacity, sum: 0 }
    }

    /// Closes a step in which `amount` was counted.
    pub(crate) fn push(&mut self, amount: u64) {
        self.steps.push_back(amount);
        self.sum += amount;
        if self.steps.len() > self.capacity {
            self.sum -= self.steps.pop_front().unwrap_or_default();
        }
    }

    pub(crate) const fn sum(&self) -> u64 {
        self.sum
    }

    /// How many steps the window holds by now: fewer than its capacity only after the start.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_steps_leave() {
        let mut window = SlidingSum::new(2);
        for amount in [5, 7, 11] {
            window.push(amount);
        }
        assert_eq!((window.sum(), window.len()), (18, 2));
    }
}
