//! What is sent happens in a span that says what it is.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use mapek_model::Way;
use tracing::{
    Event, Id, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};

use super::world::{Fault, Scene, custom, plan};

/// Each span with its fields, in the order in which they began.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

struct Told<'a>(&'a mut String);

impl Visit for Told<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Ids differ from run to run.
        if field.name() != "execution" {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = span.metadata().name().to_owned();
        span.record(&mut Told(&mut text));
        let mut seen = self.0.lock().unwrap();
        seen.push(text);
        Id::from_u64(seen.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn each_sending_of_a_step_is_a_span_either_way() {
    let seen = Seen::default();
    let _here = tracing::subscriber::set_default(seen.clone());
    // While only one listens, what another thread comes to first is judged by who listens there: nobody.
    let _second = tracing::Dispatch::new(seen.clone());
    let mut scene = Scene::new();
    for nth in 1..=4 {
        scene.world.fail("beta", Way::Do, nth, Fault::Transient);
    }
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    scene.finish().await;
    let spans = seen.0.lock().unwrap().clone();
    let beta = "action kind=beta step=1 way=do";
    let expected = [
        "action kind=alpha step=0 way=do",
        beta,
        beta,
        beta,
        beta,
        "action kind=alpha step=0 way=undo",
    ];
    assert_eq!(spans, expected);
}
