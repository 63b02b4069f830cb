//! Files that cannot be used.

use mapek_tls::{ClientFiles, ClientTls, Error, ServerFiles, ServerTls};

use crate::support::*;

#[test]
fn what_cannot_be_used_is_named_with_what_to_do_and_never_shown() {
    let (ca, files) = (authority("ca"), Files::new());
    let good = Pair::of(&ca, vec![dns("localhost")]);
    let (certificate, key) = files.pair("good", &good);
    let other = files.pair("other", &Pair::of(&ca, vec![dns("localhost")])).1;
    let old = files.pair("old", &Pair::expired(&ca, vec![dns("localhost")]));
    let early = Pair::with(&ca, Vec::new(), |it| it.not_before = rcgen::date_time_ymd(2040, 1, 1));
    let early = files.pair("early", &early);
    let empty = files.write("empty", "");
    let damaged =
        files.write("damaged", "-----BEGIN CERTIFICATE-----\nAAA!\n-----END CERTIFICATE-----\n");
    let strange = files
        .write("strange", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = files.write("locked", locked);
    let nowhere = files.path("nowhere");
    let large = files.write("large", &"x".repeat(1024 * 1024 + 1));

    let open =
        |certificate: &std::path::Path, key: &std::path::Path, ca: Option<&std::path::Path>| {
            ServerTls::open(
                ServerFiles {
                    certificate: certificate.into(),
                    key: key.into(),
                    client_ca: ca.map(Into::into),
                    client_required: false,
                },
                now(),
            )
        };
    assert!(open(&certificate, &key, None).is_ok());
    for (certificate, key, ca, culprit, words, remedy) in [
        (&nowhere, &key, None, &nowhere, "cannot read", "check the path"),
        (&certificate, &nowhere, None, &nowhere, "cannot read", "check the path"),
        (&certificate, &key, Some(&nowhere), &nowhere, "cannot read", "check the path"),
        (&large, &key, None, &large, "has more than 1048576 bytes", "name a file"),
        (&empty, &key, None, &empty, "holds no certificate", "as PEM"),
        (&key, &key, None, &key, "holds no certificate", "as PEM"),
        (&damaged, &key, None, &damaged, "holds no certificate that can be read", "as PEM"),
        (&strange, &key, None, &strange, "cannot be used", "make another one"),
        (&certificate, &empty, None, &empty, "holds no private key", "without a password"),
        (&certificate, &locked, None, &locked, "holds no private key", "without a password"),
        (&certificate, &certificate, None, &certificate, "holds no private key", "write the key"),
        (&certificate, &other, None, &other, "does not belong to the certificate", "give the key"),
        (&old.0, &old.1, None, &old.0, "has expired at 2020-01-01T00:00:00Z", "renew it"),
        (&early.0, &early.1, None, &early.0, "is not valid before 2040-01-01", "correct the clock"),
        (&certificate, &key, Some(&empty), &empty, "holds no certificate", "as PEM"),
        (&certificate, &key, Some(&strange), &strange, "cannot be used", "make another one"),
    ] {
        let error = open(certificate, key, ca.map(std::path::PathBuf::as_path)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(words) && names(&text, culprit), "{text}");
        assert!(error.remedy().contains(remedy), "{text}: {}", error.remedy());
        let shown = format!("{error:?}");
        assert!(!shown.contains("BEGIN") && !shown.contains("c2VjcmV0"), "{shown}");
    }
}

#[test]
fn a_client_is_refused_what_makes_no_sense_together() {
    let (ca, files) = (authority("ca"), Files::new());
    let (certificate, key) = files.pair("me", &Pair::of(&ca, vec![uri("spiffe://prod/mapek")]));
    let open = |files: ClientFiles| ClientTls::open(files, now());
    let none = ClientFiles::default;
    assert!(open(none()).is_ok(), "nothing is needed for what the system knows");
    let lone = open(ClientFiles { certificate: Some(certificate.clone()), ..none() });
    assert_eq!(lone.unwrap_err().to_string(), "there is a certificate without a key");
    let lone = open(ClientFiles { key: Some(key.clone()), ..none() });
    assert_eq!(lone.unwrap_err().to_string(), "there is a key without a certificate");
    let server_id = Some("spiffe://prod/charter".parse().unwrap());
    let unvouched = open(ClientFiles { server_id, ..none() }).unwrap_err();
    assert!(matches!(unvouched, Error::NoBundle), "{unvouched}");
    assert!(unvouched.remedy().contains("trust bundle"));
    let server_id = Some("spiffe://prod/charter".parse().unwrap());
    let server_name = Some("charter".to_owned());
    let two = open(ClientFiles { server_id, server_name, ..files.client(&ca) }).unwrap_err();
    assert!(matches!(two, Error::TwoNames), "{two}");
    let none_at_all = open(ClientFiles { server_name: Some("a b".to_owned()), ..none() });
    let none_at_all = none_at_all.unwrap_err();
    assert_eq!(none_at_all.to_string(), "a b is no name that a certificate could have");
    assert!(none_at_all.remedy().contains("mapek.example"));
    let empty = files.write("empty", "\n");
    let error = open(ClientFiles { ca: Some(empty.clone()), ..none() }).unwrap_err();
    assert!(names(&error.to_string(), &empty), "{error}");
    let both = ClientFiles { certificate: Some(certificate), key: Some(key), ..files.client(&ca) };
    let shown = format!("{:?}", open(both).unwrap());
    assert!(shown.contains("me.pem") && !shown.contains("BEGIN"), "{shown}");
}
