//! What is measured at one moment.

use std::collections::BTreeSet;

use mapek_model::{Course, Direction, Execution, Fingerprint, Measured, MetricName, Observation};

use super::{explained, open};

/// What is measured of an execution at one moment.
pub(super) fn measure(execution: &Execution, observation: &Observation) -> Measured {
    measure_for(&explained(&execution.plan), observation)
}

pub(crate) fn measure_for(
    explained: &BTreeSet<Fingerprint>,
    observation: &Observation,
) -> Measured {
    let open = open(observation);
    let explained_open = open.intersection(explained).count();
    let values = observation.values();
    let going = observation.trends.iter().filter(|trend| trend.direction != Direction::Steady);
    let slopes = going
        .filter_map(|trend| Some((MetricName::try_new(&trend.name).ok()?, trend.slope)))
        .filter(|(name, slope)| slope.is_finite() && values.contains_key(name))
        .collect();
    let courses = observation.open.iter().filter_map(|violation| {
        let fingerprint = violation.fingerprint();
        let (value, threshold) = (violation.value?, violation.threshold?);
        let slope = observation.slopes.get(&fingerprint).copied().unwrap_or(0.0);
        let finite = [value, threshold, slope].iter().all(|it| it.is_finite());
        (finite && explained.contains(&fingerprint))
            .then_some((fingerprint, Course { value, threshold, slope }))
    });
    Measured {
        explained_open: count(explained_open),
        other_open: count(open.len() - explained_open),
        slopes,
        courses: courses.collect(),
        values,
        guarded: BTreeSet::new(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
