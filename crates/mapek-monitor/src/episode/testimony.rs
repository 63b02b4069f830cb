//! What is known of a witness that does not report a breach.

use mapek_model::{Component, Violation, Witness};

use crate::read::RollCall;

/// Who answers for the sources of one cycle.
pub(crate) trait Testimony {
    /// Whether it is known that `witness` does not see the breach any more, as far as it hears of the component at all.
    fn is_absent(&self, violation: &Violation, witness: &Witness) -> bool;

    /// Which parts of the system `witness` heard of; `None` if that is not known.
    fn roll(&self, witness: &Witness) -> Option<&RollCall>;

    /// As what the managed system lists a part, if it does.
    fn listed(&self, part: &Component) -> Option<&str>;

    /// Whether it is known that a part that was listed as a `kind` went by our own doing.
    fn is_removed(&self, part: &Component, kind: &str) -> bool;
}
