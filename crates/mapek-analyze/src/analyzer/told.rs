//! What people are told: the risk, and what they might do.

use mapek_model::{EpisodeKey, Finding, FindingKind, RankedCause, Risk, Severity};

use crate::{
    Expected, Window,
    infer::{Candidate, Posterior},
};

/// Components that are breached at once from which on a warning has spread.
const SPREAD_MIN: usize = 3;

/// How bad it gets if it is left alone: critical is high; a warning is medium, and high where it spreads in a burst; info
/// is low, and medium in a burst.
pub(super) fn risk(worst: Severity, window: &Window<'_>, findings: &[Finding]) -> Risk {
    let burst = findings.iter().any(|it| it.kind == FindingKind::Temporal);
    let mut places: Vec<_> = window.open().iter().filter_map(|it| window.component(it)).collect();
    places.sort_unstable();
    places.dedup();
    match worst {
        Severity::Critical => Risk::High,
        Severity::Warning if burst && places.len() >= SPREAD_MIN => Risk::High,
        Severity::Warning => Risk::Medium,
        Severity::Info if burst => Risk::Medium,
        Severity::Info => Risk::Low,
    }
}

/// What to do about a cause that is being treated.
pub(super) fn wait_for(cause: &RankedCause) -> String {
    let RankedCause { cause, confidence, .. } = cause;
    format!("{cause} ({:.2}): wait for what its treatment does", confidence.get())
}

/// Most causes that recommendations are made for; nobody treats more at once.
const CAUSES_MAX: usize = 3;

pub(super) fn recommendations(
    causes: &[(&Candidate<'_>, RankedCause)],
    unexplained: &[EpisodeKey],
    posterior: &Posterior<'_>,
    expected: &[Expected],
) -> Vec<String> {
    let mut told: Vec<String> = causes
        .iter()
        .take(CAUSES_MAX)
        .flat_map(|(candidate, ranked)| {
            let cause = &ranked.cause;
            candidate.signature.remedies.iter().map(move |remedy| {
                format!(
                    "{cause} ({:.2}): {} ({})",
                    ranked.confidence.get(),
                    remedy.words,
                    remedy.action
                )
            })
        })
        .collect();
    if !unexplained.is_empty() {
        told.push(format!(
            "{} open episodes have no known cause: a person should look at them{}",
            unexplained.len(),
            nearest(posterior)
        ));
    }
    let mut reasons: Vec<_> = expected.iter().map(Expected::reason).collect();
    reasons.dedup();
    told.extend(
        reasons.into_iter().map(|it| format!("nothing to do about what is expected: {it}")),
    );
    told
}

/// The causes that come nearest to explaining what is not explained.
fn nearest(posterior: &Posterior<'_>) -> String {
    let mut near: Vec<(f64, &str)> = posterior
        .candidates
        .iter()
        .filter_map(|it| {
            let open = it.shares.iter().zip(&posterior.explained).filter(|(_, known)| !**known);
            let share = open.map(|(share, _)| *share).fold(0.0, f64::max);
            (share > 0.0).then(|| (share, it.signature.kind.as_str()))
        })
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let words: Vec<_> =
        near.iter().take(CAUSES_MAX).map(|(share, kind)| format!("{kind} ({share:.2})")).collect();
    if words.is_empty() { String::new() } else { format!("; nearest are {}", words.join(", ")) }
}
