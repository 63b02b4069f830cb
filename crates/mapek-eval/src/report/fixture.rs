//! A made-up evaluation, with traces as they might be.

use crate::{
    ScenarioKind,
    report::{
        BaselineResult, CalibrationPoint, Evaluation, Figures, Interval, Meta, ScenarioResult,
        Spread, Totals,
    },
};

/// What somebody comes to who is `bad` (0: perfect, 1: hopeless).
fn figures(kind: ScenarioKind, bad: f64, runs: u64) -> Figures {
    let faulty = kind != ScenarioKind::Control;
    let heals = kind == ScenarioKind::Fault;
    let share = |most: f64| faulty.then_some((1.0 - most * bad).max(0.0));
    let times = |median: f64, p90: f64| Spread {
        median: median * (1.0 + 4.0 * bad),
        p90: p90 * (1.0 + 6.0 * bad),
    };
    let actions = if faulty { runs + (bad * runs as f64 * 2.0) as u64 } else { (bad * 5.0) as u64 };
    Figures {
        runs,
        mitigated_share: heals.then_some((1.0 - bad).max(0.0)),
        detected_share: share(0.1),
        cause_at_1: share(1.1),
        cause_at_3: share(0.5),
        time_to_detect_s: faulty.then_some(times(35.0, 65.0)),
        time_to_mitigate_s: heals.then_some(times(240.0, 410.0)),
        loss_s_median: Some(if faulty { 90.0 * (1.0 + 20.0 * bad) } else { 0.0 }),
        loss_vs_oracle_median: faulty.then_some(1.0 + 22.0 * bad),
        loss_vs_static_rules_median: faulty.then_some(0.08 + 1.3 * bad),
        loss_vs_seed_formulas_median: faulty.then_some(0.1 + 1.6 * bad),
        loss_vs_nothing_median: faulty.then_some(0.04 + bad),
        actions,
        actions_in_controls: if faulty { 0 } else { actions },
        needless_actions: (actions as f64 * bad) as u64,
        harmful_actions: Some((actions as f64 * bad * 0.3) as u64),
        undone_actions: actions / 9,
        escalations: (bad * 12.0) as u64,
        escalated_when_right: (kind == ScenarioKind::Escalate).then_some(1.0 - bad),
        brier: faulty.then_some(0.06 + 0.2 * bad),
    }
}

fn by_scenario(bad: f64) -> Vec<ScenarioResult> {
    NAMES
        .into_iter()
        .enumerate()
        .map(|(place, (scenario, kind))| {
            let bad = bad * (0.4 + 0.35 * (place % 4) as f64);
            ScenarioResult { scenario: scenario.to_owned(), kind, figures: figures(kind, bad, 20) }
        })
        .collect()
}

const NAMES: [(&str, ScenarioKind); 9] = [
    ("flash-crowd", ScenarioKind::Fault),
    ("bad-policy-hidden-under-overload", ScenarioKind::Fault),
    ("leak", ScenarioKind::Fault),
    ("retry-storm", ScenarioKind::Fault),
    ("node-down-twice", ScenarioKind::Fault),
    ("remedy-makes-it-worse", ScenarioKind::Fault),
    ("load-beyond-all-means", ScenarioKind::Escalate),
    ("noise", ScenarioKind::Control),
    ("dead-sensor", ScenarioKind::Control),
];

fn totals(bad: f64) -> Totals {
    Totals {
        scenarios: NAMES.len() as u64,
        figures: figures(ScenarioKind::Fault, bad, 20 * NAMES.len() as u64),
        calibration_error: Some(0.03 + 0.3 * bad),
        calibration_interval: Some(Interval { low: 0.0, high: 0.06 + 0.4 * bad }),
    }
}

