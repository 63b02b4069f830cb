//! Who steers.

use std::sync::Arc;

use mapek_eval::{
    Entrant, Error, Looped, Nothing, Oracle, Random, Scenario, Score, SeedFormulas, StaticRules,
    best_of,
};

use crate::{
    cli::{Baseline, SimulateArgs},
    compose,
    config::{Config, RailsProfile},
};

/// The loop that is judged, and all that it is held against.
pub(super) struct Field {
    pub(super) entrants: Vec<Arc<dyn Entrant>>,
    /// What is judged.
    pub(super) config: Config,
}

impl Field {
    /// The place of the loop that is judged.
    pub(super) const JUDGED: usize = 0;
    /// Its name.
    pub(super) const NAME: &'static str = "mapek";

    pub(super) fn new(config: &Config, args: &SimulateArgs, scenarios: &[Arc<Scenario>]) -> Self {
        let mut judged = config.clone();
        judged.execute.rails.profile = RailsProfile::Auto;
        let mut looped = looped(Self::NAME, &judged);
        if args.cycles.is_some() {
            looped = looped.with_reports();
        }
        let mut entrants: Vec<Arc<dyn Entrant>> = vec![Arc::new(looped)];
        if args.has(Baseline::Nothing) {
            entrants.push(Arc::new(Nothing));
        }
        if args.has(Baseline::StaticRules) {
            entrants.push(Arc::new(StaticRules));
        }
        if args.has(Baseline::SeedFormulas) {
            entrants.push(Arc::new(SeedFormulas));
        }
        if args.has(Baseline::Random) {
            entrants.push(Arc::new(Random));
        }
        if args.has(Baseline::Shipped) {
            let mut shipped = config.clone();
            shipped.execute.rails.profile = RailsProfile::Shipped;
            entrants.push(Arc::new(self::looped("shipped", &shipped)));
        }
        if args.has(Baseline::Oracle) {
            let most = scenarios.iter().map(|it| Self::oracles_of(it)).max().unwrap_or(0);
            entrants.extend((0..most).map(|it| Arc::new(Oracle::new(it)) as Arc<dyn Entrant>));
        }
        Self { entrants, config: judged }
    }

    /// How many oracles a scenario takes: one for each remedy, and one that watches where there is none.
    pub(super) fn oracles_of(scenario: &Scenario) -> usize {
        scenario.right.remedies.len().max(1)
    }

    /// The best of the oracles in each run is *the* oracle.
    pub(super) fn merge_oracles(&self, scores: Vec<Score>) -> Vec<Score> {
        let is_oracle = |score: &Score| score.entrant.starts_with("oracle-");
        let (oracles, mut others): (Vec<_>, Vec<_>) = scores.into_iter().partition(is_oracle);
        others.extend(best_of("oracle", oracles));
        others
    }
}

fn looped(name: &str, config: &Config) -> Looped {
    let config = config.clone();
    Looped::new(name, move |seat| {
        compose::seated(&config, seat).map_err(Error::entrant("the loop"))
    })
}
