//! The page around it all.

use super::{
    super::{
        Evaluation,
        words::{kind, tame},
    },
    Drawn,
    escape::escape,
    palette, sections,
    timeline::timeline,
};

/// Nothing may be fetched or run, whatever gets into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn page(evaluation: &Evaluation, drawn: &[Drawn]) -> String {
    let timelines: String =
        drawn.iter().enumerate().map(|(place, it)| scenario(evaluation, place, it)).collect();
    let timelines = if drawn.is_empty() {
        String::new()
    } else {
        format!(
            "<section id=\"timelines\"><h2>One run of each</h2>{}{timelines}</section>\n",
            sections::key()
        )
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>{style}@media screen and (prefers-color-scheme:dark){{{dark}}}</style>\n\
         </head>\n<body>\n{head}<main>\n{goals}{compared}{calibrated}{scenarios}{timelines}</main>\n</body>\n</html>\n",
        title = escape(&format!("Evaluation of {}", tame(&evaluation.meta.entrant, 64))),
        style = include_str!("style.css"),
        dark = palette::dark_rules(),
        head = sections::head(evaluation, !drawn.is_empty()),
        goals = sections::goals(evaluation),
        compared = sections::compared(evaluation),
        calibrated = sections::calibrated(evaluation),
        scenarios = sections::scenarios(evaluation, drawn),
    )
}

/// One scenario: what it is, what came of it, its timeline, and all that happened in words.
fn scenario(evaluation: &Evaluation, place: usize, drawn: &Drawn) -> String {
    let scenario = &drawn.scenario;
    let result = evaluation.by_scenario.iter().find(|it| it.scenario == scenario.name);
    format!(
        "<article class=\"scenario\" id=\"{id}\">\n<h3>{name} <span class=\"kind {kind}\">{kind}</span></h3>\n\
         <p>{description}</p>\n{facts}<div class=\"picture\">{picture}</div>\n{list}</article>\n",
        id = anchor(place),
        name = escape(&tame(&scenario.name, 80)),
        kind = kind(scenario.kind),
        description = escape(&scenario.description),
        facts =
            result.map(|it| sections::facts(&it.figures, drawn.steered.seed)).unwrap_or_default(),
        picture = timeline(drawn),
        list = sections::happened(&drawn.steered),
    )
}

/// Where the timeline of a scenario is. Its place, as its name could be anything.
pub(super) fn anchor(place: usize) -> String {
    format!("scenario-{}", place + 1)
}
