//! Who there is, and how they prove it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_model::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::{Person, Role, TokenHash};
use crate::server::CertificateNames;

/// Somebody who has proven who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Their name.
    pub person: Person,
    /// What they may do.
    pub role: Role,
}

/// How somebody proves who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a bearer token.
    Token {
        /// Its hash.
        hash: TokenHash,
        /// From when on it is worth nothing.
        expires: Option<Timestamp>,
    },
    /// By a client certificate with exactly this URI among its alternative names, such as a SPIFFE ID.
    Uri(String),
    /// By a client certificate with exactly this DNS name among its alternative names; no wildcard, and never the common name.
    Dns(String),
}

/// One way in which one person proves who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who.
    pub person: Person,
    /// What they may do; the same for all credentials of a person.
    pub role: Role,
    /// How.
    pub proof: Proof,
}

/// Credentials that cannot be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentities {
    /// A third token: two are enough to change one for another.
    #[error(
        "{person} has more than {} tokens: remove those that are not used any more",
        Identities::TOKENS_MAX
    )]
    #[non_exhaustive]
    TooManyTokens {
        /// Whose.
        person: Person,
    },
    /// A person is one person, whatever they show.
    #[error("{person} is {one} and {other}: give them one role")]
    #[non_exhaustive]
    TwoRoles {
        /// Who.
        person: Person,
        /// One role.
        one: Role,
        /// Another.
        other: Role,
    },
    /// A proof would prove that somebody is one of two people.
    #[error("one token, URI or DNS name belongs to {one} and to {other}: give each their own")]
    #[non_exhaustive]
    Shared {
        /// One of them.
        one: Person,
        /// The other.
        other: Person,
    },
    /// More than anybody looks through.
    #[error("there are {count} credentials; {} are the most", Identities::MAX)]
    #[non_exhaustive]
    TooMany {
        /// How many.
        count: usize,
    },
}

/// All who may do something. Clones are one: who is [replaced](Self::replace) in one of them is in all.
///
/// ```
/// use mapek_server::{Credential, Identities, Proof, Role, Token};
///
/// let token = Token::from_random([7; 32]); // take them from the system
/// let ada = Credential {
///     person: "ada".parse()?,
///     role: Role::Approver,
///     proof: Proof::Token { hash: token.hash(), expires: None },
/// };
/// let identities = Identities::try_new(vec![ada])?;
/// assert!(!identities.is_open());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Identities {
    roster: watch::Sender<Arc<Roster>>,
}

/// Who there is at one moment.
#[derive(Debug)]
struct Roster {
    credentials: Vec<Credential>,
    /// Whether nobody is known because nobody is to be.
    open: bool,
    /// Who is meant by whoever shows nothing.
    anyone: Option<Identity>,
}

impl Default for Identities {
    /// Nobody: everybody may read, and nobody may act.
    fn default() -> Self {
        Self::of(Vec::new(), true)
    }
}

/// Why what somebody shows proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("the token is not known")]
    UnknownToken,
    #[error("the token has expired")]
    ExpiredToken,
    #[error("the client certificate belongs to nobody who is configured")]
    UnknownCertificate,
    #[error("the client certificate belongs to several people, or has several SPIFFE IDs")]
    AmbiguousCertificate,
}

impl Identities {
    /// Tokens that one person may have: the one in use, and the one that is to replace it.
    pub const TOKENS_MAX: usize = 2;
    /// Most credentials. All tokens are looked at for each request, so that the time it takes says nothing.
    pub const MAX: usize = 1000;

    /// Everybody who shows one of these.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentities`] if they contradict each other.
    pub fn try_new(credentials: Vec<Credential>) -> Result<Self, InvalidIdentities> {
        if credentials.len() > Self::MAX {
            return Err(InvalidIdentities::TooMany { count: credentials.len() });
        }
        let mut roles: BTreeMap<&Person, Role> = BTreeMap::new();
        let mut tokens: BTreeMap<&Person, usize> = BTreeMap::new();
        for (i, credential) in credentials.iter().enumerate() {
            let (person, role) = (&credential.person, credential.role);
            let one = *roles.entry(person).or_insert(role);
            if one != role {
                return Err(InvalidIdentities::TwoRoles {
                    person: person.clone(),
                    one,
                    other: role,
                });
            }
            if matches!(credential.proof, Proof::Token { .. }) {
                let count = tokens.entry(person).or_default();
                *count += 1;
                if *count > Self::TOKENS_MAX {
                    return Err(InvalidIdentities::TooManyTokens { person: person.clone() });
                }
            }
            if let Some(same) = credentials[..i].iter().find(|it| it.proves_the_same(credential)) {
                let (one, other) = (same.person.clone(), person.clone());
                return Err(InvalidIdentities::Shared { one, other });
            }
        }
        let open = credentials.is_empty();
        Ok(Self::of(credentials, open))
    }

