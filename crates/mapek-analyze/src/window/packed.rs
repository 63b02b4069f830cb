//! An onset as one number, so that a hundred thousand of them are sorted without a branch.

use mapek_model::{Severity, Timestamp};

use super::Onset;

/// From the highest bit: seconds, nanoseconds, breach, and what is told of the episode, the worst and still open first.
/// Its order is that of time, then breach, then badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed(u128);

const OPEN_BITS: u32 = 1;
const SEVERITY_BITS: u32 = 2;
const TOLD_BITS: u32 = OPEN_BITS + SEVERITY_BITS;
const BREACH_BITS: u32 = 32;
/// A nanosecond has the sign of its second, so it takes one bit more than 10⁹ needs.
const NANO_BITS: u32 = 31;
const NANO_BIAS: i32 = 999_999_999;

impl Packed {
    pub(super) fn new(onset: Onset) -> Self {
        let seconds = onset.at.as_second() - Timestamp::MIN.as_second();
        let nanos = onset.at.subsec_nanosecond() + NANO_BIAS;
        let at =
            (u128::from(seconds.unsigned_abs()) << NANO_BITS) | u128::from(nanos.unsigned_abs());
        let mild = Severity::Critical as u128 - onset.severity as u128;
        let told = (mild << OPEN_BITS) | u128::from(!onset.open);
        Self((((at << BREACH_BITS) | u128::from(onset.breach)) << TOLD_BITS) | told)
    }

    pub(super) fn unpack(self) -> Onset {
        let at = self.0 >> (BREACH_BITS + TOLD_BITS);
        let nanos = (at & ((1 << NANO_BITS) - 1)) as i32 - NANO_BIAS;
        let seconds = (at >> NANO_BITS) as i64 + Timestamp::MIN.as_second();
        let mild = (self.0 >> OPEN_BITS) as usize & ((1 << SEVERITY_BITS) - 1);
        Onset {
            at: Timestamp::new(seconds, nanos).expect("it came from one"),
            breach: self.breach(),
            severity: Severity::ALL[Severity::Critical as usize - mild],
            open: self.0 & 1 == 0,
        }
    }

    pub(super) fn breach(self) -> u32 {
        (self.0 >> TOLD_BITS) as u32
    }

    /// The same of another breach.
    pub(super) fn of_breach(self, breach: u32) -> Self {
        let mask = u128::from(u32::MAX) << TOLD_BITS;
        Self((self.0 & !mask) | (u128::from(breach) << TOLD_BITS))
    }

    pub(super) fn same_episode(self, other: Self) -> bool {
        self.0 >> TOLD_BITS == other.0 >> TOLD_BITS
    }

    /// What both tell of one episode: the worst, and open if either says so. `self` sorts before `milder`.
    pub(super) fn joined(self, milder: Self) -> Self {
        Self(self.0 & (milder.0 | !1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn onset() -> impl Strategy<Value = Onset> {
        let instant = prop_oneof![
            Just(Timestamp::MIN),
            Just(Timestamp::MAX),
            Just(Timestamp::UNIX_EPOCH),
            (Timestamp::MIN.as_nanosecond()..Timestamp::MAX.as_nanosecond())
                .prop_map(|ns| Timestamp::from_nanosecond(ns).unwrap()),
            (-3_000_000_000_i128..3_000_000_000)
                .prop_map(|ns| Timestamp::from_nanosecond(ns).unwrap()),
        ];
        (instant, any::<u32>(), 0..3_usize, any::<bool>()).prop_map(
            |(at, breach, severity, open)| Onset {
                at,
                breach,
                severity: Severity::ALL[severity],
                open,
            },
        )
    }

    proptest! {
        #[test]
        fn packing_loses_nothing_and_keeps_the_order(a in onset(), b in onset(), breach: u32) {
            let (packed, other) = (Packed::new(a), Packed::new(b));
            prop_assert_eq!(packed.unpack(), a);
            prop_assert_eq!(packed.of_breach(breach).unpack(), Onset { breach, ..a });
            let key = |it: &Onset| (it.at, it.breach, std::cmp::Reverse((it.severity, it.open)));
            prop_assert_eq!(packed.cmp(&other), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn what_is_told_twice_is_joined(a in onset(), severity in 0..3_usize, open: bool) {
            let b = Onset { severity: Severity::ALL[severity], open, ..a };
            let (first, second) = (Packed::new(a).min(Packed::new(b)), Packed::new(a).max(Packed::new(b)));
            prop_assert!(first.same_episode(second));
            let joined = Onset { severity: a.severity.max(b.severity), open: a.open | b.open, ..a };
            prop_assert_eq!(first.joined(second).unpack(), joined);
        }
    }
}
