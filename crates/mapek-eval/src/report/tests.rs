//! What people and programs read.

use super::{fixture::evaluation, *};

#[test]
fn a_wide_terminal_shows_all() {
    insta::assert_snapshot!(table(&evaluation(), 200));
}

#[test]
fn a_narrow_terminal_shows_what_matters() {
    let text = table(&evaluation(), 80);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
    // Narrower than any table: still the names and one column.
    assert!(table(&evaluation(), 0).contains("mitigated"));
}

#[test]
fn what_nobody_has_a_figure_for_goes_first() {
    let mut evaluation = evaluation();
    let heads = |evaluation: &Evaluation| {
        let text = table(evaluation, 120);
        text.lines().find(|it| it.starts_with("in total")).unwrap().to_owned()
    };
    assert!(heads(&evaluation).contains("/seed"));
    let figures = |it: &mut BaselineResult| {
        it.totals.figures.loss_vs_seed_formulas_median = None;
        it.by_scenario.iter_mut().for_each(|it| it.figures.loss_vs_seed_formulas_median = None);
    };
    evaluation.totals.figures.loss_vs_seed_formulas_median = None;
    evaluation.by_scenario.iter_mut().for_each(|it| it.figures.loss_vs_seed_formulas_median = None);
    evaluation.baselines.iter_mut().for_each(figures);
    assert!(!heads(&evaluation).contains("/seed"), "{}", heads(&evaluation));
}

#[test]
fn an_empty_evaluation_is_no_praise() {
    let text = table(&Evaluation::default(), 80);
    assert!(text.contains("no data") && !text.contains("NaN"), "{text}");
}

#[test]
fn a_name_does_not_break_a_line() {
    let mut evaluation = evaluation();
    let lines = table(&evaluation, 120).lines().count();
    evaluation.by_scenario[0].scenario = "a\nb\u{1b}[31m".to_owned();
    evaluation.meta.entrant = "c\rd".to_owned();
    let text = table(&evaluation, 120);
    assert_eq!(text.lines().count(), lines);
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
}

#[test]
fn json_is_as_documented() {
    let mut evaluation = evaluation();
    evaluation.by_scenario.truncate(1);
    evaluation.baselines.truncate(1);
    evaluation.baselines[0].by_scenario.clear();
    evaluation.calibration.truncate(1);
    evaluation.meta.seeds.truncate(2);
    insta::assert_snapshot!(json(&evaluation, Some(12_345.0)));
}

#[test]
fn json_reads_back_and_differs_by_speed_only() {
    let evaluation = evaluation();
    let (without, with) = (json(&evaluation, None), json(&evaluation, Some(12_345.5)));
    assert_eq!(serde_json::from_str::<Evaluation>(&with).unwrap(), evaluation);
    let other = |(a, b): &(&str, &str)| a != b;
    let differ: Vec<_> = without.lines().zip(with.lines()).filter(other).collect();
    let speed = (r#"    "realtime_factor": null"#, r#"    "realtime_factor": 12345.5"#);
    assert_eq!(differ, [speed]);
}

#[test]
fn what_is_no_number_is_null() {
    let mut evaluation = evaluation();
    evaluation.totals.figures.loss_vs_oracle_median = Some(f64::INFINITY);
    let back: Evaluation = serde_json::from_str(&json(&evaluation, None)).unwrap();
    assert_eq!(back.totals.figures.loss_vs_oracle_median, None);
    assert!(table(&evaluation, 200).contains("missed by ∞"));
}

#[test]
fn totals_have_all_that_was_promised() {
    let file: serde_json::Value = serde_json::from_str(&json(&evaluation(), Some(1.0))).unwrap();
    for key in [
        "scenarios",
        "runs",
        "mitigated_share",
        "cause_at_1",
        "cause_at_3",
        "harmful_actions",
        "actions_in_controls",
        "loss_vs_oracle_median",
        "loss_vs_static_rules_median",
        "brier",
        "calibration_error",
        "realtime_factor",
    ] {
        assert!(file["totals"][key].is_number(), "{key}");
    }
}

#[cfg(feature = "schemars")]
mod described {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_schema_in_the_docs_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evaluation.schema.json");
        let wanted = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("MAPEK_WRITE_SCHEMA").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let remedy = "run this test with MAPEK_WRITE_SCHEMA=1 to write it";
        assert!(written == wanted, "{} is not current: {remedy}", path.display());
    }

    /// Every key that is written is described, and every key that is required is written. What a validator would see besides
    /// follows from the types.
    #[test]
    fn the_schema_knows_what_is_written() {
        let schema = serde_json::to_value(schema()).unwrap();
        let file: Value = serde_json::from_str(&json(&evaluation(), None)).unwrap();
        let check = |described: &Value, written: &Value| {
            let described = match described["$ref"].as_str() {
                Some(place) => schema.pointer(place.trim_start_matches('#')).unwrap(),
                None => described,
            };
            let keys = described["properties"].as_object().unwrap().keys();
            assert!(written.as_object().unwrap().keys().eq(keys), "{written} {described}");
            for key in described["required"].as_array().unwrap() {
                assert!(written.get(key.as_str().unwrap()).is_some(), "{key}");
            }
        };
        check(&schema, &file);
        for one in ["totals", "meta"] {
            check(&schema["properties"][one], &file[one]);
        }
        for many in ["by_scenario", "baselines", "calibration"] {
            check(&schema["properties"][many]["items"], &file[many][0]);
        }
    }
}

