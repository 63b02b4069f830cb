//! `docs/causes.md` says what the catalogue says.

use std::fmt::Write;

use super::*;

const BEGIN: &str = "<!-- The rest is what the catalogue says; a test compares them. -->\n";

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/causes.md");
    std::fs::read_to_string(path).unwrap()
}

/// The part of the document that the catalogue writes.
fn written(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    for cause in catalogue.causes() {
        let names = |patterns: &[Pattern]| {
            let quoted: Vec<_> = patterns.iter().map(|it| format!("`{it}`")).collect();
            quoted.join(", ")
        };
        let metric = cause.metric.as_ref().map_or("none".to_owned(), |it| format!("`{it}`"));
        write!(
            out,
            "\n### `{}`\n\n{}\n\nPrior {:+.1}. Shown best by: {metric}. Explains: {}.\n\n",
            cause.kind,
            cause.title,
            cause.prior,
            names(&cause.explains)
        )
        .unwrap();
        out.push_str("| Clue | If so | If not |\n|---|---|---|\n");
        for clue in &cause.clues {
            let place = if clue.locates { " (says where)" } else { "" };
            let (then, not) = (clue.then, clue.otherwise);
            writeln!(out, "| {}{place} | {then:+.1} | {not:+.1} |", clue.words).unwrap();
        }
        out.push_str("\n| Remedy | Action | Undo |\n|---|---|---|\n");
        for remedy in &cause.remedies {
            writeln!(out, "| {} | `{}` | {} |", remedy.words, remedy.action, remedy.undo).unwrap();
        }
    }
    out
}

#[test]
fn the_document_says_what_the_catalogue_says() {
    let document = document();
    let (_, rest) = document.split_once(BEGIN).expect("the document has the line");
    let written = written(&Catalogue::shipped());
    assert!(rest == written, "docs/causes.md must end with:\n{BEGIN}{written}");
}

#[test]
fn every_watched_value_and_resource_that_a_clue_names_is_in_the_document() {
    fn names(condition: &Condition, found: &mut BTreeSet<String>) {
        match condition {
            Condition::Watch(test) => found.extend([test.name.clone()]),
            Condition::Resource(test) => found.extend([test.kind.clone()]),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| names(part, found));
            }
            Condition::Not(part) => names(part, found),
            _ => {}
        }
    }
    let document = document();
    let (prose, _) = document.split_once(BEGIN).unwrap();
    let mut found = BTreeSet::new();
    for clue in Catalogue::shipped().causes().iter().flat_map(|cause| &cause.clues) {
        names(&clue.when, &mut found);
    }
    assert!(found.len() > 10);
    for name in found {
        assert!(prose.contains(&format!("| `{name}` |")), "{name} is not in a table");
    }
}