    /// Everybody who shows nothing is this person. For a demonstration on a loopback address that ends with the process, and for nothing
    /// else: pages of other origins are kept out, but every program of this machine is let in.
    #[must_use]
    pub fn anyone(identity: Identity) -> Self {
        let roster = Roster { credentials: Vec::new(), open: false, anyone: Some(identity) };
        Self { roster: watch::Sender::new(Arc::new(roster)) }
    }

    /// Who is meant by whoever shows nothing.
    pub(super) fn by_nothing(&self) -> Option<Identity> {
        self.now().anyone.clone()
    }

    fn of(credentials: Vec<Credential>, open: bool) -> Self {
        let roster = Roster { credentials, open, anyone: None };
        Self { roster: watch::Sender::new(Arc::new(roster)) }
    }

    /// The same, but if there is nobody, nobody may read either: people are kept elsewhere, and may come yet.
    #[must_use]
    pub fn closed(self) -> Self {
        self.replace(&self);
        self
    }

    /// Puts those of `others` in the place of all who were here, from this moment on, for streams that are open, too. Whoever has been
    /// asked who they are goes on to be: if nobody is left, nobody may do anything.
    pub fn replace(&self, others: &Self) {
        let credentials = others.now().credentials.clone();
        self.roster.send_replace(Arc::new(Roster { credentials, open: false, anyone: None }));
    }

