//! Plots of what was measured, with what was done meanwhile: for *Timeline*, and around a cycle for *Why*.

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{Chronicle, CycleReport, Episode, NoPlanning, Track};
use mapek_model::{
    Duration, Execution, ExecutionId, Fingerprint, Timestamp, Way, earlier, later, since,
};
use maud::{Markup, html};

use super::{
    cx::Cx,
    plot::{Across, Band, Kind, Mark, Panel, Part},
};
use crate::api::history::{Table, unit};

/// Buckets of a plot beside a cycle.
const ROWS_MAX: usize = 240;
/// Plots beside a cycle: those that its plan speaks of come first.
const PLOTS_MAX: usize = 8;
/// How much is shown before the first violation, and after the outcome.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// And where nothing was done, around the cycle.
const AROUND: Duration = Duration::from_secs(15 * 60);

/// A value over a span of time, with what it breached and what was done.
pub(super) fn panel(
    id: &str,
    name: &str,
    across: Across,
    table: &Table,
    chronicle: &Chronicle,
) -> Markup {
    let bands = breached(name, across, chronicle);
    let tracks = chronicle.tracks(across.from(), across.to());
    let marks: Vec<_> = tracks.iter().flat_map(|it| marks_of(it)).collect();
    show(id, name, across, table, (&bands, &marks), chronicle)
}

fn show(
    id: &str,
    name: &str,
    across: Across,
    table: &Table,
    (bands, marks): (&[Band], &[Mark]),
    chronicle: &Chronicle,
) -> Markup {
    let points: Vec<_> = table.column(name).collect();
    let threshold = threshold(name, across, chronicle);
    let id = id.to_owned();
    Panel { id, name, unit: unit(name), across, points: &points, threshold, bands, marks }.show()
}

/// What a value must not cross, by the newest episode that says so: of a day, for thresholds outlast what is in sight.
fn threshold(name: &str, across: Across, chronicle: &Chronicle) -> Option<f64> {
    let episodes = chronicle.episodes(earlier(across.from(), Chronicle::AGE_MAX), across.to());
    episodes.iter().rev().filter(|it| it.speaks_of(name)).find_map(|it| it.threshold)
}

fn breached(name: &str, across: Across, chronicle: &Chronicle) -> Vec<Band> {
    let episodes = chronicle.episodes(across.from(), across.to());
    let about = episodes.iter().filter(|it| it.speaks_of(name));
    let band = |it: &Arc<Episode>| Band {
        from: it.from,
        to: it.to,
        part: Part::Breached,
        text: format!("{} ({})", it.expectation, it.severity),
    };
    about.map(band).collect()
}

/// What is marked of an execution on the axis of time.
pub(super) fn marks_of(track: &Track) -> Vec<Mark> {
    let step = |index: usize| track.steps.get(index).map_or("a step", |it| it);
    let marks = track.marks.iter().filter_map(|mark| {
        let what = mark.step.map(|it| step(usize::from(it.0))).unwrap_or_default();
        let detail = mark.detail.as_deref().unwrap_or_default();
        let (kind, text) = match (mark.event, mark.way) {
            ("started", _) => (Kind::Start, format!("began: {}", track.steps.join(", then "))),
            ("applied", Some(Way::Undo)) => (Kind::Undo, format!("undone: {what}")),
            ("applied", _) => (Kind::Step, format!("in effect: {what}")),
            ("refused", _) => (Kind::Trouble, format!("refused: {what}: {detail}")),
            ("unclear", _) => (Kind::Trouble, format!("unclear: {what}: {detail}")),
            ("undo_began", _) => (Kind::Undo, format!("undo began: {detail}")),
            ("judged", _) => (Kind::Judged, format!("its effect: {detail}")),
            ("ended", _) => (Kind::End, format!("ended: {}", detail.replace('_', " "))),
            ("closed", _) => (Kind::End, "closed by a person".to_owned()),
            _ => return None,
        };
        let at = super::plot::clock_of(mark.at);
        Some(Mark { at: mark.at, kind, text: format!("{at} UTC, {text}") })
    });
    marks.collect()
}

