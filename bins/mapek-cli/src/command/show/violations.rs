//! `mapek violations` and `mapek diagnosis`.

use miette::miette;
use serde_json::Value;

use super::{ages, list, print};
use crate::{
    cli::{ApiArgs, ViolationsArgs},
    command::{
        Done,
        api::Api,
        output::Table,
        words::{self, Ages, cause, each, measure, percent, word, words},
    },
};

pub(in crate::command) async fn violations(args: &ViolationsArgs) -> Done {
    let ViolationsArgs { severity, expectation, component, list: page } = args;
    let wanted = [("severity", severity), ("expectation", expectation), ("component", component)];
    let query = wanted.into_iter().filter_map(|(name, it)| Some((name, it.clone()?)));
    let query: Vec<_> = query.collect();
    let header = ["SEVERITY", "AGE", "WHAT", "WHERE", "VALUE", "THRESHOLD", "LABELS"];
    list(page, "/api/v1/violations", &query, "nothing is wrong", header, |one, ages| {
        [
            words::severity(&one["severity"]),
            ages.ago(&one["onset"]).into(),
            word(&one["expectation"]).into(),
            word(&one["component"]).into(),
            measure(&one["value"]).into(),
            measure(&one["threshold"]).into(),
            words::pairs(&one["labels"]).into(),
        ]
    })
    .await
}

pub(in crate::command) async fn diagnosis(args: &ApiArgs) -> Done {
    let newest = Api::of(args)?.list("/api/v1/diagnoses", &[], 1).await?;
    let newest = newest.items.first().ok_or_else(|| {
        miette!(help = "wait for the first cycle, and ask again", "there is no diagnosis yet")
    })?;
    print(args, newest, |newest, out| {
        let mut table = Table::facts();
        table.fact("cycle", word(&newest["cycle"]));
        facts(newest, ages(), &mut table);
        out.table(&table)
    })
}

/// What a cycle thinks is wrong.
pub(super) fn facts(diagnosis: &Value, ages: Ages, table: &mut Table) {
    table.fact("at", ages.moment(&diagnosis["at"]));
    for finding in each(&diagnosis["findings"]) {
        let place = finding["component"].as_str().map(|it| format!(" at {it}"));
        let place = place.unwrap_or_default();
        let (kind, sure) = (word(&finding["kind"]), percent(&finding["confidence"]));
        let text = word(&finding["hypothesis"]);
        table.fact("finding", format!("{kind}{place} ({sure}): {text}"));
    }
    if each(&diagnosis["causes"]).next().is_none() {
        let known = each(&diagnosis["unexplained"]).next().is_some();
        table.fact("cause", if known { "unknown" } else { "none: nothing is wrong" });
    }
    for suspect in each(&diagnosis["causes"]) {
        let sure = percent(&suspect["confidence"]);
        let cycles = word(&suspect["persisted_cycles"]);
        let what = cause(&suspect["cause"]);
        table.fact("cause", format!("{what} ({sure}), for {cycles} cycles"));
        words(&suspect["reasons"]).for_each(|reason| table.fact("", reason));
    }
    if !diagnosis["risk"].is_null() {
        table.fact("risk if left", word(&diagnosis["risk"]));
    }
    words(&diagnosis["recommendations"]).for_each(|it| table.fact("recommended", it));
}
