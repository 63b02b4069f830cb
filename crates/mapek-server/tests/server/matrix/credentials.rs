//! What people show, and what it proves: tokens, sessions, certificates, and what resembles them.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::OriginalUri};
use http::Extensions;
use mapek_model::{Duration, Timestamp, later};
use mapek_server::{Credential, Proof, Role, Server, Tls, TokenHash};
use rcgen::{CertificateParams, DnType, KeyPair};

use super::rules::Rank;
use crate::{
    sample::at,
    tls::{Authority, authority, dns, known, signed, uri},
};

/// Who somebody is by what they show, if it proves that.
pub(super) type Proves = Option<Rank>;

/// What a request shows of who sends it.
#[derive(Clone, Default)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What the TLS layer knows of the connection; nothing where a service mounts the router in a server of its own.
    pub(super) connection: Option<Extensions>,
    /// By the rules: what is shown of each kind, and proves so much.
    pub(super) token: Option<Proves>,
    pub(super) cookie: Option<Proves>,
    pub(super) certificate: Option<Proves>,
    /// The token by which a session that has been left is begun anew.
    pub(super) again: Option<&'static str>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = if self.is_by_tls() { " over TLS" } else { "" };
        write!(f, "{}{tls}", self.name)
    }
}

impl Shown {
    pub(super) fn nothing() -> Self {
        Self { name: "nothing".to_owned(), ..Self::default() }
    }

    pub(super) fn token(name: &str, header: &str, proves: Proves) -> Self {
        let headers = vec![("authorization", header.to_owned())];
        Self { name: name.to_owned(), headers, token: Some(proves), ..Self::default() }
    }

    pub(super) fn cookie(name: &str, header: &str, proves: Proves) -> Self {
        let headers = vec![("cookie", header.to_owned())];
        Self { name: name.to_owned(), headers, cookie: Some(proves), ..Self::default() }
    }

    /// A session that can be begun anew.
    pub(super) fn session(name: &str, header: &str, proves: Proves, token: &'static str) -> Self {
        Self { again: Some(token), ..Self::cookie(name, header, proves) }
    }

    pub(super) fn is_by_tls(&self) -> bool {
        self.connection.is_some()
    }

    /// The same by a connection: a session as it would have been begun there.
    pub(super) fn over(&self, connection: &Extensions) -> Self {
        let mut shown = Self { connection: Some(connection.clone()), ..self.clone() };
        shown.by_tls();
        shown
    }

    /// What somebody shows whose cookie a page in clear text has set: nothing.
    pub(super) fn planted(&self, connection: &Extensions) -> Self {
        let (connection, name) = (Some(connection.clone()), format!("{}, planted", self.name));
        Self { connection, name, cookie: None, again: None, ..self.clone() }
    }

    fn by_tls(&mut self) {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| *name == "cookie") {
            *value =
                value.replace("__Secure-", "").replace("mapek_session", "__Secure-mapek_session");
        }
    }

    /// Both at once; they are of different kinds.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = Self {
            name: format!("{}, {}", self.name, other.name),
            headers: [self.headers.clone(), other.headers.clone()].concat(),
            connection: other.connection.clone().or_else(|| self.connection.clone()),
            token: self.token.or(other.token),
            cookie: self.cookie.or(other.cookie),
            certificate: self.certificate.or(other.certificate),
            again: self.again.or(other.again),
        };
        if both.is_by_tls() {
            both.by_tls();
        }
        both
    }

    /// How many kinds of things are shown.
    pub(super) fn kinds(&self) -> usize {
        [self.token, self.cookie, self.certificate].iter().flatten().count()
    }

    /// Whether nobody can show more of its kind.
    pub(super) fn is_most(&self) -> bool {
        ["nothing", "admin's token", "admin's session", "admin's certificate"]
            .contains(&self.name.as_str())
    }

    /// The cookie without all else.
    pub(super) fn cookie_alone(&self) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| *name == "cookie");
        Self { name: self.name.clone(), headers, cookie: self.cookie, ..Self::default() }
    }

    /// Puts another session in the place of the one that is shown.
    pub(super) fn begin_anew(&mut self, cookie: &str) {
        let shown = self.headers.iter_mut().find(|(name, _)| *name == "cookie");
        let (_, header) = shown.expect("a session is shown by a cookie");
        // All else stays as it is. What was planted comes before.
        let (name, id) = cookie.split_once('=').expect("a cookie has a value");
        let at = header.rfind(name).expect("it is of the same name") + name.len() + 1;
        let end = header[at..].find(';').map_or(header.len(), |length| at + length);
        header.replace_range(at..end, id);
    }
}

