//! One replica: a single-server queue with a life of its own.

use std::collections::VecDeque;

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    /// When it arrived, seconds after the plant's start.
    pub(crate) arrived: f64,
    /// Its work, relative to the mean.
    pub(crate) work: f32,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u8,
    /// Which validation it needs, as an index of [`VALIDATION_TYPES`].
    pub(crate) validation: u8,
}

/// The validations that requests need, with their shares.
pub(crate) const VALIDATION_TYPES: [(&str, f64); 2] = [("policy", 0.7), ("schema", 0.3)];

/// How a request ended, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Validated; in time or not is for the timeout to say.
    Answered,
    /// Let pass without validation, by an override.
    Overridden,
    /// Let pass without validation, by a bypass.
    Bypassed,
    /// Refused by a throttle.
    Shed,
    /// Refused because the queue was full.
    Rejected,
    /// There was no replica to send it to, or it was sent to one that is gone.
    Unavailable,
    /// Lost with the queue of a replica that stopped.
    Lost,
}

/// A request that left the plant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) op: Op,
    pub(crate) at: f64,
    pub(crate) ending: Ending,
    /// The replica that had it, if one did.
    pub(crate) replica: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Condition {
    Up,
    Warming {
        until: f64,
    },
    /// Takes nothing new; boots or leaves once its queue is empty or time is up.
    Draining {
        until: f64,
        leaves: bool,
    },
    Booting {
        until: f64,
    },
    Crashed {
        since: f64,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) number: u32,
    pub(crate) condition: Condition,
    /// When its process began; far in the past for those of the start.
    pub(crate) booted_at: f64,
    /// Requests per second that it serves now.
    pub(crate) speed: f64,
    /// Requests sent to it per second, smoothed.
    pub(crate) offered_rate: f64,
    offered: u32,
    queue: VecDeque<Op>,
    free_at: f64,
    /// Seconds that its process has worked.
    pub(crate) worked: f64,
}

impl Replica {
    pub(crate) fn new(number: u32, condition: Condition, booted_at: f64) -> Self {
        Self {
            number,
            condition,
            booted_at,
            speed: 0.0,
            offered_rate: 0.0,
            offered: 0,
            queue: VecDeque::new(),
            free_at: 0.0,
            worked: 0.0,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.condition == Condition::Up
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many it holds at `t`, the one in work included; it must have caught up with the time.
    pub(crate) fn held(&self, t: f64) -> usize {
        self.queue.len() + usize::from(self.free_at > t)
    }

    /// Starts whatever can start before `end`: Lindley's recursion, one request at a time.
    pub(crate) fn serve_until(&mut self, end: f64, out: &mut Vec<Departure>) {
        if !matches!(self.condition, Condition::Up | Condition::Draining { .. })
            || self.speed <= 0.0
        {
            return;
        }
        while let Some(op) = self.queue.front() {
            let start = self.free_at.max(op.arrived);
            if start >= end {
                break;
            }
            let takes = f64::from(op.work) / self.speed;
            self.worked += takes;
            self.free_at = start + takes;
            out.push(Departure {
                op: *op,
                at: self.free_at,
                ending: Ending::Answered,
                replica: Some(self.number),
            });
            self.queue.pop_front();
        }
    }

    /// Takes a request that arrives now, if there is room.
    pub(crate) fn offer(&mut self, op: Op, limit: usize, out: &mut Vec<Departure>) {
        self.offered += 1;
        let ending = match self.condition {
            Condition::Up if self.queue.len() < limit => return self.queue.push_back(op),
            Condition::Up => Ending::Rejected,
            _ => Ending::Unavailable,
        };
        out.push(Departure { op, at: op.arrived, ending, replica: Some(self.number) });
    }

    /// Loses all that waits.
    pub(crate) fn lose_queue(&mut self, now: f64, out: &mut Vec<Departure>) {
        self.free_at = now;
        let replica = Some(self.number);
        out.extend(self.queue.drain(..).map(|op| Departure {
            op,
            at: now,
            ending: Ending::Lost,
            replica,
        }));
    }

    /// Whether it has nothing to do at `now`.
    pub(crate) fn is_idle(&self, now: f64) -> bool {
        self.queue.is_empty() && self.free_at <= now
    }

    /// Closes a step: updates the smoothed rate with a memory of ten seconds.
    pub(crate) fn close_step(&mut self, dt: f64) {
        let weight = (dt / 10.0).min(1.0);
        self.offered_rate += weight * (f64::from(self.offered) / dt - self.offered_rate);
        self.offered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(arrived: f64) -> Op {
        Op { arrived, work: 1.0, attempt: 1, validation: 0 }
    }

    #[test]
    fn requests_wait_for_those_before_them() {
        let mut replica = Replica::new(1, Condition::Up, 0.0);
        replica.speed = 2.0;
        let mut out = Vec::new();
        for arrived in [0.0, 0.1, 5.0] {
            replica.offer(op(arrived), 10, &mut out);
        }
        replica.serve_until(10.0, &mut out);
        let finished: Vec<f64> = out.iter().map(|d| d.at).collect();
        assert_eq!(finished, [0.5, 1.0, 5.5]);
        assert!((replica.worked - 1.5).abs() < 1e-9);
    }

    #[test]
    fn a_full_queue_rejects_and_a_crashed_replica_refuses() {
        let mut replica = Replica::new(1, Condition::Up, 0.0);
        let mut out = Vec::new();
        replica.offer(op(0.0), 1, &mut out);
        replica.offer(op(0.0), 1, &mut out);
        replica.condition = Condition::Crashed { since: 0.0 };
        replica.offer(op(0.0), 9, &mut out);
        replica.lose_queue(1.0, &mut out);
        let endings: Vec<Ending> = out.iter().map(|d| d.ending).collect();
        assert_eq!(endings, [Ending::Rejected, Ending::Unavailable, Ending::Lost]);
    }
}
