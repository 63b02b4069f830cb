use super::*;
use crate::{AlertStateKind, AlertStatus, Labels, MockIntake};
use jiff::ToSpan;

fn start() -> Timestamp {
    "2026-11-20T10:00:00.123456789Z".parse().unwrap()
}

fn minutes(minutes: i64) -> Timestamp {
    start() + minutes.minutes()
}

fn alert(name: &str) -> PostableAlert {
    PostableAlert::new(Labels::from([("alertname", name), ("empty", "")]))
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Notification>>);

#[async_trait]
impl Intake for Recorder {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        self.0.lock().unwrap().push(delivery.notification);
        Ok(())
    }
}

fn recorded() -> (InMemoryAlertmanager, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let intake: Arc<dyn Intake> = Arc::<Recorder>::clone(&recorder);
    (InMemoryAlertmanager::new(start()).with_receiver("loop").with_intake(intake), recorder)
}

fn last(recorder: &Recorder) -> Vec<(String, AlertStatus)> {
    let notifications = recorder.0.lock().unwrap();
    let alerts = notifications.last().unwrap().alerts.iter();
    alerts.map(|alert| (alert.labels.value("alertname").to_owned(), alert.status)).collect()
}

async fn silence(alertmanager: &InMemoryAlertmanager, matchers: &str, until: i64) -> SilenceId {
    let matchers = matchers.parse().unwrap();
    let silence = PostableSilence::new(&matchers, start(), minutes(until), "me", "why");
    alertmanager.post_silence(&silence).await.unwrap()
}

#[tokio::test]
async fn tells_news_once_and_the_whole_group_with_it() {
    let (alertmanager, recorder) = recorded();
    assert!(!alertmanager.flush().await.unwrap());
    alertmanager.inject(&alert("A")).unwrap();
    assert!(alertmanager.flush().await.unwrap());
    assert!(!alertmanager.flush().await.unwrap());
    alertmanager.inject(&alert("B")).unwrap();
    alertmanager.inject(&alert("A").resolved(minutes(0))).unwrap();
    assert!(alertmanager.flush().await.unwrap());
    let mut alerts = last(&recorder);
    alerts.sort();
    assert_eq!(alerts, [("A".into(), AlertStatus::Resolved), ("B".into(), AlertStatus::Firing)]);
    assert!(!alertmanager.flush().await.unwrap());
    assert_eq!(recorder.0.lock().unwrap()[0].receiver, "loop");
}

#[tokio::test]
async fn an_alert_nobody_tells_of_again_resolves_after_five_minutes() {
    let (alertmanager, recorder) = recorded();
    alertmanager.inject(&alert("A")).unwrap();
    alertmanager.flush().await.unwrap();
    alertmanager.advance_to(minutes(4));
    alertmanager.inject(&alert("A")).unwrap();
    alertmanager.advance_to(minutes(8));
    assert!(!alertmanager.flush().await.unwrap(), "the same incident, prolonged");
    alertmanager.advance_to(minutes(9));
    assert!(alertmanager.flush().await.unwrap());
    assert_eq!(last(&recorder), [("A".into(), AlertStatus::Resolved)]);
}

#[tokio::test]
async fn what_is_not_taken_over_is_told_again() {
    let mut intake = MockIntake::new();
    let mut sequence = mockall::Sequence::new();
    let mut expect = |answer: fn() -> Result<(), IntakeError>| {
        intake.expect_accept().times(1).in_sequence(&mut sequence).returning(move |_| answer());
    };
    expect(|| Err(IntakeError::full()));
    expect(|| Ok(()));
    let alertmanager = InMemoryAlertmanager::new(start()).with_intake(Arc::new(intake));
    alertmanager.inject(&alert("A")).unwrap();
    assert!(alertmanager.flush().await.is_err());
    assert!(alertmanager.flush().await.unwrap());
}

#[tokio::test]
async fn a_silence_hides_from_the_webhook_but_not_from_the_api() {
    let (alertmanager, recorder) = recorded();
    alertmanager.inject(&alert("A")).unwrap();
    alertmanager.flush().await.unwrap();
    let id = silence(&alertmanager, "alertname=~A|B", 60).await;
    alertmanager.inject(&alert("B")).unwrap();
    assert!(!alertmanager.flush().await.unwrap());

    let filter = AlertFilter { active: false, ..AlertFilter::default() };
    let silenced = alertmanager.alerts(&filter).await.unwrap();
    assert_eq!(silenced.len(), 2);
    assert_eq!(silenced[0].status.state, AlertStateKind::Suppressed);
    assert_eq!(silenced[0].status.silenced_by, [id.to_string()]);
    let filter = AlertFilter { silenced: false, ..AlertFilter::default() };
    assert!(alertmanager.alerts(&filter).await.unwrap().is_empty());

    // A ends in silence: its end is never told.
    alertmanager.inject(&alert("A").resolved(minutes(0))).unwrap();
    alertmanager.flush().await.unwrap();
    alertmanager.delete_silence(&id).await.unwrap();
    alertmanager.flush().await.unwrap();
    assert_eq!(last(&recorder), [("B".into(), AlertStatus::Firing)]);
}

