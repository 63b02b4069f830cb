//! `mapek token new`.

use std::process::ExitCode;

use mapek::{model::later, server::Token};
use miette::{IntoDiagnostic as _, miette};
use serde_json::json;

use super::{Done, output::Out};
use crate::{cli::TokenNewArgs, compose};

/// Makes a token, prints it once, and prints what the configuration has to say about it.
pub(super) fn new(args: &TokenNewArgs) -> Done {
    let (person, role) = (&args.name, args.role);
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| miette!("the system gives no random numbers: {error}"))?;
    let token = Token::from_random(random);
    let expires = args.expires.map(|after| later(compose::system_clock().now(), after));
    // To the second: it is written into a file by hand.
    let expires = expires.map(|at| at.round(jiff::Unit::Second)).transpose().into_diagnostic()?;
    let hash = token.hash();
    let mut out = Out::stdout();
    if args.json {
        let mut entry = json!({"name": person, "role": role, "sha256": hash});
        if let Some(expires) = expires {
            entry["expires"] = json!(expires);
        }
        out.json(&json!({"token": token.expose(), "entry": entry}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let expires = expires.map_or_else(String::new, |at| format!(", expires: {at}"));
    out.line(format_args!("token    {}", token.expose()))?;
    out.line(format_args!(
        "         give it to {person}; it is not kept anywhere and not shown again"
    ))?;
    out.line("add to api.auth.tokens, and start again:")?;
    out.line(format_args!("  - {{name: {person}, role: {role}, sha256: {hash}{expires}}}"))?;
    Ok(ExitCode::SUCCESS)
}
