//! Who believes whom, what changes with the files, and by which group keys are agreed.

use std::sync::Arc;

use mapek_tls::{ClientFiles, Look, Refusal, Watched};
use rustls::{ClientConfig, NamedGroup, ServerConfig, crypto::aws_lc_rs};

use crate::support::*;

fn taken(tls: &impl Watched) {
    assert!(matches!(tls.look(now()), Look::Same), "not before two looks agree");
    let look = tls.look(now());
    assert!(matches!(look, Look::Renewed), "{look:?}");
}

#[tokio::test]
async fn both_sides_agree_on_a_key_by_the_hybrid_group_and_with_others_by_what_these_know() {
    let (ca, files) = (authority("ca"), Files::new());
    let pair = Pair::of(&ca, vec![dns("localhost")]);
    let server = opened(files.server(&pair, None));
    let client = calling(files.client(&ca));
    let ours = server.clone();
    let (address, mut told, _serving) = listen(move || ours.config()).await;
    let stream = call(client.config(), address, "localhost").await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert_eq!(told.recv().await.unwrap().unwrap().0, NamedGroup::X25519MLKEM768);
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    // Who knows nothing of it is spoken to as before, from either side.
    let mut old = aws_lc_rs::default_provider();
    old.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let old = Arc::new(old);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(&ca.pem()).into()).unwrap();
    let old_client = ClientConfig::builder_with_provider(Arc::clone(&old))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    call(old_client, address, "localhost").await.unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap().0, NamedGroup::X25519);

    let mut old_server = ServerConfig::builder_with_provider(old)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&server.config().cert_resolver));
    old_server.alpn_protocols.clear();
    let old_server = Arc::new(old_server);
    let (address, mut told, _serving) = listen(move || Arc::clone(&old_server)).await;
    call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap().0, NamedGroup::X25519);
}

#[tokio::test]
async fn a_server_that_is_not_believed_is_named_with_the_reason() {
    let (ours, theirs, files) = (authority("ours"), authority("theirs"), Files::new());
    let client = calling(files.client(&ours));
    let said = async |pair: &Pair, name: &'static str| {
        let files = Files::new();
        let server = opened_at_any_time(&files, pair);
        let (address, mut told, _serving) = listen(move || server.config()).await;
        let said = call(client.config(), address, name).await.map(|_| ());
        let seen = told.recv().await.unwrap();
        assert_eq!(said.is_ok(), seen.is_ok(), "both sides know");
        said
    };
    let names = || vec![dns("localhost"), dns("charter.example")];
    assert_eq!(said(&Pair::of(&ours, names()), "charter.example").await, Ok(()));

    let expired = said(&Pair::expired(&ours, names()), "localhost").await.unwrap_err();
    let words = "the server localhost shows a certificate that has expired at 2020-01-01T00:00:00Z";
    assert!(expired.contains(words), "{expired}");

    let unknown = said(&Pair::of(&theirs, names()), "localhost").await.unwrap_err();
    assert!(
        unknown.contains("the server localhost shows a certificate that nobody in "),
        "{unknown}"
    );
    assert!(crate::support::names(&unknown, &files.path("ca.pem")), "{unknown}");

    let other = said(&Pair::of(&ours, names()), "prometheus.example").await.unwrap_err();
    let words = "the server prometheus.example shows a certificate of localhost, charter.example";
    assert!(other.contains(words), "{other}");
}

#[tokio::test]
async fn a_server_that_is_called_by_its_address_is_known_by_the_name_that_is_expected() {
    let (ca, files) = (authority("ours"), Files::new());
    let said = async |expected: &str, names: Vec<rcgen::SanType>| {
        let theirs = Files::new();
        let server = opened(theirs.server(&Pair::of(&ca, names), None));
        let (address, _told, _serving) = listen(move || server.config()).await;
        let server_name = Some(expected.to_owned());
        let client = calling(ClientFiles { server_name, ..files.client(&ca) });
        call(client.config(), address, "127.0.0.1").await.map(|_| ())
    };
    assert_eq!(said("mapek", vec![dns("mapek"), dns("mapek.prod")]).await, Ok(()));
    let other = said("mapek", vec![dns("charter")]).await.unwrap_err();
    assert!(other.contains("the server mapek shows a certificate of charter"), "{other}");
    let id = said("mapek", vec![uri("spiffe://prod/mapek")]).await;
    assert!(id.is_err(), "an ID is no name");
}

/// A server that shows what a careful one would not: what has expired.
fn opened_at_any_time(files: &Files, pair: &Pair) -> mapek_tls::ServerTls {
    let then = "2000-01-01T00:00:00Z".parse().unwrap();
    mapek_tls::ServerTls::open(files.server(pair, None), then).unwrap()
}

