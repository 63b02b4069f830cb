//! What goes wrong, in which order.

use charter_sim::FaultKind;
use mapek::model::Duration;

/// One thing that goes wrong, and what is to come of it.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) name: &'static str,
    /// What visitors are told, and the loop is not.
    pub(super) words: &'static str,
    pub(super) trouble: Trouble,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// The system breaks, as strongly as this says, of 1. The loop is to heal it.
    Fault(FaultKind, f64),
    /// The system is well, but its metrics cannot be read for so long. The loop is to do nothing, and to say why.
    Blind(Duration),
}

/// The story.
pub(super) const STORY: [Act; 4] = [
    Act {
        name: "overload",
        words: "seven in ten more requests arrive than usual, and stay",
        trouble: Trouble::Fault(FaultKind::Overload, 0.6),
    },
    Act {
        name: "bad policy",
        words: "a defective version of a policy takes effect: five times the work, and false violations",
        trouble: Trouble::Fault(FaultKind::PolicyMisconfiguration, 1.0),
    },
    Act {
        name: "retry storm",
        words: "a surge of seconds leaves clients that repeat whatever fails",
        trouble: Trouble::Fault(FaultKind::RetryCascade, 1.0),
    },
    Act {
        name: "dead sensor",
        words: "nothing is wrong, but a proxy answers in place of the metrics",
        trouble: Trouble::Blind(Duration::from_secs(5 * 60)),
    },
];
