//! TLS from files that change while they are used: for servers, for clients, with SPIFFE IDs and post-quantum key exchange.
//!
//! [`ServerTls`] and [`ClientTls`] are made of PEM files. A [look](Watched::look) at the files makes them anew when they have changed, and
//! each connection that is made afterwards uses what is new; there is nothing to hand out again. What is bad is refused with
//! an [`Error`] that names the file, and what was in force stays.
//!
//! A client knows a server by a DNS name or an address, as everybody does, or by one exact [`SpiffeId`]. Both sides offer
//! X25519MLKEM768 before anything else: what is recorded today is not read by a quantum computer later.
//!
//! ```no_run
//! use jiff::Timestamp;
//! use mapek_tls::{ClientFiles, ClientTls, Look, Watched};
//!
//! # fn now() -> Timestamp { Timestamp::UNIX_EPOCH }
//! let files = ClientFiles {
//!     ca: Some("/run/svid/bundle.pem".into()),
//!     certificate: Some("/run/svid/svid.pem".into()),
//!     key: Some("/run/svid/key.pem".into()),
//!     server_id: Some("spiffe://prod/charter".parse()?),
//!     server_name: None,
//! };
//! let tls = ClientTls::open(files, now())?;
//! // For `reqwest::ClientBuilder::tls_backend_preconfigured`, or a connector of your own.
//! let config = tls.config();
//! // Once a second, say:
//! if let Look::Refused(error) = tls.look(now()) {
//!     eprintln!("{error}: {}", error.remedy());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - Nothing is in force that could not be used as a whole: a key without its certificate, an empty bundle, what has expired.
//! - No session is resumed across a change of files, so that whom nobody trusts any more is not believed for old times' sake.
//! - What is in a key is in no error and in no debug output.
//!
//! # Caveats
//!
//! - A connection that is open when files change goes on as it began.
//! - Validity is judged by the system's clock while hands are shaken.
mod error;

mod client;
mod files;
mod pem;
mod provider;
mod refusal;
mod server;
mod spiffe;
mod validity;
mod watch;

pub use client::{ClientFiles, ClientTls};
pub use error::Error;
pub use refusal::Refusal;
pub use server::{ServerFiles, ServerTls};
pub use spiffe::{InvalidSpiffeId, SpiffeId};
pub use validity::Validity;
pub use watch::{Look, Watched};