#[tokio::test]
async fn with_a_spiffe_id_it_alone_decides_who_the_server_is() {
    let (ca, files) = (authority("prod"), Files::new());
    let client = calling(ClientFiles {
        server_id: Some("spiffe://prod/charter".parse().unwrap()),
        ..files.client(&ca)
    });
    let said = async |ca: &Authority, names: Vec<rcgen::SanType>| {
        let files = Files::new();
        let server = opened(files.server(&Pair::of(ca, names), None));
        let (address, _told, _serving) = listen(move || server.config()).await;
        // By any name: only the identity counts.
        call(client.config(), address, "10.0.0.7").await.map(|_| ())
    };
    assert_eq!(said(&ca, vec![uri("spiffe://prod/charter")]).await, Ok(()));
    for (names, words) in [
        (
            vec![uri("spiffe://prod/charter/2")],
            "shows a certificate of spiffe://prod/charter/2, and spiffe://prod/charter is expected",
        ),
        (vec![uri("spiffe://PROD/charter")], "is expected"),
        (vec![dns("localhost")], "shows a certificate without a SPIFFE ID"),
        (vec![uri("spiffe://prod/charter"), uri("spiffe://prod/x")], "of 2 URIs"),
    ] {
        let refused = said(&ca, names).await.unwrap_err();
        assert!(refused.contains("the server 10.0.0.7 ") && refused.contains(words), "{refused}");
    }
    let forged = said(&authority("prod"), vec![uri("spiffe://prod/charter")]).await.unwrap_err();
    assert!(forged.contains("that nobody in "), "{forged}");
}

#[tokio::test]
async fn a_server_shows_its_new_certificate_to_new_connections_and_keeps_the_old_ones() {
    let (ca, files) = (authority("ca"), Files::new());
    let first = Pair::of(&ca, vec![dns("localhost")]);
    let server = opened(files.server(&first, None));
    let client = calling(files.client(&ca));
    let ours = server.clone();
    let (address, _told, _serving) = listen(move || ours.config()).await;
    let mut old = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&old), der(&first.certificate));

    let second = Pair::of(&ca, vec![dns("localhost")]);
    files.pair("server", &second);
    taken(&server);
    let new = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&new), der(&second.certificate));
    echo(&mut old).await.unwrap();

    // What is bad changes nothing.
    files.pair("server", &Pair { key: first.key, ..second.clone() });
    server.look(now());
    let Look::Refused(error) = server.look(now()) else { panic!("it is refused") };
    assert!(names(&error.to_string(), &files.path("server.key")), "{error}");
    files.pair("server", &Pair::expired(&ca, vec![dns("localhost")]));
    assert!(matches!(server.look_now(now()), Look::Refused(mapek_tls::Error::Expired { .. })));
    let still = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&still), der(&second.certificate));
}

#[tokio::test]
async fn who_may_call_changes_with_the_files_of_the_server() {
    let (ca, one, two, files) = (authority("ca"), authority("one"), authority("two"), Files::new());
    let server = opened(files.server(&Pair::of(&ca, vec![dns("localhost")]), Some(&one)));
    let caller = Pair::of(&one, vec![uri("spiffe://prod/mapek")]);
    let (certificate, key) = files.pair("caller", &caller);
    let client = calling(ClientFiles {
        certificate: Some(certificate),
        key: Some(key),
        ..files.client(&ca)
    });
    let ours = server.clone();
    let (address, mut told, _serving) = listen(move || ours.config()).await;
    // One configuration for all connections: a resumed session would remember who was believed.
    let config = client.config();
    call(config.clone(), address, "localhost").await.unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap().1, Some(der(&caller.certificate)));

    files.write("client-ca.pem", &two.pem());
    taken(&server);
    assert!(call(config.clone(), address, "localhost").await.is_err());
    let error = told.recv().await.unwrap().unwrap_err();
    let refusal: Refusal = server.refusal(&error).unwrap();
    let refusal = refusal.to_string();
    assert!(refusal.starts_with("the client shows a certificate that nobody in "), "{refusal}");
    assert!(names(&refusal, &files.path("client-ca.pem")), "{refusal}");

    // The client follows its own files.
    let renewed = Pair::of(&two, vec![uri("spiffe://prod/mapek")]);
    files.pair("caller", &renewed);
    taken(&client);
    call(config, address, "localhost").await.unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap().1, Some(der(&renewed.certificate)));
    assert!(server.refusal(&std::io::Error::other("reset")).is_none());
}

#[tokio::test]
async fn who_shows_nothing_is_let_in_unless_a_certificate_is_required() {
    let (ca, files) = (authority("ca"), Files::new());
    let client = calling(files.client(&ca));
    for required in [false, true] {
        let paths = files.server(&Pair::of(&ca, vec![dns("localhost")]), Some(&ca));
        let server = opened(mapek_tls::ServerFiles { client_required: required, ..paths });
        let (address, _told, _serving) = listen(move || server.config()).await;
        let called = call(client.config(), address, "localhost").await;
        assert_eq!(called.is_err(), required);
    }
}

#[tokio::test]
async fn whom_a_client_believes_changes_with_its_files_even_if_it_was_believed_before() {
    let (old, new, files) = (authority("old"), authority("new"), Files::new());
    let server = opened(files.server(&Pair::of(&old, vec![dns("localhost")]), None));
    let client = calling(files.client(&old));
    let (address, _told, _serving) = listen(move || server.config()).await;
    let config = client.config();
    call(config.clone(), address, "localhost").await.unwrap();
    files.write("ca.pem", "");
    assert!(matches!(client.look_now(now()), Look::Refused(_)));
    call(config.clone(), address, "localhost").await.unwrap();
    files.write("ca.pem", &new.pem());
    taken(&client);
    let refused = call(config.clone(), address, "localhost").await.unwrap_err();
    assert!(refused.contains("that nobody in "), "{refused}");
    files.write("ca.pem", &format!("{}{}", new.pem(), old.pem()));
    taken(&client);
    call(config, address, "localhost").await.unwrap();
}
