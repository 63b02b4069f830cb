//! TLS, and people who are known by their certificates.

use std::time::Duration;

use mapek_server::{
    Access, Credential, Identities, Proof, Role, Server, ServerConfig, Tls, TokenHash,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, net::TcpStream, sync::oneshot, time::timeout};

use crate::steered::Steered;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate with these names, and its key.
fn signed(by: &Authority, names: Vec<SanType>) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = names;
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn known(person: &str, role: Role, proof: Proof) -> Credential {
    Credential { person: person.parse().unwrap(), role, proof }
}

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
            known("eve", Role::Viewer, Proof::Token { hash: TokenHash::of("eve"), expires: None }),
        ]);
        let (certificate, key) = signed(&servers, vec![dns("localhost")]);
        let tls =
            Tls::from_pem(certificate.as_bytes(), key.as_bytes(), Some(clients.pem().as_bytes()));
        let config =
            ServerConfig { header_timeout: Duration::from_millis(500), ..ServerConfig::default() };
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let server = server.with_config(config).with_tls(tls.unwrap());
        let port = server.local_addr().port();
        let access = Access { identities: identities.unwrap(), ..steered.access() };
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(steered.api_with(access), async {
            stopped.await.ok();
        }));
        Self { port, servers, clients, steered, _stop: stop }
    }

    fn client(&self, certificate: Option<(String, String)>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
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
