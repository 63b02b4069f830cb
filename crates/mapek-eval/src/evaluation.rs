//! From the scores of many runs to what an evaluation came to.

use std::collections::BTreeMap;

use crate::{
    ScenarioKind, Score, Stated,
    report::{BaselineResult, Evaluation, Figures, Meta, ScenarioResult, Spread, Totals},
    statistics::{CalibrationConfig, brier, calibration, median},
};

/// What the loop is held against by name.
const NOTHING: &str = "nothing";
const ORACLE: &str = "oracle";
const STATIC_RULES: &str = "static-rules";
const SEED_FORMULAS: &str = "seed-formulas";

/// Added to both sides of a ratio of losses, in seconds of a total outage: one look at the plant. Who loses next to nothing is not to
/// be called many times worse than who loses nothing.
const LOSS_FLOOR_S: f64 = 5.0;

/// What `meta.entrant` came to in `scores`, and all others beside it, by name. The order of the scores does not matter.
#[must_use]
pub fn evaluate(meta: Meta, scores: &[Score]) -> Evaluation {
    let losses = Losses::of(scores);
    let mut by_entrant: BTreeMap<&str, Vec<&Score>> = BTreeMap::new();
    for score in scores {
        by_entrant.entry(&score.entrant).or_default().push(score);
    }
    by_entrant.values_mut().for_each(|all| {
        all.sort_by(|a, b| (&a.scenario, a.seed).cmp(&(&b.scenario, b.seed)));
    });
    let judged = by_entrant.remove(meta.entrant.as_str()).unwrap_or_default();
    let stated = stated_by_scenario(&judged);
    let curve = calibration(&stated, CalibrationConfig::default());
    Evaluation {
        meta,
        totals: losses.totals(&judged),
        by_scenario: losses.by_scenario(&judged),
        baselines: by_entrant
            .into_iter()
            .map(|(entrant, scores)| BaselineResult {
                entrant: entrant.to_owned(),
                totals: losses.totals(&scores),
                by_scenario: losses.by_scenario(&scores),
            })
            .collect(),
        calibration: curve.map(|it| it.points).unwrap_or_default(),
    }
}

/// Of several ways to do it, each by an entrant of its own, the one that loses least in each scenario and seed, under one `name`.
///
/// It is how an oracle chooses that knows what each of its remedies would come to.
#[must_use]
pub fn best_of(name: &str, scores: impl IntoIterator<Item = Score>) -> Vec<Score> {
    let mut best: BTreeMap<(String, u64), Score> = BTreeMap::new();
    for score in scores {
        let key = (score.scenario.clone(), score.seed);
        let better = best.get(&key).is_none_or(|it| score.loss_s < it.loss_s);
        if better {
            best.insert(key, Score { entrant: name.to_owned(), ..score });
        }
    }
    best.into_values().collect()
}

/// What those lost that others are held against, by scenario and seed.
struct Losses<'a> {
    of: BTreeMap<(&'a str, &'a str, u64), f64>,
}

impl<'a> Losses<'a> {
    fn of(scores: &'a [Score]) -> Self {
        let references = [NOTHING, ORACLE, STATIC_RULES, SEED_FORMULAS];
        let named = |it: &&Score| references.contains(&it.entrant.as_str());
        let key = |it: &'a Score| (it.entrant.as_str(), it.scenario.as_str(), it.seed);
        Self { of: scores.iter().filter(named).map(|it| (key(it), it.loss_s)).collect() }
    }

    /// The median of what was lost as a multiple of what `reference` lost, where there was something to lose.
    fn median_ratio(&self, scores: &[&Score], reference: &str) -> Option<f64> {
        let ratios: Vec<f64> = scores
            .iter()
            .filter(|it| it.kind == ScenarioKind::Fault)
            .filter_map(|it| {
                let its = self.of.get(&(reference, it.scenario.as_str(), it.seed))?;
                Some((it.loss_s + LOSS_FLOOR_S) / (its + LOSS_FLOOR_S))
            })
            .collect();
        median(&ratios)
    }

    fn figures(&self, scores: &[&Score]) -> Figures {
        let wrong = || scores.iter().filter(|it| it.kind != ScenarioKind::Control);
        let stated: Vec<Stated> = scores.iter().flat_map(|it| it.stated.iter().copied()).collect();
        let losses: Vec<f64> = scores.iter().map(|it| it.loss_s).collect();
        let times = |of: &dyn Fn(&Score) -> Option<f64>| -> Vec<f64> {
            scores.iter().filter_map(|it| of(it)).collect()
        };
        let sum = |of: &dyn Fn(&Score) -> u32| scores.iter().map(|it| u64::from(of(it))).sum();
        let controls = scores.iter().filter(|it| it.kind == ScenarioKind::Control);
        let harmful: Vec<u64> = scores.iter().filter_map(|it| it.harmful.map(u64::from)).collect();
        Figures {
            runs: scores.len() as u64,
            mitigated_share: share(scores.iter().filter_map(|it| it.mitigated)),
            detected_share: share(wrong().map(|it| it.detected_s.is_some())),
            cause_at_1: share(scores.iter().filter_map(|it| it.cause_at_1)),
            cause_at_3: share(scores.iter().filter_map(|it| it.cause_at_3)),
            time_to_detect_s: Spread::of(&times(&|it| {
                it.detected_s.filter(|_| it.kind != ScenarioKind::Control)
            })),
            time_to_mitigate_s: Spread::of(&times(&|it| {
                it.mitigated_s.filter(|_| it.kind == ScenarioKind::Fault)
            })),
            loss_s_median: median(&losses),
            loss_vs_oracle_median: self.median_ratio(scores, ORACLE),
            loss_vs_static_rules_median: self.median_ratio(scores, STATIC_RULES),
            loss_vs_seed_formulas_median: self.median_ratio(scores, SEED_FORMULAS),
            loss_vs_nothing_median: self.median_ratio(scores, NOTHING),
            actions: sum(&|it| it.actions),
            actions_in_controls: controls.map(|it| u64::from(it.actions)).sum(),
            needless_actions: sum(&|it| it.needless),
            harmful_actions: (!harmful.is_empty()).then(|| harmful.iter().sum()),
            undone_actions: sum(&|it| it.undone),
            escalations: sum(&|it| it.escalations),
            escalated_when_right: share(
                scores.iter().filter(|it| it.kind == ScenarioKind::Escalate).map(|it| it.escalated),
            ),
            brier: brier(&stated),
        }
    }

