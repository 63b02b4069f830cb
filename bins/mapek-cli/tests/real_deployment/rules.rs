//! Alert rules and the routes of what fires.

use std::collections::BTreeSet;

use mapek::notify::{Alerts, Kind};
use serde_json::Value;

use crate::{
    files::{content, root, strings, text, tool, yaml},
    support::{mapek, ran},
};

const RULES: [&str; 2] =
    ["prometheus/rules/charter.rules.yml", "prometheus/rules/mape-k.rules.yml"];
const TESTS: [&str; 2] = ["prometheus/tests/charter.test.yml", "prometheus/tests/mape-k.test.yml"];

fn rules(file: &str) -> Vec<Value> {
    let file = yaml(file);
    file["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["rules"].as_array().unwrap().clone())
        .collect()
}

fn all_rules() -> Vec<Value> {
    RULES.into_iter().flat_map(rules).collect()
}

/// A duration as the rules write it: `5m`; nothing is at once.
fn seconds(text: &Value) -> u64 {
    let Some(text) = text.as_str() else { return 0 };
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => panic!("{other} is no unit that the rules use"),
    };
    number.parse::<u64>().unwrap() * unit
}

#[test]
fn alerts_on_charter_are_those_that_the_loop_is_evaluated_with() {
    let shipped = rules(RULES[0]);
    let known = mapek_eval::charter_rules();
    assert_eq!((shipped.len(), known.len()), (11, 11));
    for (shipped, known) in shipped.iter().zip(&known) {
        assert_eq!(shipped["alert"], known.alert.as_str());
        assert_eq!(shipped["expr"], known.query.as_str(), "{}", known.alert);
        assert_eq!(seconds(&shipped["for"]), known.lasts.as_secs(), "{}", known.alert);
        assert_eq!(shipped["labels"]["severity"], known.severity.as_str(), "{}", known.alert);
    }
}

#[test]
fn every_alert_says_whose_it_is_and_what_to_do() {
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let link = "https://github.com/mapek/mapek/blob/main/docs/runbook.md#";
    let rules = all_rules();
    assert_eq!(rules.len(), 19);
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        let label = |label: &str| rule["labels"][label].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&label("severity")), "{name}");
        assert!(["security", "sre"].contains(&label("team")), "{name}");
        let note = |note: &str| rule["annotations"][note].as_str().unwrap_or_default();
        assert!(!note("summary").is_empty() && note("description").ends_with('.'), "{name}");
        let place = note("runbook_url").strip_prefix(link).unwrap_or_default();
        let row = format!("| <a id=\"{place}\"></a>`{name}` |");
        assert!(runbook.contains(&row), "docs/runbook.md has no row {row}");
    }
}

#[tokio::test]
async fn rules_hold_in_prometheus_and_in_the_embedded_source() {
    content("promtool", &[&["check", "rules"], &RULES[..]].concat()).await;
    content("promtool", &[&["test", "rules"], &TESTS[..]].concat()).await;
    content("promtool", &["check", "config", "prometheus/prometheus.yml"]).await;
    for file in TESTS {
        let path = crate::files::deploy().join(file);
        let told = ran(mapek(&["rules", "test", path.to_str().unwrap()]), "").await;
        assert_eq!(told.code, Some(0), "{told:?}");
    }
}

#[test]
fn every_alert_is_tried_when_it_fires_and_when_it_does_not() {
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for file in TESTS {
        let file = yaml(file);
        for case in file["tests"].as_array().unwrap() {
            for looked in case["alert_rule_test"].as_array().unwrap() {
                let name = looked["alertname"].as_str().unwrap().to_owned();
                if looked["exp_alerts"].is_array() {
                    fires.insert(name)
                } else {
                    rests.insert(name)
                };
            }
        }
    }
    let names: BTreeSet<_> =
        all_rules().iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    assert_eq!(fires, names);
    assert_eq!(rests, names);
}

const ROUTES: &str = "alertmanager/alertmanager.yml";

async fn receiver(labels: &[String]) -> String {
    let file = format!("--config.file={ROUTES}");
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    let asked = [&["config", "routes", "test", &file], &labels[..]].concat();
    content("amtool", &asked).await.out.trim().to_owned()
}

#[tokio::test]
async fn alerts_go_to_whom_they_are_for() {
    content("amtool", &["check-config", ROUTES]).await;
    let expected = |severity: &str, team: &str| match (severity, team) {
        ("critical", _) => "critical-security",
        ("warning", "security") => "security-warnings",
        ("warning", "sre") => "sre-warnings",
        ("info", _) => "info-alerts",
        _ => "default",
    };
    let mut reached = BTreeSet::new();
    for severity in ["critical", "warning", "info", "none"] {
        for team in ["security", "sre", "nobody"] {
            let labels = [format!("severity={severity}"), format!("team={team}")];
            let receiver = receiver(&labels).await;
            assert_eq!(receiver, expected(severity, team), "{labels:?}");
            reached.insert(receiver);
        }
    }
    let file = yaml(ROUTES);
    let named: BTreeSet<_> = file["receivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reached, named, "nobody waits for what never comes");
    assert_eq!(named.len(), 5);
    assert_eq!(receiver(&["alertname=MapekHeartbeat".to_owned()]).await, "default");
    for rule in all_rules() {
        let label = |label: &str| rule["labels"][label].as_str().unwrap().to_owned();
        let receiver = expected(&label("severity"), &label("team"));
        assert_ne!(receiver, "default", "{}", rule["alert"]);
    }
    // What the loop itself sends.
    for kind in Kind::ALL {
        let severity = kind.severity().as_str();
        let labels =
            [("alertname", kind.alertname()), ("severity", severity), ("team", Alerts::TEAM)]
                .map(|(name, value)| format!("{name}={value}"));
        let receiver = receiver(&labels).await;
        assert_eq!(receiver, expected(severity, Alerts::TEAM), "{kind}");
        assert_ne!(receiver, "default", "{kind}");
    }
    let kinds = Kind::ALL.map(Kind::alertname);
    let others: Vec<_> = Alerts::NAMES.into_iter().filter(|name| !kinds.contains(name)).collect();
    assert_eq!(others, ["MapekHeartbeat"]);
}

#[tokio::test]
async fn every_receiver_tells_the_loop_where_it_listens() {
    let show = ran(mapek(&["config", "show", "--json"]), "").await;
    let config: Value = serde_json::from_str(&show.out).unwrap();
    let section = &config["alertmanager"];
    let url = format!(
        "http://mape-k:{}{}",
        section["webhook_port"],
        section["webhook_path"].as_str().unwrap()
    );
    for receiver in yaml(ROUTES)["receivers"].as_array().unwrap() {
        let hooks = receiver["webhook_configs"].as_array().unwrap();
        assert_eq!(hooks.len(), 1, "{receiver}");
        assert_eq!(
            (&hooks[0]["url"], &hooks[0]["send_resolved"]),
            (&url.clone().into(), &true.into())
        );
    }
    // A mistake would be seen.
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("alertmanager.yml");
    std::fs::write(&wrong, text(ROUTES).replace("receiver: sre-warnings", "receiver: nobody"))
        .unwrap();
    assert_ne!(tool("amtool", &["check-config", wrong.to_str().unwrap()]).await.code, Some(0));
    assert!(
        strings(&yaml("prometheus/prometheus.yml")["rule_files"]).contains(&"rules/*.rules.yml")
    );
}