/// The plots of a cycle: what its plan is about before, during and after what was done; or, where nothing was done, what was breached.
/// Nothing where nothing was wrong, or is remembered.
pub(super) fn around(cx: &Cx, report: &CycleReport) -> Markup {
    let chronicle = &cx.state.chronicle;
    let executions = touched(report);
    let track = executions.iter().find_map(|id| chronicle.track(*id));
    let execution = executions.iter().find_map(|id| cx.state.executions.get(id));
    let Some((from, to)) = window(cx, report, track.as_deref(), execution) else { return html! {} };
    let across = Across::new(from, to);
    let none = BTreeSet::new();
    let table = Table::of(chronicle, (from, to), None, ROWS_MAX, &none, usize::MAX);
    let episodes = chronicle.episodes(from, to);
    let about: Vec<_> = episodes.iter().filter(|it| explains(execution, it)).collect();
    let mut names: Vec<_> =
        table.names.iter().filter(|name| is_named(execution, &about, name)).collect();
    names.truncate(PLOTS_MAX);
    if names.is_empty() {
        return html! {};
    }
    let (bands, marks) = match track.as_deref() {
        Some(track) => parts(track, across),
        None => {
            let tracks = chronicle.tracks(from, to);
            (Vec::new(), tracks.iter().flat_map(|it| marks_of(it)).collect())
        }
    };
    html! {
        div.plots data-plots data-from=(from) data-to=(to) {
            @for (place, name) in names.iter().enumerate() {
                @let breached = breached(name, across, chronicle);
                @let bands = [breached, bands.clone()].concat();
                (show(&format!("why-{place}"), name, across, &table, (&bands, &marks), chronicle))
            }
        }
        p.sub { a href=(cx.href(&format!("/timeline?from={from}&to={to}"))) { "This time on the timeline" } }
    }
}

/// The executions that a cycle has to do with.
fn touched(report: &CycleReport) -> Vec<ExecutionId> {
    let begun = report.decisions.iter().filter_map(|it| it.execution);
    let awaited = match report.no_planning {
        Some(NoPlanning::Awaits { execution }) => Some(execution),
        _ => None,
    };
    begun.chain(report.progress.iter().map(|it| it.state.id)).chain(awaited).collect()
}

/// From some minutes before the first violation until some after the outcome, and no further than anything is known.
fn window(
    cx: &Cx,
    report: &CycleReport,
    track: Option<&Track>,
    execution: Option<&Execution>,
) -> Option<(Timestamp, Timestamp)> {
    let newest = cx.state.last()?.at;
    let (Some(track), Some(execution)) = (track, execution) else {
        let open = !report.seen.open.is_empty() || !report.seen.closed.is_empty();
        return open.then(|| {
            (earlier(report.at, AROUND), later(report.at, AROUND).min(newest.max(report.at)))
        });
    };
    let began = track.from()?;
    let onsets = execution.plan.explains.iter().map(|it| it.onset);
    let first = onsets.min().unwrap_or(began).min(began);
    // What is held for hours would make all that counts a line: its end is left to the timeline.
    let judged = execution.judgement.as_ref().map(|it| it.at);
    let end = track.to().or(judged).unwrap_or(newest);
    let end = judged.map_or(end, |judged| end.min(later(judged, AROUND)));
    let from = earlier(first, MARGIN);
    // A breach of days does not need all of them.
    let from = from.max(earlier(began, Chronicle::AGE_MAX / 8));
    let to = later(end, MARGIN.max(since(end, began) / 4));
    Some((from, to.min(newest.max(end))))
}

/// Whether an episode is one that an execution treats; without one, all are.
fn explains(execution: Option<&Execution>, episode: &Episode) -> bool {
    let Some(execution) = execution else { return true };
    let own = Fingerprint::of_breach(&episode.expectation, episode.component.as_ref());
    execution.plan.explains.iter().any(|key| key.fingerprint == own)
}

/// Whether a value is what a plan is about: what it explains, its symptoms, and what is guarded while it runs.
fn is_named(execution: Option<&Execution>, about: &[&Arc<Episode>], value: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let spoken_of = about.iter().any(|it| it.speaks_of(value));
    let plan = execution.map(|it| &it.plan);
    let symptom = plan.is_some_and(|it| {
        it.symptoms.iter().any(|pattern| plain(pattern.as_str()).contains(&plain(value)))
    });
    spoken_of || symptom || execution.is_some_and(|it| is_guarded(it, value))
}

/// Whether a value was guarded while an execution ran: as it was judged, or else as it began. Where the journal is older than that, by what
/// the plan says itself.
fn is_guarded(execution: &Execution, value: &str) -> bool {
    let judged = execution.judgement.as_ref().map(|it| &it.after.guarded);
    let known = judged.filter(|it| !it.is_empty()).unwrap_or(&execution.before.guarded);
    let own = execution.plan.verification.iter().flat_map(|it| &it.guards);
    known.contains(value) || (known.is_empty() && own.into_iter().any(|it| it.value == value))
}

/// Before, during and after an execution, and what is marked of it.
fn parts(track: &Track, across: Across) -> (Vec<Band>, Vec<Mark>) {
    let Some(began) = track.from() else { return Default::default() };
    let judged = track.marks.iter().find(|it| it.event == "judged").map(|it| it.at);
    let over = judged.or(track.to());
    let band = |from, to, part, text: &str| Band { from, to, part, text: text.to_owned() };
    let mut bands = vec![
        band(across.from(), Some(began), Part::Before, "before anything was done"),
        band(began, over, Part::During, "until its effect was known"),
    ];
    bands.extend(over.map(|over| band(over, None, Part::After, "after its effect was known")));
    (bands, marks_of(track))
}
