//! Sessions of browsers: a cookie stands for a token, for a while.
//!
//! A browser cannot send a token with every page it opens, and must not keep one where a script can read it. So who logs in gets a random
//! id in a cookie, and the server keeps which token it stands for. Who that is, and what they may do, is asked of the token at each
//! request: whoever loses the token loses the session.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Uri, header};
use mapek_model::{Duration, Timestamp, later};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{TokenHash, origin};

/// What the cookie's name begins with.
const COOKIE: &str = "mapek_session";
/// What comes before that where nobody can read along: a browser takes a cookie of such a name from no page in clear text (RFC 6265bis,
/// "Cookie Name Prefixes"). A page of another host below the same domain may still set one by TLS.
pub(crate) const PRIVATE_PREFIX: &str = "__Secure-";
/// How long a session lasts at most: a long day at work.
pub(crate) const LASTS: Duration = Duration::from_secs(12 * 3600);
/// Random bytes of an id.
const RANDOM_BYTES: usize = 32;
/// Sessions at once, of all people. One more ends the one that would end first.
const SESSIONS_MAX: usize = 1000;

/// The name of the cookie where a request goes to, and whether nobody can read along. A browser keeps cookies by host alone: it holds the
/// port, so that two loops on one machine do not log each other's people out.
pub(crate) fn cookie_name(uri: &Uri, headers: &HeaderMap, is_private: bool) -> String {
    let prefix = if is_private { PRIVATE_PREFIX } else { "" };
    match origin::authority(uri, headers).ok().and_then(|it| it.port_u16()) {
        Some(port) => format!("{prefix}{COOKIE}_{port}"),
        None => format!("{prefix}{COOKIE}"),
    }
}

/// What a session is found by: the SHA-256 of its id, so that memory holds nothing that could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey([u8; 32]);

impl SessionKey {
    fn of(id: &[u8]) -> Self {
        Self(Sha256::digest(id).into())
    }

    /// The sessions that a request shows, which came by TLS or not: first one that was begun where nobody could read along. By TLS there is
    /// no other; without, a proxy may speak it for us, or nobody.
    pub(crate) fn shown(uri: &Uri, headers: &HeaderMap, tls: bool) -> Vec<Self> {
        let kinds = if tls { &[true][..] } else { &[true, false] };
        let names = kinds.iter().map(|is_private| cookie_name(uri, headers, *is_private));
        names.filter_map(|name| Self::named(name.as_bytes(), headers)).collect()
    }

    /// A browser may send several cookies of one name; the first is the one set for the nearest path. What others have set may be any bytes.
    fn named(ours: &[u8], headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut pairs = cookies.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (name, id) = (pair.get(..at)?, pair.get(at + 1..)?);
            (name.trim_ascii() == ours).then(|| Self::of(id.trim_ascii()))
        })
    }
}

/// All sessions there are. Whoever stops the process ends them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    table: Mutex<BTreeMap<SessionKey, Session>>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    token: TokenHash,
    ends: Timestamp,
}