/// An evaluation that meets some goals, and misses some.
pub(super) fn evaluation() -> Evaluation {
    let baseline = |entrant: &str, bad: f64| BaselineResult {
        entrant: entrant.to_owned(),
        totals: Totals { calibration_error: None, calibration_interval: None, ..totals(bad) },
        by_scenario: by_scenario(bad),
    };
    let point = |(stated, right, half, mass, count): (f64, f64, f64, f64, u64)| CalibrationPoint {
        stated,
        right,
        right_interval: Interval { low: (right - half).max(0.0), high: (right + half).min(1.0) },
        mass,
        count,
        scenarios: 31,
    };
    let calibration = [
        (0.22, 0.15, 0.11, 0.1, 812),
        (0.38, 0.31, 0.13, 0.1, 1_240),
        (0.51, 0.47, 0.12, 0.12, 1_902),
        (0.63, 0.66, 0.11, 0.08, 998),
        (0.72, 0.69, 0.1, 0.14, 2_310),
        (0.81, 0.84, 0.08, 0.2, 4_421),
        (0.93, 0.88, 0.06, 0.26, 12_077),
    ];
    Evaluation {
        meta: Meta {
            version: "0.1.0".to_owned(),
            entrant: "loop".to_owned(),
            profile: "auto".to_owned(),
            config_hash: "9f2c51d07a3b".to_owned(),
            seeds: (1..=20).collect(),
        },
        totals: totals(0.06),
        by_scenario: by_scenario(0.06),
        baselines: vec![
            baseline("do-nothing", 0.8),
            baseline("static-rules", 0.45),
            baseline("seed-formulas", 0.35),
            baseline("random", 0.95),
            baseline("oracle", 0.0),
        ],
        calibration: calibration.map(point).into(),
    }
}

#[cfg(feature = "html")]
pub(super) use drawn::{drawn, hostile};

#[cfg(feature = "html")]
mod drawn {
    use std::sync::Arc;

    use charter_sim::Mutation;
    use mapek_model::{
        ActionKind, Cause, CauseKind, Confidence, ExecutionId, Expectation, StepIndex, Way,
    };

    use crate::{CallRecord, CallResult, Look, Moment, Scenario, StepOf, Trace, report::Drawn};

