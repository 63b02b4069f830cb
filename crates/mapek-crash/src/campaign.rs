//! Which cases are run, and what comes of all of them together.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
};

use crate::{
    BoxError,
    driver::{self, Case, CaseDisk, Outcome},
    points::{self, Stop},
    scenario,
};

/// Fewest points that count as enough.
const POINTS_MIN: usize = 60;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How many kills there are to be at least; without a number, each point once.
    pub(crate) kills: Option<usize>,
    /// How many cases run at once.
    pub(crate) workers: usize,
    /// Whether the machine goes down with each process that is killed.
    pub(crate) power: bool,
    /// Where the files of the processes are.
    pub(crate) state: PathBuf,
    /// What chooses the pairs.
    pub(crate) seed: u64,
    /// Only this story.
    pub(crate) scenario: Option<String>,
    /// Only these stops, one for each life.
    pub(crate) stops: Vec<Stop>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    cases: usize,
    reached: BTreeSet<String>,
    pairs: BTreeSet<(String, String)>,
    kills: usize,
    duplicates: usize,
    lost: usize,
    wrong: usize,
    in_doubt: usize,
    decided: usize,
    needs_operator: usize,
    /// The same by story.
    operators: BTreeMap<&'static str, usize>,
    /// What is wrong, with how to see it again.
    pub(crate) findings: Vec<String>,
}

/// Runs all of it.
pub(crate) fn all(plan: &Plan, progress: impl Fn(&Report) + Sync) -> Result<Report, BoxError> {
    let runtime = driver::runtime()?;
    let many = |cases: VecDeque<Case>, report: &mut Report| -> Result<Vec<Trace>, BoxError> {
        let mut traces = Vec::new();
        let disk = if plan.power { CaseDisk::PowerCuts } else { CaseDisk::Plain };
        let cases = cases.into_iter().map(|case| Case { disk: disk.clone(), ..case });
        driver::run_all(cases.collect(), plan.workers, &plan.state, &runtime, |case, outcome| {
            report.take(case, &outcome);
            progress(report);
            // Of the cases with a kill there may be many thousands.
            traces.extend(outcome.traces.into_iter().filter(|_| case.stops.is_empty()));
            plan.kills.is_none_or(|kills| report.kills < kills)
        })?;
        Ok(traces)
    };
    let mut report = Report::default();
    let wanted = |name: &str| plan.scenario.as_ref().is_none_or(|wanted| wanted == name);
    let names: Vec<_> =
        scenario::all().iter().map(|it| it.name).filter(|name| wanted(name)).collect();
    if !plan.stops.is_empty() {
        let cases = names.iter().map(|name| Case::of(name, plan.stops.clone()));
        many(cases.collect(), &mut report)?;
        return Ok(report);
    }
    // Each story once without a kill: it has to hold by itself, and tells which points it passes.
    let mut passed = BTreeMap::new();
    for name in names {
        let case = Case::of(name, Vec::new());
        let trace = many(VecDeque::from([case]), &mut report)?.pop().unwrap_or_default();
        passed.insert(name, count(&trace));
    }
    many(each_once(&passed), &mut report)?;
    if plan.kills.is_some() {
        many(singles(&passed), &mut report)?;
        while plan.kills.is_some_and(|kills| report.kills < kills) {
            let before = report.kills;
            many(pairs(&passed, plan.seed), &mut report)?;
            if report.kills == before {
                break;
            }
        }
    }
    Ok(report)
}

/// The points of a life, in order.
type Trace = Vec<String>;

/// How often each point is passed.
type Passed = BTreeMap<String, u32>;

fn count(trace: &[String]) -> Passed {
    let mut passed = Passed::new();
    for point in trace {
        *passed.entry(point.clone()).or_default() += 1;
    }
    passed
}

/// Each point once, in a story that passes it: in the one that passes the fewest, so that all stories have their turn.
fn each_once(passed: &BTreeMap<&'static str, Passed>) -> VecDeque<Case> {
    let at = |point: String| {
        let stories = passed.iter().filter(|(_, passed)| passed.contains_key(&point));
        let (scenario, _) = stories.min_by_key(|(_, passed)| passed.len())?;
        Some(Case::of(scenario, vec![Stop::at(point, 1)]))
    };
    points::all().into_iter().filter_map(at).collect()
}