impl Sessions {
    /// Begins a session for a token, and answers its id, in hexadecimal.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub(crate) fn begin(
        &self,
        token: TokenHash,
        now: Timestamp,
    ) -> Result<String, getrandom::Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut table = self.table();
        table.retain(|_, session| now < session.ends);
        if table.len() >= SESSIONS_MAX {
            let first = table.iter().min_by_key(|(_, session)| session.ends).map(|(key, _)| *key);
            first.and_then(|key| table.remove(&key));
        }
        table.insert(SessionKey::of(id.as_bytes()), Session { token, ends: later(now, LASTS) });
        drop(table);
        self.changes.send_replace(());
        Ok(id)
    }

    /// Ends a session.
    pub(crate) fn end(&self, key: SessionKey) {
        self.table().remove(&key);
        self.changes.send_replace(());
    }

    /// The token that a session stands for, and until when.
    pub(crate) fn find(&self, key: SessionKey, now: Timestamp) -> Option<(TokenHash, Timestamp)> {
        let session = self.table().get(&key).copied().filter(|session| now < session.ends)?;
        Some((session.token, session.ends))
    }

    /// Changes whenever a session begins or ends before its time.
    pub(crate) fn changes(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.changes.subscribe();
        async move {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<SessionKey, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn shown_to(host: &str, cookie: &str, tls: bool) -> Vec<SessionKey> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        SessionKey::shown(&Uri::from_static("/"), &headers, tls)
    }

    fn shown(cookie: &str) -> Option<SessionKey> {
        shown_to("localhost", cookie, false).first().copied()
    }

    fn ids(ids: &[&str]) -> Vec<SessionKey> {
        ids.iter().map(|id| SessionKey::of(id.as_bytes())).collect()
    }

    #[test]
    fn a_cookie_is_that_of_its_port() {
        let both = "mapek_session_8001=a; mapek_session_8002=b; mapek_session=c";
        for (host, id) in [("localhost:8001", "a"), ("[::1]:8002", "b"), ("localhost", "c")] {
            assert_eq!(shown_to(host, both, false), ids(&[id]), "{host}");
        }
        assert_eq!(shown_to("localhost:8003", both, false), []);
    }

    #[test]
    fn what_a_page_in_clear_text_may_have_set_counts_for_nothing_by_tls_and_else_comes_last() {
        let (planted, both) = ("mapek_session=a", "mapek_session=a; __Secure-mapek_session=b");
        for (cookie, tls, expected) in [
            (planted, false, &["a"][..]),
            (planted, true, &[]),
            (both, false, &["b", "a"]),
            (both, true, &["b"]),
        ] {
            assert_eq!(shown_to("localhost", cookie, tls), ids(expected), "{cookie} by TLS: {tls}");
        }
    }

    #[test]
    fn what_others_have_set_hides_no_session() {
        let expected = ids(&["a"]).first().copied();
        for cookie in ["x=é; mapek_session=a", "é; mapek_session=a", "=; ;mapek_session = a ;x"] {
            assert_eq!(shown(cookie), expected, "{cookie}");
        }
        assert_eq!(shown("\u{a0}mapek_session=a"), None, "no other space than a browser sends");
    }

    #[test]
    fn a_session_stands_for_its_token_until_it_ends() {
        let sessions = Sessions::default();
        let token = TokenHash::of("token");
        let id = sessions.begin(token, at(0)).unwrap();
        assert_eq!(id.len(), 2 * RANDOM_BYTES);
        let key = shown(&format!("theme=dark; mapek_session={id}; x=y")).unwrap();
        let last = LASTS.as_secs() - 1;
        assert_eq!(sessions.find(key, at(last)), Some((token, at(LASTS.as_secs()))));
        assert_eq!(sessions.find(key, at(LASTS.as_secs())), None);
        sessions.end(key);
        assert_eq!(sessions.find(key, at(0)), None);
        assert_eq!(shown("mapek_sessions=1; mapek=2"), None);
        assert_ne!(shown("mapek_session=a"), shown("mapek_session=b"));
    }

    #[test]
    fn a_thousand_people_at_once_and_no_more_memory() {
        let sessions = Sessions::default();
        let token = TokenHash::of("token");
        let first = sessions.begin(token, at(0)).unwrap();
        for i in 1..=SESSIONS_MAX as u64 {
            sessions.begin(token, at(i)).unwrap();
        }
        assert_eq!(sessions.table().len(), SESSIONS_MAX);
        assert_eq!(
            sessions.find(SessionKey::of(first.as_bytes()), at(0)),
            None,
            "the oldest makes room"
        );
        // The last of them ends in this moment.
        sessions.begin(token, at(SESSIONS_MAX as u64 + LASTS.as_secs())).unwrap();
        assert_eq!(sessions.table().len(), 1, "what has ended is forgotten");
    }
}
