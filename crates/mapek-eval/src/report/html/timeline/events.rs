//! What happens at a moment: actions, what took them back, and what was said to people and by them.

use mapek_model::Way;

use crate::{CallRecord, CallResult, Trace, words};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Event {
    /// When, in seconds.
    pub(in super::super) at_s: f64,
    pub(in super::super) kind: EventKind,
    pub(in super::super) words: String,
    /// How often, one after the other.
    pub(in super::super) times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum EventKind {
    /// The plant was changed.
    Done,
    /// A change was taken back.
    Undone,
    /// A change was refused.
    Refused,
    /// People were told.
    Told,
    /// Somebody answered.
    Answered,
}

/// All that happened, in order; what people are told again and again is told once.
pub(in super::super) fn events(trace: &Trace) -> Vec<Event> {
    let calls = trace.calls.iter().map(call);
    let mut events: Vec<Event> = calls.collect();
    for (kind, texts) in [
        (EventKind::Told, trace.looks.iter().map(|it| &it.escalations).collect::<Vec<_>>()),
        (EventKind::Answered, trace.looks.iter().map(|it| &it.answered).collect()),
    ] {
        let mut last: Option<Event> = None;
        for (look, texts) in trace.looks.iter().zip(texts) {
            for words in texts {
                match &mut last {
                    Some(event) if event.words == *words => event.times += 1,
                    _ => {
                        let event = Event { at_s: look.at_s, kind, words: words.clone(), times: 1 };
                        events.extend(last.replace(event));
                    }
                }
            }
        }
        events.extend(last);
    }
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    events
}

fn call(call: &CallRecord) -> Event {
    let what = words(&call.mutation);
    let back = call.step.is_some_and(|it| it.way == Way::Undo);
    let (kind, words) = match call.result {
        CallResult::Refused => (EventKind::Refused, format!("{what}: refused")),
        _ if back => (EventKind::Undone, format!("undo: {what}")),
        CallResult::Applied => (EventKind::Done, what),
        CallResult::Lost => (EventKind::Done, format!("{what} (answer lost)")),
    };
    Event { at_s: call.at_s, kind, words, times: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::drawn;

    #[test]
    fn all_that_happened_is_told_once_and_in_order() {
        let events = events(&drawn().steered);
        let told: Vec<_> = events.iter().map(|it| (it.at_s, it.words.as_str(), it.times)).collect();
        let wanted = [
            (450.0, "scale to 8", 1),
            (960.0, "restart validator-2: refused", 1),
            (990.0, "scale to 11", 1),
            (1_050.0, "undo: scale to 8", 1),
            (1_080.0, "approved a plan against policy-misconfiguration", 1),
            (1_085.0, "roll privacy-baseline back (answer lost)", 1),
            (1_890.0, "too few sensors can be trusted to act on them", 6),
        ];
        assert_eq!(told, wanted);
    }
}