#[cfg(feature = "html")]
mod page {
    use super::{
        super::fixture::{drawn, hostile},
        *,
    };

    /// Tags that never close.
    const VOID: [&str; 3] = ["meta", "br", "hr"];

    /// The elements of a page, checked to be balanced.
    fn elements(page: &str) -> Vec<String> {
        let body = page.strip_prefix("<!doctype html>\n").unwrap();
        let (mut open, mut seen) = (Vec::new(), Vec::new());
        for part in body.split('<').skip(1) {
            let (tag, _) = part.split_once('>').expect("a tag is closed");
            let name: String =
                tag.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
            assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "</{name}> closes another");
            } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
                open.push(name.clone());
                seen.push(name);
            } else {
                seen.push(name.trim_end_matches('/').to_owned());
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        seen
    }

    #[test]
    fn it_is_balanced_and_fetches_nothing() {
        let page = html(&evaluation(), &[drawn()]);
        let elements = elements(&page);
        let count = |name: &str| elements.iter().filter(|it| *it == name).count();
        // Comparison and timeline twice, calibration once, a mark for each who steers.
        assert_eq!(count("svg"), 2 + 2 + 1 + 6);
        for fetched in ["script", "link", "img", "iframe", "image", "use", "style"] {
            assert_eq!(count(fetched), usize::from(fetched == "style"), "{fetched}");
        }
        for word in ["http://", "https://", "url(", "@import", "NaN", "=\"inf"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn every_picture_says_what_it_is() {
        let page = html(&evaluation(), &[drawn()]);
        for picture in page.split("<svg ").skip(1).filter(|it| !it.starts_with("class=\"glyph\"")) {
            assert!(picture.contains("role=\"img\" aria-label=\"") && picture.contains("<title>"));
        }
    }

    #[test]
    fn a_hostile_scenario_stays_text() {
        let hostile_name = r#"</title></svg><script>alert("1")</script><img src=x onerror='y'>&"#;
        let mut evaluation = evaluation();
        let before = elements(&html(&evaluation, &[drawn()])).len();
        evaluation.by_scenario[0].scenario = hostile_name.to_owned();
        evaluation.baselines[0].entrant = hostile_name.to_owned();
        evaluation.meta.entrant = hostile_name.to_owned();
        evaluation.meta.config_hash = hostile_name.to_owned();
        let page = html(&evaluation, &[hostile(hostile_name)]);
        let elements = elements(&page);
        assert!(elements.iter().all(|it| !["script", "img"].contains(&it.as_str())));
        assert!(page.contains("&lt;script&gt;"));
        assert!(elements.len() < before + 60, "{} after {before}", elements.len());
        assert!(!page.contains("NaN") && !page.contains("=\"inf"));
    }

    #[test]
    fn the_same_evaluation_gives_the_same_bytes() {
        assert_eq!(html(&evaluation(), &[drawn()]), html(&evaluation(), &[drawn()]));
    }

    #[test]
    fn it_stays_small() {
        let one = html(&evaluation(), &[drawn()]).len();
        let two = html(&evaluation(), &[drawn(), drawn()]).len();
        assert!(two - one < 60_000, "{} bytes a scenario", two - one);
    }

    #[test]
    fn an_empty_evaluation_is_a_page() {
        let page = html(&Evaluation::default(), &[]);
        elements(&page);
        assert!(page.contains("no\ndata"));
    }
}
