//! Charter itself: the plant, and what the contract promises about calls: keys, tags, epochs, a ledger.
//!
//! No transport and no clock: the moment is the plant's. HTTP and [`InProcess`](crate::InProcess) are two ways in.

mod answer;
mod api_fault;
mod charter;
mod ledger;
mod memory;
mod mutate;
mod refusal;
mod sim;
mod validate;
mod views;

pub use answer::Answer;
pub use api_fault::{ApiFault, ApiFaultKind};
pub use charter::{Charter, KEY_RETENTION};
pub use ledger::LedgerEntry;
pub use mutate::{Mutation, MutationRequest};
pub use refusal::Refusal;
pub use sim::{AnyFault, FaultRecord};

pub(crate) use api_fault::Trouble;
