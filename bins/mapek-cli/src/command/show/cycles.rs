//! `mapek cycles`.

use miette::miette;
use serde_json::Value;

use super::{ages, list, one, period, violations};
use crate::{
    cli::{ApiArgs, CyclesCommand},
    command::{
        Done,
        api::Api,
        output::{Cell, Out, OutputError, Table, Tone},
        words::{self, Ages, cause, each, measure, number, percent, word, words},
    },
};

/// Violations of a cycle that are shown; `--json` has all.
const OPEN_MAX: usize = 20;

pub(in crate::command) async fn cycles(command: &CyclesCommand) -> Done {
    match command {
        CyclesCommand::List { breached, period: bounds, list: page } => {
            let mut query = period(bounds);
            query.extend(breached.then(|| ("breached", "true".to_owned())));
            let header = ["CYCLE", "AGE", "OPEN", "CAUSE", "DECISIONS", "WOKEN BY"];
            list(page, "/api/v1/cycles", &query, "no cycles", header, row).await
        }
        CyclesCommand::Show { number, api } => show(*number, api).await,
    }
}

fn row(cycle: &Value, ages: Ages) -> [Cell; 6] {
    let open = cycle["open"].as_u64().unwrap_or(0);
    let suspect = each(&cycle["causes"]).next();
    let suspect =
        suspect.map(|it| format!("{} ({})", word(&it["cause"]), percent(&it["confidence"])));
    let faulty = each(&cycle["faults"]).next().is_some();
    let decisions = if faulty { "fault".to_owned() } else { words::pairs(&cycle["decisions"]) };
    [
        word(&cycle["number"]).into(),
        ages.ago(&cycle["at"]).into(),
        Cell::new(open.to_string()).tone(if open > 0 { Tone::Warn } else { Tone::Plain }),
        suspect.unwrap_or_else(|| "-".to_owned()).into(),
        Cell::new(decisions).tone(if faulty { Tone::Bad } else { Tone::Plain }),
        words::list(&cycle["woken_by"]).into(),
    ]
}

async fn show(number: Option<u64>, args: &ApiArgs) -> Done {
    let number = match number {
        Some(number) => number,
        None => newest(args).await?,
    };
    one(args, &format!("/api/v1/cycles/{number}"), tell).await
}

async fn newest(args: &ApiArgs) -> miette::Result<u64> {
    let newest = Api::of(args)?.list("/api/v1/cycles", &[], 1).await?;
    newest.items.first().and_then(|cycle| cycle["number"].as_u64()).ok_or_else(|| {
        miette!(help = "wait for the first one, and ask again", "there is no cycle yet")
    })
}

/// The chain, from what was seen to what came of it.
fn tell(cycle: &Value, out: &mut Out) -> Result<(), OutputError> {
    let ages = ages();
    let mut table = Table::facts();
    table.fact("cycle", word(&cycle["number"]));
    table.fact("woken by", words::list(&cycle["woken_by"]));
    if !cycle["paused"].is_null() {
        table.fact("paused", Cell::new(word(&cycle["paused"])).tone(Tone::Warn));
    }
    seen(&cycle["seen"], &mut table);
    violations::facts(&cycle["diagnosis"], ages, &mut table);
    planned(cycle, &mut table);
    for progress in each(&cycle["progress"]) {
        let status = &progress["status"];
        let phase = status["ending"].as_str().or_else(|| status["phase"].as_str());
        let why = progress["waits"].as_str().or_else(|| progress["held_back"].as_str());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let (id, phase) = (word(&progress["execution"]), phase.unwrap_or("-"));
        table.fact("execution", format!("{id} {phase}{why}"));
    }
    for outcome in each(&cycle["outcomes"]) {
        let (verdict, why) = (word(&outcome["verdict"]), word(&outcome["reason"]));
        table.fact("learned", format!("{}: {verdict}: {why}", word(&outcome["signature"])));
    }
    for (name, values) in [("escalation", &cycle["escalations"]), ("fault", &cycle["faults"])] {
        words(values).for_each(|it| table.fact(name, Cell::new(it).tone(Tone::Warn)));
    }
    table.fact("next cycle", ages.moment(&cycle["next_due"]));
    out.table(&table)
}

fn seen(seen: &Value, table: &mut Table) {
    for (source, doubts) in seen["quality"].as_object().into_iter().flatten() {
        let doubts: Vec<_> = each(doubts).map(doubt).collect();
        let doubts = if doubts.is_empty() { "fresh".to_owned() } else { doubts.join(", ") };
        table.fact("source", format!("{source}: {doubts}"));
    }
    let open: Vec<_> = each(&seen["open"]).collect();
    for one in open.iter().take(OPEN_MAX) {
        let place = one["component"].as_str().map(|it| format!(" at {it}")).unwrap_or_default();
        let bound = &one["threshold"];
        let bound = if bound.is_null() {
            String::new()
        } else {
            format!(", must not cross {}", measure(bound))
        };
        let (severity, what) = (word(&one["severity"]), word(&one["expectation"]));
        let value = measure(&one["value"]);
        table.fact("violation", format!("{severity} {what}{place}: {value}{bound}"));
    }
    if open.len() > OPEN_MAX {
        table.fact("", format!("and {} more; --json tells them", open.len() - OPEN_MAX));
    }
    let values = seen["values"].as_object().into_iter().flatten();
    for (name, value) in values {
        table.fact("value", format!("{name} {}", measure(value)));
    }
}

/// Why a source is not believed.
fn doubt(doubt: &Value) -> String {
    let (subject, detail) = (word(&doubt["subject"]), word(&doubt["detail"]));
    format!("{} of {subject}: {detail}", word(&doubt["kind"]))
}

fn planned(cycle: &Value, table: &mut Table) {
    if !cycle["no_planning"].is_null() {
        let why = &cycle["no_planning"];
        let of = why["execution"].as_str().map(|id| format!(" {id}")).unwrap_or_default();
        table.fact("no planning", format!("{}{of}", word(&why["why"])));
    }
    for decided in each(&cycle["decisions"]) {
        let decision = word(&decided["decision"]["decision"]);
        let begun = decided["execution"].as_str().map(|id| format!(", begun as {id}"));
        let summary = word(&decided["summary"]);
        table.fact("decided", format!("{summary}: {decision}{}", begun.unwrap_or_default()));
        for refusal in each(&decided["decision"]["refusals"]) {
            let rail = word(&refusal["rail"]);
            table.fact("", format!("{rail}: {}", word(&refusal["reason"])));
        }
    }
    let planning = &cycle["planning"];
    for waiting in each(&planning["waiting"]) {
        table.fact("waits", words::steps(&waiting["plan"]));
    }
    for turned_down in each(&planning["rejected"]) {
        table.fact("not proposed", word(&turned_down["text"]));
    }
    if !planning["escalate"].is_null() {
        table.fact("escalates", word(&planning["escalate"]));
    }
    for plan in each(&planning["plans"]) {
        let score = number(&plan["score"]);
        let what = words::steps(plan);
        table.fact("plan", format!("{what}, against {}, score {score}", cause(&plan["cause"])));
    }
}