#[tokio::test]
async fn silences_live_pend_and_expire() {
    let alertmanager = InMemoryAlertmanager::new(start());
    let id = silence(&alertmanager, r#"alertname="A",job!="x""#, 10).await;
    let later = PostableSilence::new(&"b=c".parse().unwrap(), minutes(5), minutes(6), "me", "why");
    alertmanager.post_silence(&later).await.unwrap();
    let states = async || -> Vec<_> {
        let silences = alertmanager.silences(&Matchers::any()).await.unwrap();
        silences.iter().map(|silence| silence.status.state).collect()
    };
    use crate::SilenceState::{Active, Expired, Pending};
    assert_eq!(states().await, [Active, Pending]);
    alertmanager.advance_to(minutes(5));
    assert_eq!(states().await, [Active, Active]);
    alertmanager.advance_to(minutes(6));
    assert_eq!(states().await, [Active, Expired]);
    alertmanager.delete_silence(&id).await.unwrap();
    assert_eq!(states().await, [Expired, Expired]);
    alertmanager.delete_silence(&id).await.unwrap();

    let named = alertmanager.silences(&"job!=x".parse().unwrap()).await.unwrap();
    assert_eq!(named.len(), 1);
    assert!(!named[0].is_active());
    assert_eq!(named[0].to_matchers().unwrap().to_string(), r#"{alertname="A",job!="x"}"#);
}

#[tokio::test]
async fn refuses_what_alertmanager_refuses() {
    let alertmanager = InMemoryAlertmanager::new(start());
    let refused = |error: Error| matches!(error, Error::Refused { status: 400, .. });
    let mut backwards = alert("A").resolved(minutes(1));
    backwards.starts_at = Some(minutes(2));
    assert!(refused(alertmanager.inject(&backwards).unwrap_err()));
    let nameless = PostableAlert::new(Labels::from([("a", "")]));
    assert!(refused(alertmanager.inject(&nameless).unwrap_err()));
    // The valid ones of a list are kept.
    assert!(alertmanager.post_alerts(&[nameless, alert("B")]).await.is_err());
    assert_eq!(alertmanager.alerts(&AlertFilter::default()).await.unwrap().len(), 1);

    let post = async |matchers: &str, end| {
        let silence =
            PostableSilence::new(&matchers.parse().unwrap(), start(), minutes(end), "me", "why");
        alertmanager.post_silence(&silence).await
    };
    assert!(refused(post("a=~.*", 5).await.unwrap_err()));
    assert!(refused(post("", 5).await.unwrap_err()));
    assert!(refused(post("a=b", 0).await.unwrap_err()));
    let unknown = SilenceId::try_new("nobody").unwrap();
    let error = alertmanager.delete_silence(&unknown).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchSilence { .. }));
}

#[tokio::test]
async fn the_api_shows_milliseconds_and_yet_the_same_key() {
    let (alertmanager, recorder) = recorded();
    let key = alertmanager.inject(&alert("A")).unwrap();
    alertmanager.flush().await.unwrap();
    let shown = alertmanager.alerts(&AlertFilter::default()).await.unwrap().remove(0);
    assert_eq!(shown.starts_at.to_string(), "2026-11-20T10:00:00.123Z");
    assert_eq!(shown.dedupe_key(), key);
    let told = recorder.0.lock().unwrap()[0].alerts[0].clone();
    assert_eq!(told.starts_at, start());
    assert_eq!(told.dedupe_key(), key);
}

#[tokio::test]
async fn a_start_moves_earlier_within_an_incident_and_later_only_after_its_end() {
    let alertmanager = InMemoryAlertmanager::new(minutes(10));
    let from = |minute| PostableAlert { starts_at: Some(minutes(minute)), ..alert("A") };
    alertmanager.inject(&from(5)).unwrap();
    assert_eq!(
        alertmanager.inject(&from(3)).unwrap().starts_at(),
        crate::wire::to_millisecond(minutes(3))
    );
    assert_eq!(
        alertmanager.inject(&from(8)).unwrap().starts_at(),
        crate::wire::to_millisecond(minutes(3))
    );
    alertmanager.inject(&from(8).resolved(minutes(9))).unwrap();
    assert_eq!(
        alertmanager.inject(&from(10)).unwrap().starts_at(),
        crate::wire::to_millisecond(minutes(10))
    );
}

#[tokio::test]
async fn filters_by_labels_and_by_receiver() {
    let alertmanager = InMemoryAlertmanager::new(start()).with_receiver("mapek-loop");
    alertmanager.inject(&alert("A")).unwrap();
    alertmanager.inject(&alert("B")).unwrap();
    let count = async |matchers: &str, receiver: Option<&str>| {
        let receiver = receiver.map(str::to_owned);
        let filter = AlertFilter { receiver, ..AlertFilter::matching(matchers.parse().unwrap()) };
        alertmanager.alerts(&filter).await.map(|alerts| alerts.len())
    };
    assert_eq!(count("alertname=A", None).await.unwrap(), 1);
    assert_eq!(count("", Some("mapek-.*")).await.unwrap(), 2);
    assert_eq!(count("", Some("mapek")).await.unwrap(), 0);
    assert!(count("", Some("(")).await.is_err());
    assert_eq!(alertmanager.receivers().await.unwrap(), ["mapek-loop"]);
    assert_eq!(alertmanager.status().await.unwrap().cluster.status, "disabled");
    alertmanager.ready().await.unwrap();
}
