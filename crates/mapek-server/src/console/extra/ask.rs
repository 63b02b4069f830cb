//! Acting on an extra page: what is asked for must be what the page offers.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, rejection::JsonRejection},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;

use super::{Extra, Section};
use crate::{
    Person,
    api::{Acting, Problem, repeated},
};

/// What the pressed button is called in what is sent.
const ITEM: &str = "item";

/// What somebody asks for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub person: &'a Person,
    /// The act of the section whose button they pressed.
    pub act: &'a str,
    /// The value of that button.
    pub item: &'a str,
    /// What they chose, by the names of the section's choices: all of them, each one that the section offers.
    pub chosen: &'a BTreeMap<String, String>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    said: String,
}

/// Asks for what somebody has sent, if the page offers it.
pub(super) fn answer(
    extra: &dyn Extra,
    Acting(who): Acting,
    Path(act): Path<String>,
    said: Result<Json<BTreeMap<String, String>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(mut said) = said
        .map_err(|rejection| Problem::new(rejection.status(), repeated(&rejection.body_text())))?;
    let sheet = extra.sheet();
    let section = sheet.sections.iter().find(|it| it.act == Some(act.as_str()));
    let section = section.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, format!("nobody offers {}", repeated(&act)))
    })?;
    let item = said.remove(ITEM).unwrap_or_default();
    offered(section, &item, &said)?;
    let asked = Asked { person: &who.person, act: &act, item: &item, chosen: &said };
    match extra.act(&asked) {
        Ok(said) => {
            tracing::info!(person = %who.person, act, item, "a person acted");
            Ok(Json(Done { said }).into_response())
        }
        Err(why) => {
            tracing::warn!(person = %who.person, act, item, why, "what a person asked for was not done");
            Err(Problem::new(StatusCode::CONFLICT, why))
        }
    }
}

/// Whether a section has that button at the moment, and these choices.
fn offered(
    section: &Section,
    item: &str,
    chosen: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    if let Some(why) = &section.closed {
        return Err(Problem::new(StatusCode::CONFLICT, why.clone()));
    }
    let mut buttons = section.items.iter().filter_map(|it| it.button.as_ref());
    if !buttons.any(|button| button.value == item) {
        let detail = format!("{} is not there any more; look again", repeated(item));
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    for choice in &section.choices {
        let value = chosen.get(choice.name).map(String::as_str);
        if !choice.options.iter().any(|(one, _)| Some(*one) == value) {
            let all: Vec<_> = choice.options.iter().map(|(one, _)| *one).collect();
            let detail = format!("{} is one of {}", choice.name, all.join(", "));
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
    }
    let known = |name: &String| section.choices.iter().any(|it| it.name == name);
    match chosen.keys().find(|name| !known(name)) {
        Some(name) => {
            let detail = format!("{} is nothing that can be chosen", repeated(name));
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        None => Ok(()),
    }
}
