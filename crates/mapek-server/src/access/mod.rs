//! Who may do what, and what is turned away before anybody asks who it is.
//!
//! A request passes, in this order: the host that it names, the origin that it comes from, the rate of its address, who it is,
//! the rate of that person, and the role that its route needs. The first that refuses answers. [`Access`] is how that is set;
//! [`ROUTES`](crate::ROUTES) says which role a route needs.

mod guard;
mod identities;
mod origin;
mod person;
mod rate;
mod role;
#[cfg(feature = "console")]
mod sessions;
mod token;

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{Clock, SystemClock};

#[cfg(feature = "console")]
pub(crate) use guard::{Caller, Entry};
pub(crate) use guard::{Guard, Rule, Standing, admit, authorise};
pub use identities::{Credential, Identities, Identity, InvalidIdentities, Proof};
pub use person::{InvalidPerson, Person};
pub use rate::Rate;
pub use role::{InvalidRole, Needs, Role};
#[cfg(feature = "console")]
pub(crate) use sessions::{LASTS, PRIVATE_PREFIX, cookie_name};
pub use token::{InvalidToken, Token, TokenHash};

/// Who may use a router, and how.
///
/// The default suits a listener that only this machine reaches: everybody who reaches it may read, and nobody may act.
#[derive(Debug, Clone)]
pub struct Access {
    /// Who there is, now and later: see [`Identities::replace`]. If there is to be nobody, everybody may read and nobody may act.
    pub identities: Identities,
    /// Names by which requests may call this host, without ports, in lower case. Loopback names and addresses, and the address
    /// that a connection came in on, are allowed anyway; `*` allows all names. A page in a browser may make any name mean this
    /// address, but it cannot make the browser send another name.
    pub hosts: BTreeSet<String>,
    /// Origins (`https://console.example.com`) whose pages may send requests, besides those that were served from here.
    pub origins: BTreeSet<String>,
    /// How often one person, and one address, may ask. Probes are not counted.
    pub rate: Rate,
    /// What the ends of tokens and rates are measured by.
    pub clock: Arc<dyn Clock>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            identities: Identities::default(),
            hosts: BTreeSet::new(),
            origins: BTreeSet::new(),
            rate: Rate::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}
