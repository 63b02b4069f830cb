//! `mapek check --live` against a real Prometheus and a real Alertmanager that let nobody in without a certificate.

#[cfg(test)]
#[path = "support/certificates.rs"]
mod certificates;
#[cfg(test)]
#[expect(dead_code, reason = "other tests need more of it")]
mod support;

use certificates::{Certificates, shown};
use mapek_testkit::{Alertmanager, Prometheus};
use support::{free_port, mapek, ran};

#[tokio::test(flavor = "multi_thread")]
async fn both_know_us_by_our_certificate_and_we_them_by_their_names() {
    let certificates = Certificates::new();
    let tester = certificates.sign("spiffe://prod/tester", |_| {});
    let web_config = |name: &str| {
        let signed = certificates.sign(&format!("spiffe://prod/{name}"), |_| {});
        let (certificate, key) = certificates.write(name, &signed);
        let text = format!(
            "tls_server_config: {{cert_file: '{}', key_file: '{}', client_ca_file: '{}', \
             client_auth_type: RequireAndVerifyClientCert}}\n",
            shown(&certificate),
            shown(&key),
            shown(&certificates.ca()),
        );
        let path = certificates.path(&format!("{name}.web.yml"));
        std::fs::write(&path, text).unwrap();
        path
    };
    certificates.write("mapek", &certificates.sign("spiffe://prod/mapek", |_| {}));
    let webhook = free_port();
    let [prometheus_web, alertmanager_web] = ["prometheus", "alertmanager"].map(web_config);
    let client = certificates.reqwest(&tester);
    let prometheus = Prometheus::builder().tls(&prometheus_web, client.clone());
    let alertmanager = format!(
        "route: {{receiver: mapek, group_by: ['...'], group_wait: 0s, group_interval: 1s}}\n\
         receivers:\n  - name: mapek\n    webhook_configs:\n      - url: https://127.0.0.1:{webhook}/webhooks/alerts\n        \
         http_config: {{tls_config: {{ca_file: '{}', cert_file: '{}', key_file: '{}'}}}}\n",
        shown(&certificates.ca()),
        shown(&certificates.path("alertmanager.pem")),
        shown(&certificates.path("alertmanager.key")),
    );
    let alertmanager = Alertmanager::builder().config(alertmanager).tls(&alertmanager_web, client);
    let (prometheus, alertmanager) = tokio::join!(prometheus.start(), alertmanager.start());
    let (prometheus, alertmanager) = (prometheus.unwrap(), alertmanager.unwrap());

    let config = certificates.path("mapek.yaml");
    let check = async |monitor: &str, alertmanager_tls: &str| {
        let [certificate, key] = ["mapek.pem", "mapek.key"].map(|it| shown(&certificates.path(it)));
        let text = format!(
            "monitor: {{prometheus_url: '{}', tls: {monitor}}}\n\
             staging: {{use_mock_charter: true}}\n\
             execute: {{state_dir: '{}'}}\n\
             alertmanager:\n  url: '{}'\n  webhook_port: {webhook}\n  tls: {alertmanager_tls}\n  \
             webhook_tls: {{certificate_file: '{certificate}', key_file: '{key}', client_ca_file: '{}',\n    \
               identities: [{{name: am, role: viewer, uri: 'spiffe://prod/alertmanager'}}]}}\n",
            prometheus.url(),
            shown(&certificates.path("state")),
            alertmanager.url(),
            shown(&certificates.ca()),
        );
        std::fs::write(&config, text).unwrap();
        ran(mapek(&["check", "--live", "-c", &shown(&config)]), "").await.out
    };
    let to = |name: &str| certificates.client("mapek", &format!("spiffe://prod/{name}"));

    let good = check(&to("prometheus"), &to("alertmanager")).await;
    for line in [
        "ok    prometheus",
        "ok    alertmanager",
        "ok    webhook       the test alert arrived",
        "ok    certificate   alertmanager.webhook_tls: valid until",
    ] {
        assert!(good.contains(line), "{line} is not in {good}");
    }

    // Each of them is somebody else than expected, or we show nothing.
    let swapped =
        check(&to("alertmanager"), &format!("{{ca_file: '{}'}}", shown(&certificates.ca()))).await;
    let line = |subject: &str| {
        let found = swapped.lines().find(|line| line.starts_with(&format!("FAIL  {subject}")));
        found.unwrap_or_else(|| panic!("{subject} is well in {swapped}")).to_owned()
    };
    let prometheus = line("prometheus");
    let words = "the server 127.0.0.1 shows a certificate of spiffe://prod/prometheus, and spiffe://prod/alertmanager is expected";
    assert!(prometheus.contains(words), "{prometheus}");
    // What it says then is for Go, and for the moment, to choose.
    line("alertmanager");
}