    fn totals(&self, scores: &[&Score]) -> Totals {
        let stated = stated_by_scenario(scores);
        let curve = calibration(&stated, CalibrationConfig::default());
        Totals {
            scenarios: stated.len() as u64,
            figures: self.figures(scores),
            calibration_error: curve.as_ref().map(|it| it.error),
            calibration_interval: curve.map(|it| it.interval),
        }
    }

    fn by_scenario(&self, scores: &[&Score]) -> Vec<ScenarioResult> {
        scores
            .chunk_by(|a, b| a.scenario == b.scenario)
            .map(|same| ScenarioResult {
                scenario: same[0].scenario.clone(),
                kind: same[0].kind,
                figures: self.figures(same),
            })
            .collect()
    }
}

/// All that was stated in each scenario; the scores are in the order of scenarios.
fn stated_by_scenario(scores: &[&Score]) -> Vec<Vec<Stated>> {
    let by_scenario = scores.chunk_by(|a, b| a.scenario == b.scenario);
    by_scenario.map(|same| same.iter().flat_map(|it| it.stated.iter().copied()).collect()).collect()
}

/// The share of those that are so; none of none.
fn share(all: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut so, mut many) = (0_u64, 0_u64);
    for one in all {
        so += u64::from(one);
        many += 1;
    }
    (many > 0).then(|| so as f64 / many as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(entrant: &str, scenario: &str, seed: u64, loss_s: f64) -> Score {
        Score {
            scenario: scenario.to_owned(),
            kind: ScenarioKind::Fault,
            seed,
            entrant: entrant.to_owned(),
            breached: true,
            detected_s: Some(5.0),
            cause_at_1: Some(true),
            cause_at_3: Some(true),
            mitigated: Some(loss_s < 100.0),
            mitigated_s: Some(60.0),
            loss_s,
            actions: 1,
            needless: 0,
            undone: 0,
            harmful: Some(0),
            escalated: false,
            escalations: 0,
            stated: vec![Stated { confidence: 0.9, right: true, weight: 1.0 }],
        }
    }

    fn meta() -> Meta {
        Meta { entrant: "mapek".to_owned(), ..Meta::default() }
    }

    #[test]
    fn losses_are_compared_run_by_run() {
        let scores = [
            score("mapek", "a", 1, 45.0),
            score("oracle", "a", 1, 20.0),
            score("mapek", "a", 2, 15.0),
            score("oracle", "a", 2, 5.0),
            score("mapek", "b", 1, 395.0),
            score("oracle", "b", 1, 95.0),
            score("nothing", "b", 1, 795.0),
            score("seed-formulas", "b", 1, 1_595.0),
        ];
        let evaluation = evaluate(meta(), &scores);
        let figures = &evaluation.totals.figures;
        assert_eq!(figures.loss_vs_oracle_median, Some(2.0), "of 2, 2 and 4");
        assert_eq!(figures.loss_vs_nothing_median, Some(0.5));
        assert_eq!(figures.loss_vs_static_rules_median, None);
        assert_eq!(figures.loss_vs_seed_formulas_median, Some(0.25));
        assert_eq!((figures.runs, evaluation.totals.scenarios), (3, 2));
        assert_eq!(figures.mitigated_share, Some(2.0 / 3.0));
        let names: Vec<_> = evaluation.baselines.iter().map(|it| it.entrant.as_str()).collect();
        assert_eq!(names, ["nothing", "oracle", "seed-formulas"]);
        let mut turned = scores;
        turned.reverse();
        assert_eq!(evaluate(meta(), &turned), evaluation);
    }

    #[test]
    fn actions_in_controls_are_counted_apart_and_are_no_fault_to_mitigate() {
        let control = Score {
            kind: ScenarioKind::Control,
            mitigated: None,
            cause_at_1: None,
            actions: 2,
            ..score("mapek", "calm", 1, 0.0)
        };
        let evaluation = evaluate(meta(), &[control, score("mapek", "a", 1, 10.0)]);
        let figures = &evaluation.totals.figures;
        assert_eq!((figures.actions, figures.actions_in_controls), (3, 2));
        assert_eq!((figures.mitigated_share, figures.cause_at_1), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn an_oracle_takes_what_loses_least_each_time() {
        let ways = [("o1", 1, 9.0), ("o2", 1, 4.0), ("o1", 2, 3.0), ("o2", 2, 8.0)];
        let ways = ways.map(|(name, seed, loss)| score(name, "a", seed, loss));
        let best: Vec<_> = best_of("oracle", ways).into_iter().map(|it| it.loss_s).collect();
        assert_eq!(best, [4.0, 3.0]);
    }
}
