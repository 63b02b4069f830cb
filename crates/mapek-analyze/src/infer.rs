//! From evidence to the probabilities of causes.

mod evidence;
mod posterior;

pub(crate) use evidence::Evidence;
pub(crate) use posterior::{Candidate, Posterior};