    /// A scenario with a little of everything.
    fn scenario() -> Arc<Scenario> {
        let text = r#"{
            "name": "bad-policy-hidden-under-overload",
            "description": "Half an hour of more requests than planned for; ten minutes into it, a defective version of a policy takes effect on one node. Metrics are missing for a while.",
            "faults": [
                {"kind": "overload", "at": "5m", "ramp": "1m", "duration": "20m", "intensity": 0.6},
                {"kind": "policy-misconfiguration", "at": "15m", "node": "validator-2"}
            ],
            "sensor_faults": [{"kind": "missing", "at": "31m", "duration": "3m"}],
            "right": {"acceptable": ["scale_up", "rollback_policy"]}
        }"#;
        Arc::new(serde_json::from_str(text).unwrap())
    }

    /// A loop that acts after two minutes, once wrongly; beside it, those that never do and that do at once.
    pub(in super::super) fn drawn() -> Drawn {
        let scenario = scenario();
        Drawn {
            steered: Trace { looks: looks(), calls: calls(), ..trace(&scenario, "loop", 150.0) },
            nothing: Some(trace(&scenario, "do-nothing", 1e9)),
            oracle: Some(trace(&scenario, "oracle", 35.0)),
            scenario,
        }
    }

    /// Whatever can be called something is called so as to break out.
    pub(in super::super) fn hostile(text: &str) -> Drawn {
        let mut drawn = drawn();
        let scenario = Arc::make_mut(&mut drawn.scenario);
        scenario.name = text.to_owned();
        scenario.description = text.to_owned();
        scenario.faults[0].node = Some(text.to_owned());
        drawn.steered.looks[3].escalations = vec![text.to_owned()];
        drawn.steered.looks[4].answered = vec![text.to_owned()];
        drawn.steered.calls[0].mutation = Mutation::Restart(
            serde_json::from_value(
                serde_json::json!({ "graceful": true, "timeout": 30, "node": text }),
            )
            .unwrap(),
        );
        drawn.steered.moments[200].loss = f64::NAN;
        drawn.steered.moments[201].validation_p99_s = f64::INFINITY;
        drawn
    }

    fn trace(scenario: &Scenario, entrant: &str, react_s: f64) -> Trace {
        let mut noise = 1_u32;
        let mut next = move || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(noise >> 8) / f64::from(1 << 24) - 0.5
        };
        let mut level = 0.0_f64;
        let moments = (-180..=540).map(|tick| {
            let at_s = f64::from(tick) * 5.0;
            let hit = |from: f64, to: f64| {
                let until = to.min(from + react_s);
                if at_s < from || at_s > to {
                    0.0
                } else if at_s < until {
                    1.0
                } else {
                    0.06
                }
            };
            let wanted = 0.8 * hit(300.0, 1_500.0) + 1.3 * hit(900.0, 1e12);
            level += (wanted - level) * 0.09;
            let p99 = 0.11 * (1.0 + 0.3 * next()) + 6.0 * level * level * (1.0 + 0.25 * next());
            let failure_rate =
                (0.004 + 0.35 * (level - 0.45).max(0.0) * (1.0 + 0.4 * next())).clamp(0.0, 1.0);
            let loss = (1.0 - 1.0 / p99.max(1.0)).max(if failure_rate > 0.05 {
                1.0 - 0.05 / failure_rate
            } else {
                0.0
            });
            Moment {
                at_s,
                met: loss <= 0.0,
                loss,
                validation_p99_s: p99,
                failure_rate,
                throughput: 120.0 - 40.0 * level,
                arrivals: 120.0 + 60.0 * level,
                load: 0.6 + 0.3 * level,
                replicas: 5,
            }
        });
        Trace {
            scenario: scenario.name.clone(),
            seed: 7,
            entrant: entrant.to_owned(),
            moments: moments.collect(),
            looks: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn looks() -> Vec<Look> {
        let cause = |kind: &str, confidence| {
            let kind = CauseKind::try_new(kind).unwrap();
            let cause = Cause { kind, component: None, metric: None };
            (cause, Confidence::try_new(confidence).unwrap())
        };
        let all = (-30..90).map(|place| {
            let at_s = f64::from(place) * 30.0;
            let mut look = Look { at_s, ..Look::default() };
            let mut open = |name: &str, from: f64, to: f64| {
                if (from..to).contains(&at_s) {
                    look.open.push(Expectation::try_new(name).unwrap());
                }
            };
            open("validation-latency", 330.0, 620.0);
            open("high-failure-rate", 360.0, 560.0);
            open("validation-latency", 930.0, 1_240.0);
            open("policy-violations", 960.0, 1_210.0);
            open("high-failure-rate", 990.0, 1_150.0);
            open("metrics-missing", 1_890.0, 2_070.0);
            look.causes = match at_s {
                s if (330.0..620.0).contains(&s) => vec![cause("overload", 0.82)],
                s if (930.0..1_020.0).contains(&s) => vec![cause("validation-latency", 0.55)],
                s if (1_020.0..1_240.0).contains(&s) => vec![cause("policy-misconfiguration", 0.9)],
                _ => Vec::new(),
            };
            if (1_890.0..2_070.0).contains(&at_s) {
                look.escalations = vec!["too few sensors can be trusted to act on them".to_owned()];
            }
            if (1_070.0..1_090.0).contains(&at_s) {
                look.answered = vec!["approved a plan against policy-misconfiguration".to_owned()];
            }
            look
        });
        all.collect()
    }

    fn calls() -> Vec<CallRecord> {
        let execution: ExecutionId =
            serde_json::from_value("01936f5c-0000-7000-8000-000000000001".into()).unwrap();
        let call = |at_s, kind: &str, mutation, result, way| CallRecord {
            at_s,
            kind: kind.parse::<ActionKind>().unwrap(),
            mutation,
            result,
            step: Some(StepOf { execution, step: StepIndex(0), way }),
        };
        let scale = |replicas: u32| {
            Mutation::Scale(
                serde_json::from_value(serde_json::json!({ "replicas": replicas })).unwrap(),
            )
        };
        let restart = || {
            let body =
                serde_json::json!({ "graceful": true, "timeout": 30, "node": "validator-2" });
            Mutation::Restart(serde_json::from_value(body).unwrap())
        };
        let roll_back =
            Mutation::Rollback(serde_json::from_value("privacy-baseline".into()).unwrap());
        use CallResult::{Applied, Lost, Refused};
        vec![
            call(450.0, "scale_up", scale(8), Applied, Way::Do),
            call(960.0, "restart_node", restart(), Refused, Way::Do),
            call(990.0, "scale_up", scale(11), Applied, Way::Do),
            call(1_050.0, "scale_up", scale(8), Applied, Way::Undo),
            call(1_085.0, "rollback_policy", roll_back, Lost, Way::Do),
        ]
    }
}