/// When sessions are as old as they get.
pub(super) fn evening() -> Timestamp {
    later(at(0), Duration::from_secs(12 * 3600))
}

fn by_token(person: &str, role: Role, text: &str, expires: Option<Timestamp>) -> Credential {
    known(person, role, Proof::Token { hash: TokenHash::of(text), expires })
}

/// All who are known in the morning: one person of each role, with a token, a SPIFFE ID and a DNS name that are called
/// like it, and some of whom not all is so in the evening.
pub(super) fn in_the_morning() -> Vec<Credential> {
    let mut all = Vec::new();
    for role in Role::ALL {
        let name = role.as_str();
        all.push(by_token(name, role, name, None));
        all.push(known(name, role, Proof::Uri(format!("spiffe://prod/{name}"))));
        all.push(known(name, role, Proof::Dns(format!("{name}.people.example"))));
    }
    all.push(by_token("viewer", Role::Viewer, "viewer-next", None));
    all.push(by_token("expired", Role::Admin, "expired", Some(at(0))));
    all.push(by_token("brief", Role::Admin, "brief", Some(evening())));
    all.push(by_token("gone", Role::Admin, "gone", None));
    all.push(by_token("demoted", Role::Admin, "demoted", None));
    all
}

/// Those who are left in the evening, as who they are then.
pub(super) fn in_the_evening() -> Vec<Credential> {
    let mut all = in_the_morning();
    all.retain(|credential| credential.person.as_str() != "gone");
    for credential in all.iter_mut().filter(|it| it.person.as_str() == "demoted") {
        credential.role = Role::Viewer;
    }
    all
}

pub(super) fn tokens() -> Vec<Shown> {
    [
        ("an empty header", "", None),
        ("an unknown token", "Bearer mapek_0000", None),
        ("no token", "Bearer ", None),
        ("a role for a token", "Bearer Role::Admin", None),
        ("a token without a scheme", "admin", None),
        ("another scheme", "Basic YWRtaW46YWRtaW4=", None),
        ("a token in capitals", "Bearer ADMIN", None),
        ("a token and more", "Bearer admin admin", None),
        ("a token that has expired", "Bearer expired", None),
        ("a token that expires now", "Bearer brief", None),
        ("a token that is gone", "Bearer gone", None),
        ("the token of who was admin", "Bearer demoted", Some(Rank::Viewer)),
        ("viewer's token", "Bearer viewer", Some(Rank::Viewer)),
        ("viewer's second token", "bearer viewer-next", Some(Rank::Viewer)),
        ("operator's token", "Bearer operator", Some(Rank::Operator)),
        ("approver's token", "Bearer approver", Some(Rank::Approver)),
        ("admin's token", "Bearer admin", Some(Rank::Admin)),
    ]
    .map(|(name, header, proves)| Shown::token(name, header, proves))
    .into()
}

/// Sessions that are begun a minute before the evening: the token that begins them, and what they prove in the evening.
pub(super) const SESSIONS: [(&str, &str, Proves); 7] = [
    ("viewer's session", "viewer", Some(Rank::Viewer)),
    ("operator's session", "operator", Some(Rank::Operator)),
    ("approver's session", "approver", Some(Rank::Approver)),
    ("admin's session", "admin", Some(Rank::Admin)),
    ("the session of who was admin", "demoted", Some(Rank::Viewer)),
    ("a session whose token has expired", "brief", None),
    ("a session whose token is gone", "gone", None),
];

/// A server that speaks TLS, and notes what it knows of each connection: what the router is told of whoever comes.
pub(super) struct Listener {
    port: u16,
    servers: Authority,
    clients: Authority,
    noted: Arc<Mutex<Extensions>>,
}

