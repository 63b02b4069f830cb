//! TLS, and people who are known by their certificates.

use std::time::Duration;

use mapek_server::{
    Access, Credential, Identities, Proof, Role, Server, ServerConfig, Tls, TokenHash,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, net::TcpStream, sync::oneshot, time::timeout};

use crate::{sample::at, steered::Steered};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate with these names, and its key.
pub(crate) fn signed(by: &Authority, names: Vec<SanType>) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = names;
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

pub(crate) fn known(person: &str, role: Role, proof: Proof) -> Credential {
    Credential { person: person.parse().unwrap(), role, proof }
}

/// Pages there may ask with a token.
const ELSEWHERE: &str = "https://console.example";

struct Secured {
    port: u16,
    servers: Authority,
    clients: Authority,
    steered: Steered,
    _stop: oneshot::Sender<()>,
}

impl Secured {
    async fn start() -> Self {
        let (servers, clients, steered) = (authority(), authority(), Steered::new());
        let identities = Identities::try_new(vec![
            known("robot", Role::Operator, Proof::Uri("spiffe://prod/robot".to_owned())),
            known("ada", Role::Admin, Proof::Dns("ada.people.example".to_owned())),
            known("vera", Role::Viewer, Proof::Uri("spiffe://prod/vera".to_owned())),
            known("eve", Role::Viewer, Proof::Token { hash: TokenHash::of("eve"), expires: None }),
            known(
                "fay",
                Role::Viewer,
                Proof::Token { hash: TokenHash::of("fay"), expires: Some(at(60)) },
            ),
            known(
                "ole",
                Role::Operator,
                Proof::Token { hash: TokenHash::of("ole"), expires: None },
            ),
        ]);
        let (certificate, key) = signed(&servers, vec![dns("localhost")]);
        let tls =
            Tls::from_pem(certificate.as_bytes(), key.as_bytes(), Some(clients.pem().as_bytes()));
        let config =
            ServerConfig { header_timeout: Duration::from_millis(500), ..ServerConfig::default() };
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let server = server.with_config(config).with_tls(tls.unwrap());
        let port = server.local_addr().port();
        let origins = [ELSEWHERE.to_owned()].into();
        let access = Access { identities: identities.unwrap(), origins, ..steered.access() };
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(steered.api_with(access), async {
            stopped.await.ok();
        }));
        Self { port, servers, clients, steered, _stop: stop }
    }

    fn client(&self, certificate: Option<(String, String)>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        let builder = match certificate {
            None => builder,
            Some((certificate, key)) => {
                let both = format!("{certificate}\n{key}");
                builder.identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap())
            }
        };
        builder.build().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    async fn whoami(&self, names: Vec<SanType>, token: Option<&str>) -> (u16, Value) {
        let certificate = (!names.is_empty()).then(|| signed(&self.clients, names));
        let mut request = self.client(certificate).get(self.url("/api/v1/whoami"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn people_are_known_by_the_names_in_their_certificates() {
    let secured = Secured::start().await;
    let robot = || vec![uri("spiffe://prod/robot")];
    assert_eq!(
        secured.whoami(robot(), None).await,
        (200, json!({"person": "robot", "role": "operator"}))
    );
    let ada = vec![dns("laptop.example"), dns("ada.people.example")];
    assert_eq!(secured.whoami(ada, None).await.1["person"], "ada");
    // Who shows a token is who has the token, also if it is wrong.
    assert_eq!(secured.whoami(robot(), Some("eve")).await.1["person"], "eve");
    assert_eq!(secured.whoami(robot(), Some("guess")).await.0, 401);
    assert_eq!(secured.whoami(Vec::new(), Some("eve")).await.1["person"], "eve");
    assert_eq!(secured.whoami(Vec::new(), None).await.0, 401);

    for (names, words) in [
        (vec![uri("spiffe://prod/robot/2")], "belongs to nobody"),
        (vec![dns("*.people.example")], "belongs to nobody"),
        (vec![uri("spiffe://prod/robot"), uri("spiffe://prod/x")], "several SPIFFE IDs"),
    ] {
        let (status, answer) = secured.whoami(names, None).await;
        assert_eq!(status, 401, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{answer}");
    }
}

#[tokio::test]
async fn what_a_robot_does_has_its_name() {
    let secured = Secured::start().await;
    let robot = signed(&secured.clients, vec![uri("spiffe://prod/robot")]);
    let client = secured.client(Some(robot));
    let pause = client.post(secured.url("/api/v1/pause")).json(&json!({"reason": "drill"}));
    assert_eq!(pause.send().await.unwrap().status(), 200);
    let paused = secured.steered.control.paused().unwrap().to_string();
    assert!(paused.starts_with("paused by robot at "), "{paused}");
    let body = json!({"kind": "scale_up", "reason": "x"});
    let rearm = client.post(secured.url("/api/v1/rearm")).json(&body).send().await.unwrap();
    assert_eq!(rearm.status(), 403);
}

/// A browser that shows a certificate with this SPIFFE ID, and keeps no cookies by itself.
struct Visitor<'a> {
    secured: &'a Secured,
    client: reqwest::Client,
}

impl<'a> Visitor<'a> {
    fn new(secured: &'a Secured, id: &str) -> Self {
        let certificate = signed(&secured.clients, vec![uri(id)]);
        Self { secured, client: secured.client(Some(certificate)) }
    }

    #[cfg(feature = "console")]
    async fn page(&self, path: &str, cookie: &str) -> (u16, String) {
        let request = self.client.get(self.secured.url(path)).header("cookie", cookie);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Acts with these headers, and answers with the problem if there is one.
    async fn act(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let request = self.client.post(self.secured.url(path)).json(&json!({"reason": "drill"}));
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// The button of the switch.
#[cfg(feature = "console")]
fn switch(page: &str) -> &str {
    page.split("<button class=\"stop\" type=\"submit\"").nth(1).unwrap().split('>').next().unwrap()
}

#[cfg(feature = "console")]
#[tokio::test]
async fn on_pages_a_certificate_has_its_role_and_what_belongs_to_nobody_is_told() {
    let secured = Secured::start().await;
    let robot = Visitor::new(&secured, "spiffe://prod/robot");
    let (status, page) = robot.page("/", "").await;
    assert_eq!((status, switch(&page)), (200, ""), "{page}");
    assert!(page.contains("<strong>robot</strong>") && page.contains("operator"), "{page}");
    assert!(!page.contains("Log out"), "there is no session that could end");
    let (_, login) = robot.page("/login", "").await;
    assert!(login.contains("You are ") && !login.contains("name=\"token\""), "{login}");

    let vera = Visitor::new(&secured, "spiffe://prod/vera");
    let (status, page) = vera.page("/", "").await;
    assert_eq!((status, switch(&page)), (200, " disabled"), "{page}");
    assert!(page.contains("You are vera, viewer; this needs operator."), "{page}");

    let nobody = Visitor::new(&secured, "spiffe://prod/nobody");
    let why = "the client certificate belongs to nobody who is configured";
    let (status, page) = nobody.page("/plans", "").await;
    assert!(status == 401 && page.contains(why) && page.contains("name=\"token\""), "{page}");
    let without = secured.client(None).get(secured.url("/plans")).send().await.unwrap();
    let page = without.text().await.unwrap();
    assert!(page.contains("name=\"token\"") && !page.contains("role=\"alert\""), "{page}");
}

#[tokio::test]
async fn a_certificate_that_a_browser_shows_acts_from_our_own_pages_alone() {
    let secured = Secured::start().await;
    let robot = Visitor::new(&secured, "spiffe://prod/robot");
    let own = format!("https://localhost:{}", secured.port);
    let clear = format!("http://localhost:{}", secured.port);
    for (headers, words) in [
        (&[("origin", "https://evil.example")][..], "pages of other origins may not ask"),
        // Whoever stands between can serve a page in clear text by our name.
        (&[("origin", clear.as_str())], "pages of other origins may not ask"),
        (&[("origin", "null")], "pages of other origins may not ask"),
        (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], "other origins"),
        (&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], "other origins"),
        // It may ask, but not in the name of whoever happens to look at it.
        (&[("origin", ELSEWHERE)], "what a browser adds by itself permits nothing"),
    ] {
        let (status, said) = robot.act("/api/v1/pause", headers).await;
        assert!(status == 403 && said.contains(words), "{headers:?}: {said}");
    }
    assert!(secured.steered.control.paused().is_none());
    // A form can be sent without asking anybody, but has no type that would be read.
    let form = robot.client.post(secured.url("/api/v1/pause")).header("origin", &own);
    let form = form.header("content-type", "text/plain").body(r#"{"reason": "drill"}"#);
    assert_eq!(form.send().await.unwrap().status(), 415);
    assert!(secured.steered.control.paused().is_none());

    assert_eq!(robot.act("/api/v1/pause", &[("origin", &own)]).await.0, 200);
    assert!(secured.steered.control.paused().unwrap().to_string().starts_with("paused by robot"));
    let token = [("origin", ELSEWHERE), ("authorization", "Bearer ole")];
    assert_eq!(robot.act("/api/v1/resume", &token).await.0, 200, "with a token it is meant");
    let vera = Visitor::new(&secured, "spiffe://prod/vera");
    let (status, said) = vera.act("/api/v1/pause", &[("origin", &own)]).await;
    assert!(status == 403 && said.contains("vera is viewer; this needs operator"), "{said}");
}

#[cfg(feature = "console")]
#[tokio::test]
async fn who_logs_in_is_known_by_that_until_they_leave_and_then_by_their_certificate() {
    let secured = Secured::start().await;
    let robot = Visitor::new(&secured, "spiffe://prod/robot");
    let own = format!("https://localhost:{}", secured.port);
    let log_in = async |token: &str| {
        let login = robot.client.post(secured.url("/login")).header("origin", &own);
        let login = login.header("content-type", "application/x-www-form-urlencoded");
        let entered = login.body(format!("token={token}")).send().await.unwrap();
        assert_eq!(entered.status(), 303);
        entered.headers()["set-cookie"].to_str().unwrap().to_owned()
    };
    let set = log_in("eve").await;
    assert!(set.ends_with("; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let (_, page) = robot.page("/", cookie).await;
    assert!(page.contains("<strong>eve</strong>") && page.contains("Log out"), "{page}");
    // What a page in clear text could have set is nobody's.
    let planted = cookie.strip_prefix("__Secure-").unwrap();
    assert!(robot.page("/", planted).await.1.contains("<strong>robot</strong>"));
    let leave = [("origin", own.as_str()), ("cookie", cookie)];
    assert_eq!(robot.act("/logout", &leave).await.0, 303);
    let (_, page) = robot.page("/", cookie).await;
    assert!(page.contains("<strong>robot</strong>") && !page.contains("Log out"), "{page}");

    // A session ends with its token, too.
    let set = log_in("fay").await;
    let cookie = set.split(';').next().unwrap();
    assert!(robot.page("/", cookie).await.1.contains("<strong>fay</strong>"));
    secured.steered.clock.advance_to(at(60));
    let (status, page) = robot.page("/", cookie).await;
    assert!(status == 200 && page.contains("<strong>robot</strong>"), "{page}");
    assert!(!page.contains("Log out"), "{page}");
}

#[tokio::test]
async fn a_certificate_of_somebody_elses_authority_ends_the_handshake() {
    let secured = Secured::start().await;
    let forged = signed(&authority(), vec![uri("spiffe://prod/robot")]);
    let asked = secured.client(Some(forged)).get(secured.url("/health")).send().await;
    assert!(asked.is_err(), "{asked:?}");
    let clear = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let clear = clear.get(format!("http://localhost:{}/health", secured.port)).send().await;
    assert!(clear.is_err(), "nothing is said in clear text: {clear:?}");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_hung_up_on() {
    let secured = Secured::start().await;
    let mut silent = TcpStream::connect(("127.0.0.1", secured.port)).await.unwrap();
    let mut nothing = Vec::new();
    let closed = timeout(Duration::from_secs(20), silent.read_to_end(&mut nothing)).await;
    assert_eq!(closed.expect("it is closed").unwrap_or(0), 0);
}
