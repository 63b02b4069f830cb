//! What visitors can break.

use charter_sim::{Fault, FaultKind};
use mapek::charter::Seconds;

/// Seconds that a leak takes to its full strength.
const LEAK_S: u32 = 10 * 60;

/// Something that can be broken.
#[derive(Debug, PartialEq)]
pub(super) struct Damage {
    pub(super) name: &'static str,
    /// What visitors are told, and the loop is not.
    pub(super) words: &'static str,
    pub(super) harm: Harm,
}

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Harm {
    /// The system.
    Fault(FaultKind),
    /// The eyes of the loop; the system is well.
    Blindness,
}

/// All of it, the most telling first.
pub(super) const DAMAGES: [Damage; 12] = [
    Damage {
        name: "overload",
        words: "More requests arrive than planned for: more than twice as many at full strength.",
        harm: Harm::Fault(FaultKind::Overload),
    },
    Damage {
        name: "bad policy",
        words: "A defective version of a policy takes effect: five times the work, and false violations.",
        harm: Harm::Fault(FaultKind::PolicyMisconfiguration),
    },
    Damage {
        name: "retry storm",
        words: "A surge of seconds leaves clients that repeat whatever fails, up to twelve times.",
        harm: Harm::Fault(FaultKind::RetryCascade),
    },
    Damage {
        name: "configuration drift",
        words: "Batch size, parallelism and timeout are no longer what they should be.",
        harm: Harm::Fault(FaultKind::ConfigurationDrift),
    },
    Damage {
        name: "slow validation",
        words: "All replicas validate more slowly: at a third of their pace at full strength.",
        harm: Harm::Fault(FaultKind::ValidationLatency),
    },
    Damage {
        name: "nodes down",
        words: "Half of the nodes die. A restart brings them back.",
        harm: Harm::Fault(FaultKind::NodeDown),
    },
    Damage {
        name: "hot spot",
        words: "One node draws half of all requests, and the others wait for work.",
        harm: Harm::Fault(FaultKind::HotSpot),
    },
    Damage {
        name: "leak",
        words: "All processes get slower the longer they run: it takes ten minutes to be at its worst.",
        harm: Harm::Fault(FaultKind::Leak),
    },
    Damage {
        name: "attack",
        words: "Somebody reads metrics that are forbidden, thirty times a second.",
        harm: Harm::Fault(FaultKind::Attack),
    },
    Damage {
        name: "stale policy",
        words: "Policies were not loaded for more than a day, and are not loaded again.",
        harm: Harm::Fault(FaultKind::StalePolicy),
    },
    Damage {
        name: "idle capacity",
        words: "Most requests stay away: nothing is breached, but capacity is paid for that nobody needs.",
        harm: Harm::Fault(FaultKind::IdleCapacity),
    },
    Damage {
        name: "dead sensor",
        words: "Nothing is wrong, but a proxy answers in place of the metrics. The right thing is to do nothing, and to say why.",
        harm: Harm::Blindness,
    },
];

impl Damage {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        DAMAGES.iter().find(|it| it.name == name)
    }

    /// The one that a fault is.
    pub(super) fn of(kind: FaultKind) -> Option<&'static Self> {
        DAMAGES.iter().find(|it| it.harm == Harm::Fault(kind))
    }
}

/// A fault as visitors inject it: as strongly as this says, of 1, and for so many seconds or for ever.
pub(super) fn fault(kind: FaultKind, strength: f64, lasts_s: Option<u32>) -> Fault {
    let mut fault = Fault::new(kind).at_intensity(strength);
    fault.duration = lasts_s.map(Seconds::whole);
    match kind {
        FaultKind::Leak => fault.with_ramp(Seconds::whole(LEAK_S)),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_go_wrong_can_be_broken_by_its_own_name() {
        for kind in FaultKind::ALL {
            let damage = Damage::of(kind).unwrap_or_else(|| panic!("{kind}"));
            assert_eq!(Damage::named(damage.name), Some(damage));
            assert!(damage.words.ends_with('.'), "{kind}");
        }
        let mut names = DAMAGES.map(|it| it.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(DAMAGES.len(), FaultKind::ALL.len() + 1);
    }
}