    /// Whether everybody may read, as nobody is to be known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.now().open
    }

    /// How many credentials there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.now().credentials.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.borrow())
    }

    /// Changes whenever somebody comes or goes.
    pub(super) fn changes(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.roster.subscribe();
        async move {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// When this token is worth nothing any more, if there is such a time.
    pub(super) fn expiry(&self, sent: &TokenHash) -> Option<Timestamp> {
        let roster = self.now();
        roster.credentials.iter().find_map(|credential| match &credential.proof {
            Proof::Token { hash, expires } if bool::from(hash.matches(sent)) => *expires,
            _ => None,
        })
    }

    /// Who has the token with this hash.
    pub(super) fn by_hash(&self, sent: &TokenHash, now: Timestamp) -> Result<Identity, Unproven> {
        let roster = self.now();
        let mut found = None;
        // All of them, so that the time it takes does not tell how far it came.
        for credential in &roster.credentials {
            if let Proof::Token { hash, expires } = &credential.proof
                && bool::from(hash.matches(sent))
            {
                found = Some((credential, expires));
            }
        }
        match found {
            None => Err(Unproven::UnknownToken),
            Some((_, Some(expires))) if now >= *expires => Err(Unproven::ExpiredToken),
            Some((credential, _)) => Ok(credential.identity()),
        }
    }

    /// Who has a certificate with these names.
    pub(super) fn by_certificate(&self, names: &CertificateNames) -> Result<Identity, Unproven> {
        // SPIFFE X.509-SVID, section 2: a certificate with more than one is to be rejected.
        if names.uris.iter().any(|uri| uri.starts_with("spiffe://")) && names.uris.len() > 1 {
            return Err(Unproven::AmbiguousCertificate);
        }
        let roster = self.now();
        let shown = roster.credentials.iter().filter(|credential| match &credential.proof {
            Proof::Token { .. } => false,
            Proof::Uri(uri) => names.uris.contains(uri),
            Proof::Dns(name) => names.dns.iter().any(|it| it.eq_ignore_ascii_case(name)),
        });
        let shown: Vec<_> = shown.collect();
        let people: BTreeSet<_> = shown.iter().map(|credential| &credential.person).collect();
        match (shown.first(), people.len()) {
            (Some(credential), 1) => Ok(credential.identity()),
            (Some(_), _) => Err(Unproven::AmbiguousCertificate),
            (None, _) => Err(Unproven::UnknownCertificate),
        }
    }
}

impl Credential {
    fn identity(&self) -> Identity {
        Identity { person: self.person.clone(), role: self.role }
    }

    fn proves_the_same(&self, other: &Self) -> bool {
        match (&self.proof, &other.proof) {
            (Proof::Token { hash: one, .. }, Proof::Token { hash: other, .. }) => one == other,
            (Proof::Uri(one), Proof::Uri(other)) => one == other,
            (Proof::Dns(one), Proof::Dns(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(person: &str, role: Role, proof: Proof) -> Credential {
        Credential { person: person.parse().unwrap(), role, proof }
    }

    fn token(text: &str) -> Proof {
        Proof::Token { hash: TokenHash::of(text), expires: None }
    }

    fn refused(credentials: Vec<Credential>) -> String {
        Identities::try_new(credentials).unwrap_err().to_string()
    }

    #[test]
    fn two_tokens_are_live_and_a_third_is_refused() {
        let two =
            vec![with("ada", Role::Admin, token("old")), with("Ada", Role::Admin, token("new"))];
        let identities = Identities::try_new(two.clone()).unwrap();
        for text in ["old", "new"] {
            let ada = identities.by_hash(&TokenHash::of(text), Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!((ada.person.as_str(), ada.role), ("ada", Role::Admin));
        }
        let third = [two, vec![with("ada", Role::Admin, token("third"))]].concat();
        assert_eq!(
            refused(third),
            "ada has more than 2 tokens: remove those that are not used any more"
        );
    }

    #[test]
    fn who_is_replaced_is_gone_everywhere_and_nothing_opens_by_that() {
        let old = with("ada", Role::Admin, token("old"));
        let identities = Identities::try_new(vec![old]).unwrap();
        let elsewhere = identities.clone();
        let new = with("ada", Role::Viewer, token("new"));
        identities.replace(&Identities::try_new(vec![new]).unwrap());
        let by = |text| elsewhere.by_hash(&TokenHash::of(text), Timestamp::UNIX_EPOCH);
        assert_eq!(by("old"), Err(Unproven::UnknownToken));
        assert_eq!(by("new").unwrap().role, Role::Viewer);
        identities.replace(&Identities::default());
        assert_eq!((elsewhere.len(), elsewhere.is_open()), (0, false));
        assert!(Identities::default().is_open() && !Identities::default().closed().is_open());
    }

    #[test]
    fn who_is_there_is_counted() {
        let ada = with("ada", Role::Admin, token("a"));
        let known = Identities::try_new(vec![ada]).unwrap();
        assert_eq!((known.len(), known.is_empty(), known.is_open()), (1, false, false));
        let nobody = Identities::try_new(Vec::new()).unwrap();
        assert_eq!((nobody.len(), nobody.is_empty(), nobody.is_open()), (0, true, true));
        assert!(nobody.clone().closed().is_empty());
    }

    #[test]
    fn who_shows_nothing_is_nobody_unless_somebody_is_meant() {
        let ada = Identity { person: "ada".parse().unwrap(), role: Role::Approver };
        let identities = Identities::anyone(ada.clone());
        assert_eq!(identities.by_nothing(), Some(ada));
        assert_eq!((identities.is_empty(), identities.is_open()), (true, false));
        // Whoever is asked who they are has to answer.
        identities.replace(&Identities::default());
        assert_eq!(identities.by_nothing(), None);
        assert_eq!(Identities::default().by_nothing(), None);
    }

    #[test]
    fn each_token_ends_at_its_own_time_if_it_has_one() {
        let ends = "2026-01-01T00:00:00Z".parse().unwrap();
        let proof = Proof::Token { hash: TokenHash::of("b"), expires: Some(ends) };
        let (ada, grace) =
            (with("ada", Role::Viewer, token("a")), with("grace", Role::Viewer, proof));
        let expiry = |credentials: Vec<Credential>, sent| {
            Identities::try_new(credentials).unwrap().expiry(&TokenHash::of(sent))
        };
        for both in [vec![ada.clone(), grace.clone()], vec![grace, ada]] {
            assert_eq!(
                ["a", "b", "c"].map(|it| expiry(both.clone(), it)),
                [None, Some(ends), None]
            );
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let uri = || Proof::Uri("spiffe://x/ada".to_owned());
        let roles = vec![with("ada", Role::Viewer, token("a")), with("ada", Role::Admin, uri())];
        assert_eq!(refused(roles), "ada is viewer and admin: give them one role");
        for proof in [token("a"), uri(), Proof::Dns("X.example".to_owned())] {
            let mut other = proof.clone();
            if let Proof::Dns(name) = &mut other {
                *name = name.to_lowercase();
            }
            let shared = vec![with("ada", Role::Viewer, proof), with("grace", Role::Viewer, other)];
            let expected =
                "one token, URI or DNS name belongs to ada and to grace: give each their own";
            assert_eq!(refused(shared), expected);
        }
        let one = |i| with(&format!("p{i}"), Role::Viewer, token(&format!("{i}")));
        let mut many: Vec<_> = (0..1001).map(one).collect();
        assert_eq!(refused(many.clone()), "there are 1001 credentials; 1000 are the most");
        many.pop();
        assert_eq!(Identities::try_new(many).unwrap().len(), 1000);
    }

    #[test]
    fn a_token_ends_when_it_says() {
        let expires = Some("2026-01-01T00:00:00Z".parse().unwrap());
        let proof = Proof::Token { hash: TokenHash::of("a"), expires };
        let identities = Identities::try_new(vec![with("ada", Role::Viewer, proof)]).unwrap();
        let at = |text: &str| identities.by_hash(&TokenHash::of("a"), text.parse().unwrap());
        assert!(at("2025-12-31T23:59:59.999Z").is_ok());
        assert_eq!(at("2026-01-01T00:00:00Z"), Err(Unproven::ExpiredToken));
        let now = Timestamp::UNIX_EPOCH;
        for other in ["", "A", "a ", "aa"] {
            assert_eq!(
                identities.by_hash(&TokenHash::of(other), now),
                Err(Unproven::UnknownToken),
                "{other}"
            );
        }
    }

    #[test]
    fn a_certificate_is_known_by_an_exact_name_only() {
        let identities = Identities::try_new(vec![
            with("loop-2", Role::Viewer, Proof::Uri("spiffe://prod/mapek".to_owned())),
            with("ada", Role::Admin, Proof::Dns("ada.example".to_owned())),
            with("ada", Role::Admin, Proof::Uri("https://example/ada".to_owned())),
        ])
        .unwrap();
        let names = |uris: &[&str], dns: &[&str]| CertificateNames {
            uris: uris.iter().map(ToString::to_string).collect(),
            dns: dns.iter().map(ToString::to_string).collect(),
        };
        let who = |uris: &[&str], dns: &[&str]| {
            identities.by_certificate(&names(uris, dns)).map(|it| it.person.to_string())
        };
        assert_eq!(who(&["spiffe://prod/mapek"], &[]).unwrap(), "loop-2");
        assert_eq!(who(&[], &["other", "ADA.example"]).unwrap(), "ada");
        assert_eq!(who(&["https://example/ada"], &["ada.example"]).unwrap(), "ada", "one person");
        for (uris, dns) in [
            (&["spiffe://prod/mapek/x"][..], &[][..]),
            (&["spiffe://prod"], &[]),
            (&["SPIFFE://prod/mapek"], &[]),
            (&[], &["*.example"]),
            (&[], &["ada.example.org"]),
            (&[], &[]),
        ] {
            assert_eq!(who(uris, dns), Err(Unproven::UnknownCertificate), "{uris:?} {dns:?}");
        }
        for (uris, dns) in [
            (&["spiffe://prod/mapek", "spiffe://prod/other"][..], &[][..]),
            (&["spiffe://prod/mapek", "https://x"], &[]),
            (&["spiffe://prod/mapek"], &["ada.example"]),
        ] {
            assert_eq!(who(uris, dns), Err(Unproven::AmbiguousCertificate), "{uris:?} {dns:?}");
        }
    }
}
