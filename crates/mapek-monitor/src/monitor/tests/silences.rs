//! What people silence, as the monitor hands it on.

use mapek_model::{Labels, Silences};

use super::*;
use crate::{AlertMapping, Covers, HeardSilence, SilenceFeed};

/// The silences that are in force; nothing if they cannot be read.
#[derive(Debug, Default)]
struct Silencer(Mutex<Option<Vec<HeardSilence>>>);

#[async_trait]
impl SilenceFeed for Silencer {
    async fn silences(&self, _: Timestamp) -> Result<Vec<HeardSilence>, Error> {
        let silences = self.0.lock().unwrap().clone();
        silences.ok_or_else(|| Error::timeout("alertmanager", "silences"))
    }
}

fn on(name: &'static str, value: &'static str) -> HeardSilence {
    HeardSilence {
        id: format!("{name}={value}"),
        by: "ada".to_owned(),
        comment: "maintenance".to_owned(),
        until: at(1000),
        covers: Covers::new(move |labels| labels.get(name) == Some(value)),
    }
}

fn covered(seen: &Observation) -> Vec<&str> {
    let silences = seen.silences.as_ref().unwrap();
    silences.active.iter().map(|silence| silence.id.as_str()).collect()
}

#[tokio::test]
async fn an_episode_is_silenced_by_what_any_of_its_sources_says_of_it() {
    let silencer = Arc::new(Silencer::default());
    let mapping =
        AlertMapping { expectation: Some(rule().expectation()), ..AlertMapping::default() };
    let config = MonitorConfig { alerts: [("TooSlow".to_owned(), mapping)].into(), ..config() };
    let mut bench = Bench::new(config.clone());
    bench.monitor = Monitor::builder(config)
        .metrics(bench.script.clone())
        .feed(bench.feed.clone())
        .silences(silencer.clone())
        .build()
        .unwrap();
    bench.script.say(BREACH, Say::Values(vec![("", 2.0)]));
    let never = bench.cycle(0).await.silences;
    assert_eq!(never, Some(Silences { active: Vec::new(), unknown_for: u32::MAX }));

    let all = ["alertname=slow", "alertname=TooSlow", "severity=critical"];
    let [rule, alert_to_come, label_of_alert] =
        [on("alertname", "slow"), on("alertname", "TooSlow"), on("severity", "critical")];
    *silencer.0.lock().unwrap() = Some(vec![rule, alert_to_come, label_of_alert]);
    let seen = bench.cycle(30).await;
    assert_eq!(covered(&seen), [all[1], all[0]], "by the alert's name before it fires");
    let slow = seen.open[0].fingerprint();
    assert!(seen.silences.unwrap().active.iter().all(|it| it.covers == [slow].into()));
    bench.feed(vec![alert("TooSlow", AlertStatus::Firing, 40)]);
    assert_eq!(covered(&bench.cycle(60).await), [all[1], all[0], all[2]]);

    *silencer.0.lock().unwrap() = None;
    let seen = bench.cycle(90).await;
    assert_eq!(covered(&seen).len(), 3, "what was known holds");
    assert_eq!(seen.silences.unwrap().unknown_for, 1);
    assert_eq!(seen.open.len(), 1, "and is seen as before");
}

#[tokio::test]
async fn nobody_to_ask_is_not_nobody_who_answers() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.cycle(0).await.silences, None);
    let labels: Labels = [("a", "b")].into_iter().collect();
    assert!(on("a", "b").covers.labels(&labels) && !on("a", "c").covers.labels(&labels));
}