impl Listener {
    pub(super) async fn start() -> Self {
        let (servers, clients) = (authority(), authority());
        let (certificate, key) = signed(&servers, vec![dns("localhost")]);
        let (certificate, key, people) = (certificate.as_bytes(), key.as_bytes(), clients.pem());
        let tls = Tls::from_pem(certificate, key, Some(people.as_bytes())).unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().with_tls(tls);
        let (port, noted) = (server.local_addr().port(), Arc::new(Mutex::default()));
        let notes: Arc<Mutex<Extensions>> = Arc::clone(&noted);
        let note = Router::new().fallback(async move |request: axum::extract::Request| {
            let mut extensions = request.extensions().clone();
            // Where this request went to, and none of the others will.
            extensions.remove::<OriginalUri>();
            *notes.lock().unwrap() = extensions;
        });
        tokio::spawn(server.serve(note, std::future::pending()));
        Self { port, servers, clients, noted }
    }

    /// What is known of a connection on which nobody shows a certificate.
    pub(super) async fn without_certificate(&self) -> Extensions {
        self.connected(None).await
    }

    /// What is known of a connection on which this certificate is shown, with its key.
    async fn connected(&self, certificate: Option<(String, String)>) -> Extensions {
        let root = reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
        let mut client = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
        if let Some((certificate, key)) = certificate {
            let both = format!("{certificate}\n{key}");
            client = client.identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap());
        }
        let url = format!("https://localhost:{}/", self.port);
        assert_eq!(client.build().unwrap().get(url).send().await.unwrap().status(), 200);
        self.noted.lock().unwrap().clone()
    }

    /// The certificates of one person of each role, and those that resemble them.
    pub(super) async fn certificates(&self) -> Vec<Shown> {
        let id = |path: &str| uri(&format!("spiffe://prod/{path}"));
        let mut all = Vec::new();
        for (name, names, proves) in [
            ("viewer's certificate", vec![id("viewer")], Some(Rank::Viewer)),
            ("operator's certificate", vec![id("operator")], Some(Rank::Operator)),
            ("approver's certificate", vec![id("approver")], Some(Rank::Approver)),
            ("admin's certificate", vec![id("admin")], Some(Rank::Admin)),
            (
                "admin's certificate by name",
                vec![dns("laptop.example"), dns("admin.people.example")],
                Some(Rank::Admin),
            ),
            (
                "one person by both names",
                vec![id("admin"), dns("admin.people.example")],
                Some(Rank::Admin),
            ),
            ("two people", vec![id("admin"), dns("viewer.people.example")], None),
            ("nobody's certificate", vec![id("nobody")], None),
            ("an ID below", vec![id("admin/2")], None),
            ("an ID with a slash at its end", vec![id("admin/")], None),
            ("the beginning of an ID", vec![id("adm")], None),
            ("a trust domain", vec![uri("spiffe://prod")], None),
            ("an ID of another trust domain", vec![uri("spiffe://test/admin")], None),
            ("an ID of a trust domain that begins so", vec![uri("spiffe://prod.evil/admin")], None),
            ("an ID in capitals", vec![id("Admin")], None),
            ("an ID that has the ID in it", vec![uri("spiffe://evil/spiffe://prod/admin")], None),
            ("another scheme", vec![uri("https://prod/admin")], None),
            ("two IDs", vec![id("admin"), id("x")], None),
            ("an ID and another URI", vec![uri("https://admin.example"), id("admin")], None),
            ("a wildcard", vec![dns("*.people.example")], None),
            ("a name below", vec![dns("x.admin.people.example")], None),
            ("a name above", vec![dns("people.example")], None),
        ] {
            let connection = self.connected(Some(signed(&self.clients, names))).await;
            let shown =
                Shown { name: name.to_owned(), certificate: Some(proves), ..Shown::default() };
            all.push(shown.over(&connection));
        }
        for name in ["admin", "admin.people.example", "spiffe://prod/admin"] {
            let connection = self.connected(Some(self.called(name))).await;
            let name = format!("the common name {name}");
            let shown = Shown { name, certificate: Some(None), ..Shown::default() };
            all.push(shown.over(&connection));
        }
        all
    }

    /// A certificate with this common name, and no other.
    fn called(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.clients).unwrap().pem(), key.serialize_pem())
    }
}