/// Each point of each story, the first and the last time that it is passed.
fn singles(passed: &BTreeMap<&'static str, Passed>) -> VecDeque<Case> {
    let of = |(scenario, passed): (&&'static str, &Passed)| {
        let scenario = *scenario;
        let stops = passed.iter().flat_map(|(point, count)| {
            BTreeSet::from([1, *count]).into_iter().map(|nth| Stop::at(point.clone(), nth))
        });
        stops.map(move |stop| Case::of(scenario, vec![stop])).collect::<Vec<_>>()
    };
    passed.iter().flat_map(of).collect()
}

/// Each pair of points of each story: killed at one, and at the other when it comes back. In an order that the seed
/// gives, so that any number of them is spread over all.
fn pairs(passed: &BTreeMap<&'static str, Passed>, seed: u64) -> VecDeque<Case> {
    let mut pairs = Vec::new();
    for (scenario, passed) in passed {
        for (first, count) in passed {
            for second in passed.keys() {
                let place = mix(seed, &format!("{scenario}/{first}/{second}"));
                let nth = u32::try_from(place % u64::from(*count)).unwrap_or(0) + 1;
                let stops = vec![Stop::at(first.clone(), nth), Stop::at(second.clone(), 1)];
                pairs.push((place, Case::of(scenario, stops)));
            }
        }
    }
    pairs.sort_by_key(|(place, _)| *place);
    pairs.into_iter().map(|(_, case)| case).collect()
}

/// A number that a text and a seed give.
pub(crate) fn mix(seed: u64, text: &str) -> u64 {
    let hash = mapek_model::ContentHash::of(format!("{seed}/{text}").as_bytes());
    hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Report {
    fn take(&mut self, case: &Case, outcome: &Outcome) {
        let verdict = &outcome.verdict;
        self.cases += 1;
        self.kills += outcome.kills.len();
        self.reached.extend(outcome.kills.iter().map(|stop| stop.point.clone()));
        let pairs = outcome.kills.windows(2);
        self.pairs.extend(pairs.map(|pair| (pair[0].point.clone(), pair[1].point.clone())));
        self.duplicates += verdict.duplicates.len();
        self.lost += verdict.lost.len();
        self.wrong += verdict.wrong.len();
        self.in_doubt += verdict.in_doubt;
        self.decided += verdict.decided;
        self.needs_operator += verdict.needs_operator;
        if verdict.needs_operator > 0 {
            *self.operators.entry(case.scenario).or_default() += verdict.needs_operator;
        }
        if !verdict.is_good() {
            let all = verdict.duplicates.iter().chain(&verdict.lost).chain(&verdict.wrong);
            let all: Vec<_> = all.map(String::as_str).collect();
            self.findings.push(format!("{case}\n    {}", all.join("\n    ")));
        }
    }

    /// Points that nobody was killed at.
    pub(crate) fn missed(&self) -> Vec<String> {
        points::all().into_iter().filter(|point| !self.reached.contains(point)).collect()
    }

    /// Whether all goals are met.
    pub(crate) fn is_good(&self, plan: &Plan) -> bool {
        let whole = plan.stops.is_empty() && plan.scenario.is_none();
        let reached = !whole || (self.missed().is_empty() && self.reached.len() >= POINTS_MIN);
        let enough = plan.kills.is_none_or(|kills| self.kills >= kills);
        reached && enough && self.duplicates + self.lost + self.wrong == 0
    }

    /// What is not in the last line.
    pub(crate) fn details(&self) -> String {
        let operators: Vec<_> =
            self.operators.iter().map(|(story, count)| format!("{story} {count}")).collect();
        format!(
            "cases: {}, pairs of points: {}, wrong: {}\n\
             with a person, by story: {}\n\
             steps in doubt that cannot be repeated: {}, decided by reading: {}, left to a person: {}",
            self.cases,
            self.pairs.len(),
            self.wrong,
            operators.join(", "),
            self.in_doubt,
            self.decided,
            self.in_doubt - self.decided,
        )
    }

    /// The last line.
    pub(crate) fn line(&self) -> String {
        format!(
            "points={} reached={} kills={} duplicates={} lost={} needs_operator={}",
            points::all().len(),
            self.reached.len(),
            self.kills,
            self.duplicates,
            self.lost,
            self.needs_operator
        )
    }
}
