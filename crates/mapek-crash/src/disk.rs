//! Every operation on the disk is a moment at which it may fail: which of them are tried, and what comes of all of
//! them together.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
};

use crate::{
    BoxError,
    campaign::mix,
    driver::{self, Case, CaseDisk, Outcome},
    scenario,
    trouble::{Kind, Place, Trouble},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How much trouble there is to be at least, in all stories; without a number, something at each place, and each
    /// kind with each operation.
    pub(crate) troubles: Option<usize>,
    /// How many cases run at once.
    pub(crate) workers: usize,
    /// Where the files of the processes are.
    pub(crate) state: PathBuf,
    /// What chooses the moments.
    pub(crate) seed: u64,
    /// Only this story.
    pub(crate) scenario: Option<String>,
    /// Only this trouble.
    pub(crate) trouble: Option<Trouble>,
}

/// Stories in which, together, everything is done to every file.
const QUICK: [&str; 3] = ["degradation", "pruning", "webhooks"];

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    cases: usize,
    places: BTreeSet<Place>,
    reached: BTreeSet<Place>,
    troubles: usize,
    power_cuts: usize,
    told: usize,
    duplicates: usize,
    lost: usize,
    silent: usize,
    acted: usize,
    wrong: usize,
    /// What is wrong, with how to see it again.
    pub(crate) findings: Vec<String>,
}

/// What was done where in a story, and how often.
type Places = BTreeMap<Place, u32>;

/// Runs all of it.
pub(crate) fn all(plan: &Plan, progress: impl Fn(&Report) + Sync) -> Result<Report, BoxError> {
    let runtime = driver::runtime()?;
    let mut report = Report::default();
    let mut many = |cases: VecDeque<Case>| -> Result<BTreeMap<&'static str, Places>, BoxError> {
        let mut found = BTreeMap::new();
        driver::run_all(cases, plan.workers, &plan.state, &runtime, |case, outcome| {
            report.take(case, &outcome);
            progress(&report);
            if case.disk == CaseDisk::Troubled(None) {
                found.insert(case.scenario, outcome.places);
            }
            plan.troubles.is_none_or(|troubles| report.troubles < troubles)
        })?;
        Ok(found)
    };
    let wanted = |name: &&str| match (&plan.scenario, plan.troubles) {
        (Some(wanted), _) => wanted == name,
        (None, Some(_)) => true,
        (None, None) => QUICK.contains(name),
    };
    let names: Vec<_> = scenario::all().iter().map(|it| it.name).filter(wanted).collect();
    let with = |trouble: Option<Trouble>| {
        let case = |name: &&'static str| Case {
            disk: CaseDisk::Troubled(trouble.clone()),
            ..Case::of(name, Vec::new())
        };
        names.iter().map(case).collect::<VecDeque<_>>()
    };
    if plan.trouble.is_some() {
        many(with(plan.trouble.clone()))?;
        return Ok(report);
    }
    // Each story once without trouble: it has to hold on this disk, too, and tells what is done where.
    let found = many(with(None))?;
    many(each_once(&found, plan.seed))?;
    if plan.troubles.is_some() {
        many(every(&found, plan.seed))?;
    }
    report.places = found.into_values().flat_map(BTreeMap::into_keys).collect();
    Ok(report)
}

/// All that can happen, in an order that the seed gives, so that any number of it is spread over all.
fn every(found: &BTreeMap<&'static str, Places>, seed: u64) -> VecDeque<Case> {
    let mut cases = Vec::new();
    for (scenario, places) in found {
        for (place, count) in places {
            for kind in kinds(place) {
                for nth in 1..=*count {
                    let trouble = Trouble { place: place.clone(), nth, kind };
                    let order = mix(seed, &format!("{scenario}/{trouble}"));
                    let disk = CaseDisk::Troubled(Some(trouble));
                    cases.push((order, Case { disk, ..Case::of(scenario, Vec::new()) }));
                }
            }
        }
    }
    cases.sort_by_key(|(order, _)| *order);
    cases.into_iter().map(|(_, case)| case).collect()
}

/// Something at each place, and each kind with each operation, in stories and at moments that the seed gives.
fn each_once(found: &BTreeMap<&'static str, Places>, seed: u64) -> VecDeque<Case> {
    let (mut places, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    let mut cases = every(found, seed);
    cases.retain(|case| match &case.disk {
        CaseDisk::Troubled(Some(it)) => {
            let (place, kind) = (it.place.clone(), (it.place.what(), it.kind));
            // Both are taken down.
            places.insert(place) | kinds.insert(kind)
        }
        _ => false,
    });
    cases
}

fn kinds(place: &Place) -> impl Iterator<Item = Kind> {
    let what = place.what();
    Kind::ALL.into_iter().filter(move |kind| what.is_some_and(|what| kind.begins_with(what)))
}

impl Report {
    fn take(&mut self, case: &Case, outcome: &Outcome) {
        let verdict = &outcome.verdict;
        self.cases += 1;
        if let (CaseDisk::Troubled(Some(trouble)), true) = (&case.disk, outcome.struck) {
            self.troubles += 1;
            self.power_cuts += usize::from(trouble.kind == Kind::PowerCut);
            self.reached.insert(trouble.place.clone());
        }
        self.told += outcome.told;
        self.duplicates += verdict.duplicates.len();
        self.lost += verdict.lost.len();
        self.silent += outcome.silent.len();
        self.acted += outcome.acted.len();
        self.wrong += verdict.wrong.len();
        let all: Vec<_> =
            [&verdict.duplicates, &verdict.lost, &verdict.wrong, &outcome.silent, &outcome.acted]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
        if !all.is_empty() {
            self.findings.push(format!("{case}\n    {}", all.join("\n    ")));
        }
    }

    /// Places at which nothing happened.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.places.difference(&self.reached).map(ToString::to_string).collect()
    }

    /// Whether all goals are met.
    pub(crate) fn is_good(&self, plan: &Plan) -> bool {
        let whole = plan.trouble.is_none() && plan.scenario.is_none();
        let reached = !whole || (!self.places.is_empty() && self.missed().is_empty());
        // One that is asked for by its moment has to come.
        let asked = plan.troubles.or(plan.trouble.as_ref().map(|_| 1));
        let enough = asked.is_none_or(|troubles| self.troubles >= troubles);
        let all_well = self.duplicates + self.lost + self.silent + self.acted + self.wrong == 0;
        reached && enough && all_well
    }

    /// What is not in the last line.
    pub(crate) fn details(&self) -> String {
        format!(
            "cases: {}, failures of the journal, the inbox and the knowledge that were told: {}, wrong: {}",
            self.cases, self.told, self.wrong
        )
    }

    /// The last line.
    pub(crate) fn line(&self) -> String {
        format!(
            "places={} reached={} troubles={} power_cuts={} duplicates={} lost={} silent={} acted={}",
            self.places.len(),
            self.reached.len(),
            self.troubles,
            self.power_cuts,
            self.duplicates,
            self.lost,
            self.silent,
            self.acted
        )
    }
}
