//! Clients that try again.

use std::collections::VecDeque;

use rand::Rng;

use super::config::Clients;

const ATTEMPTS: usize = Clients::ATTEMPTS_MAX as usize + 1;

/// How clients behave at the moment: as configured, or as a storm makes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Manners {
    pub(crate) attempts_max: u8,
    pub(crate) retry_share: f64,
    pub(crate) backoff_s: f64,
}

/// Retries that wait for their time, counted per step and attempt.
#[derive(Debug, Clone)]
pub(crate) struct Retries {
    /// Front: the step that comes next. Index of the array: number of the attempt.
    due: VecDeque<[u32; ATTEMPTS]>,
    waiting: u64,
    step_s: f64,
    manners: Manners,
}

impl Retries {
    pub(crate) fn new(clients: &Clients, step_s: f64) -> Self {
        let manners = Manners {
            attempts_max: clients.attempts_max,
            retry_share: clients.retry_share,
            backoff_s: clients.backoff_s,
        };
        Self { due: VecDeque::new(), waiting: 0, step_s, manners }
    }

    pub(crate) fn set_manners(&mut self, manners: Manners) {
        self.manners = manners;
    }

    /// Perhaps schedules another attempt after attempt number `attempt` failed `ago` seconds before the end of the
    /// present step (negative if it will only fail after it).
    pub(crate) fn after_failure(&mut self, attempt: u8, ago: f64, rng: &mut impl Rng) {
        if attempt >= self.manners.attempts_max || rng.random::<f64>() >= self.manners.retry_share {
            return;
        }
        let steps = ((self.manners.backoff_s - ago) / self.step_s).max(0.0) as usize;
        if self.due.len() <= steps {
            self.due.resize(steps + 1, [0; ATTEMPTS]);
        }
        self.due[steps][usize::from(attempt) + 1] += 1;
        self.waiting += 1;
    }

    /// The attempts that come in the next step, by number.
    pub(crate) fn take_due(&mut self) -> [u32; ATTEMPTS] {
        let due = self.due.pop_front().unwrap_or([0; ATTEMPTS]);
        self.waiting -= due.iter().map(|&n| u64::from(n)).sum::<u64>();
        due
    }

    /// How many wait for their next attempt.
    pub(crate) const fn waiting(&self) -> u64 {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn each_failure_comes_back_once_after_its_backoff_and_the_last_attempt_never() {
        let clients = Clients { attempts_max: 3, retry_share: 1.0, backoff_s: 1.0 };
        let mut retries = Retries::new(&clients, 0.5);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        retries.after_failure(1, 0.0, &mut rng);
        retries.after_failure(2, 0.0, &mut rng);
        retries.after_failure(3, 0.0, &mut rng);
        assert_eq!(retries.waiting(), 2);
        assert_eq!(retries.take_due().iter().sum::<u32>(), 0);
        assert_eq!(retries.take_due().iter().sum::<u32>(), 0);
        let due = retries.take_due();
        assert_eq!((due[2], due[3]), (1, 1));
        assert_eq!(retries.waiting(), 0);
    }
}
