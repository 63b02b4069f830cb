//! Charter over HTTP: the contract of `docs/charter-api.md`, thin over [`InProcess`](crate::InProcess).

mod access;
mod driver;
mod handlers;
mod read;
mod reply;
mod router;
mod sim;

pub use access::{AccessKeys, InvalidKey};
pub use driver::Driver;
pub use router::{Server, serve};
