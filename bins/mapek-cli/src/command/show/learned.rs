//! `mapek outcomes` and `mapek insights`.

use super::{list, period};
use crate::{
    cli::{ListArgs, OutcomesArgs},
    command::{
        Done,
        output::{Cell, Tone},
        words::{cause, length, percent, word},
    },
};

pub(in crate::command) async fn outcomes(args: &OutcomesArgs) -> Done {
    let mut query = period(&args.period);
    query.extend(args.verdict.clone().map(|verdict| ("verdict", verdict)));
    let header = ["AGE", "VERDICT", "AGAINST", "WHAT WAS DONE", "EXPECTED", "AFTER", "WHY"];
    list(&args.list, "/api/v1/outcomes", &query, "no outcomes", header, |one, ages| {
        let tone = match one["verdict"].as_str() {
            Some("success") => Tone::Good,
            Some("degradation") => Tone::Bad,
            _ => Tone::Warn,
        };
        [
            ages.ago(&one["judged"]).into(),
            Cell::new(word(&one["verdict"])).tone(tone),
            cause(&one["cause"]).into(),
            word(&one["signature"]).into(),
            percent(&one["predicted"]).into(),
            length(&one["time_to_effect"]).into(),
            word(&one["reason"]).into(),
        ]
    })
    .await
}

pub(in crate::command) async fn insights(args: &ListArgs) -> Done {
    let none = "nothing was learned yet";
    list(args, "/api/v1/insights", &[], none, ["AGAINST", "WHAT WAS LEARNED"], |one, _| {
        [word(&one["cause"]).into(), word(&one["text"]).into()]
    })
    .await
}
