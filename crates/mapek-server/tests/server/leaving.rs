//! Streams of those who may follow no longer.

use std::time::Duration;

use mapek_server::{Credential, Identities, Proof, Role, ServerConfig, TokenHash};
use tokio::time::timeout;

use crate::{
    sample::{Shown, at, client},
    steered::{Steered, everybody},
};

const DEADLINE: Duration = Duration::from_secs(20);

async fn follow(shown: &Shown, token: &str) -> reqwest::Response {
    let answer = client().get(shown.url("/api/v1/events")).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

/// Reads to the end of a stream, which comes.
async fn ends(stream: reqwest::Response) {
    timeout(DEADLINE, stream.bytes()).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_it_was_asked_for_by() {
    let steered = Steered::new();
    let identities = everybody();
    let shown = Shown::serve(steered.api(identities.clone()), ServerConfig::default()).await;
    let (late, mut operator, viewer) = (
        follow(&shown, "late").await,
        follow(&shown, "operator").await,
        follow(&shown, "viewer").await,
    );
    steered.clock.advance_to(at(60));
    ends(late).await;

    let proof = Proof::Token { hash: TokenHash::of("operator"), expires: None };
    let left = Credential { person: "operator".parse().unwrap(), role: Role::Viewer, proof };
    identities.replace(&Identities::try_new(vec![left]).unwrap());
    ends(viewer).await;
    // Who is still known goes on, in a role that suffices.
    operator.chunk().await.unwrap().expect("the first state");
    steered.refresh();
    timeout(DEADLINE, operator.chunk()).await.unwrap().unwrap().expect("it goes on");
    identities.replace(&Identities::default());
    ends(operator).await;
}
