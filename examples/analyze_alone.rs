//! Analyze alone: violations in, one diagnosis out. No runtime, no I/O, no clock.
//!
//! `cargo run -p mapek-examples --example analyze_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use mapek_analyze::{AnalyzeConfig, Analyzer, AnalyzerState, observe, read_violations};
use mapek_model::TargetId;

/// As another program, or `mapek monitor`, would write them. They may come in any order.
const LINES: &str = r#"
{"violation_id": "a1", "severity": "critical", "detected_at": "2026-01-01T00:00:20Z", "metric_name": "validation_latency", "metric_value": 4.2, "threshold": 1.0, "labels": {"node": "validator-1"}}
{"violation_id": "a2", "severity": "warning", "detected_at": "2026-01-01T00:00:05Z", "metric_name": "validation_latency", "metric_value": 1.4, "threshold": 1.0, "labels": {"node": "validator-2"}}
{"violation_id": "a3", "severity": "warning", "detected_at": "2026-01-01T00:00:11Z", "metric_name": "validation_latency", "metric_value": 1.9, "threshold": 1.0, "labels": {"node": "validator-3"}}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let target = TargetId::default();
    let violations = read_violations(LINES.as_bytes(), &target)?;
    // Lines say nothing of the world around them: this makes an observation of nothing but violations, and says how far
    // back a diagnosis must look to see all of them.
    let (observation, history) = observe(violations, &target).ok_or("there are no violations")?;

    let analyzer = Analyzer::try_new(AnalyzeConfig { history, ..AnalyzeConfig::default() })?;
    // What an analyzer remembers from one diagnosis to the next is a value of the caller's.
    let mut state = AnalyzerState::default();
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
    let diagnosis = analyzer.diagnose(&mut state, &observation, id);

    for finding in &diagnosis.findings {
        println!(
            "found {} ({:.2}): {}",
            finding.kind,
            finding.confidence.get(),
            finding.hypothesis
        );
    }
    for cause in &diagnosis.causes {
        println!(
            "cause {} ({:.2}): {}",
            cause.cause,
            cause.confidence.get(),
            cause.reasons.join("; ")
        );
    }
    for recommendation in &diagnosis.recommendations {
        println!("recommended: {recommendation}");
    }
    assert_eq!(diagnosis.causes[0].cause.kind, "validation-latency");
    assert_eq!(diagnosis.causes[0].explains.len(), 3);
    assert!(!diagnosis.findings.is_empty(), "three onsets within 15 s are a burst");
    assert!(!diagnosis.recommendations.is_empty());

    // The same input gives the same answer.
    assert_eq!(analyzer.diagnose(&mut AnalyzerState::default(), &observation, id), diagnosis);
    Ok(())
}
