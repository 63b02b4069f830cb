//! Scaling and restarting the committee.

use charter_client::{
    ActionRequest, CharterApi, CommitteeState, CommitteeStatus, ETag, RestartRequest, ScaleRequest,
    Seconds, Tagged, ValidateRequest, Validation,
};
use mapek_model::{Action, Way};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    failure::{permitted, reading, sending as failed, verdict},
    options,
};
use crate::{EffectError, Presence, Sending};

pub(super) struct Committee<'a> {
    pub(super) api: &'a dyn CharterApi,
}

/// The committee before a step.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Before {
    /// The size that was asked for.
    replicas: u32,
    generation: Option<u64>,
    etag: Option<ETag>,
}

impl Committee<'_> {
    async fn now(&self) -> Result<Tagged<CommitteeState>, EffectError> {
        self.api.committee().await.map_err(|error| reading(&error))
    }

    pub(super) async fn read(&self) -> Result<Before, EffectError> {
        let Tagged { value, etag, .. } = self.now().await?;
        Ok(Before { replicas: wanted(&value), generation: value.generation, etag })
    }

    pub(super) async fn rehearse(&self, action: &Action) -> Result<(), EffectError> {
        verdict(&self.ask(action).await?)
    }

    async fn ask(&self, action: &Action) -> Result<Validation, EffectError> {
        let parameters = match action {
            Action::ScaleUp { replicas } | Action::ScaleDown { replicas } => {
                json!({ "replicas": replicas })
            }
            _ => serde_json::to_value(restart(action)?)
                .map_err(|error| EffectError::refused(error.to_string()))?,
        };
        let parameters = match parameters {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let request = ActionRequest { action: action.kind().as_str().to_owned(), parameters };
        let answer = self.api.validate(&ValidateRequest::Action(request)).await;
        answer.map_err(|error| reading(&error))
    }

    /// Charter validates a size against the present one, which the undo would not be sent at: what it says of the
    /// sizes that it accepts is what there is to go by, and whether it would take any from us.
    pub(super) async fn rehearse_undo(
        &self,
        action: &Action,
        before: &Before,
    ) -> Result<(), EffectError> {
        if !matches!(action, Action::ScaleUp { .. } | Action::ScaleDown { .. }) {
            return Err(EffectError::refused("a restart cannot be undone"));
        }
        let CommitteeState { replicas_min, replicas_max, .. } = self.now().await?.value;
        let (min, max) = (replicas_min.unwrap_or(1), replicas_max.unwrap_or(u32::MAX));
        let back = before.replicas;
        if (min..=max).contains(&back) {
            // Whether it would be accepted now says nothing: it is not the size to come back from.
            let way_back = match action {
                Action::ScaleUp { .. } => Action::ScaleDown { replicas: back },
                _ => Action::ScaleUp { replicas: back },
            };
            return permitted(&self.ask(&way_back).await?);
        }
        let reason =
            format!("there is no way back to {back} replicas: {min} to {max} are accepted");
        Err(EffectError::refused(reason))
    }

    pub(super) async fn apply(
        &self,
        action: &Action,
        before: &Before,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        let options = options(sending, before.etag.as_ref())?;
        match action {
            Action::ScaleUp { replicas } | Action::ScaleDown { replicas } => {
                let request = ScaleRequest { replicas: *replicas };
                let state = self.api.scale(&request, &options).await;
                Ok(scaled(&state.map_err(|error| failed(&error))?))
            }
            _ => {
                let accepted = self.api.restart(&restart(action)?, &options).await;
                let accepted = accepted.map_err(|error| failed(&error))?.value;
                Ok(json!({ "nodes": accepted.nodes, "accepted_at": accepted.accepted_at }))
            }
        }
    }

    /// Back to the captured size, unless somebody else has set another one meanwhile: that is theirs to explain.
    pub(super) async fn undo(
        &self,
        action: &Action,
        before: &Before,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        let (Action::ScaleUp { replicas } | Action::ScaleDown { replicas }) = action else {
            return Err(EffectError::refused("a restart cannot be undone"));
        };
        let state = self.now().await?;
        let present = wanted(&state.value);
        if present == before.replicas {
            return Ok(json!({ "replicas": present }));
        }
        if present != *replicas {
            let reason = format!("somebody else has scaled to {present} since");
            return Err(EffectError::refused(reason));
        }
        let request = ScaleRequest { replicas: before.replicas };
        let options = options(sending, state.etag.as_ref())?;
        let state = self.api.scale(&request, &options).await;
        Ok(scaled(&state.map_err(|error| failed(&error))?))
    }

    pub(super) async fn read_back(
        &self,
        action: &Action,
        way: Way,
        before: &Before,
    ) -> Result<Presence, EffectError> {
        let state = self.now().await?;
        let (Action::ScaleUp { replicas } | Action::ScaleDown { replicas }) = action else {
            return Ok(restarted(&state.value, before));
        };
        let expected = if way == Way::Do { *replicas } else { before.replicas };
        Ok(if wanted(&state.value) == expected {
            Presence::Applied { receipt: scaled(&state) }
        } else {
            Presence::NotApplied
        })
    }
}

/// The size that was last asked for: it is there at once, the replicas follow.
fn wanted(state: &CommitteeState) -> u32 {
    state.target_replicas.unwrap_or(state.replicas)
}

fn scaled(state: &Tagged<CommitteeState>) -> Value {
    json!({ "replicas": wanted(&state.value), "etag": state.etag })
}

/// The generation rises with every accepted scale or restart and with nothing else: if it stands still, ours was not
/// one of them. If it has risen, ours may have been one.
fn restarted(state: &CommitteeState, before: &Before) -> Presence {
    let counted = state.generation.zip(before.generation);
    let under_way = state.status == CommitteeStatus::Recovering
        && state.nodes.iter().any(|node| node.restarting);
    match counted {
        Some((now, then)) if now == then => Presence::NotApplied,
        Some(_) if under_way => Presence::Applied {
            receipt: json!({ "read_back": "nodes are restarting", "generation": state.generation }),
        },
        Some((now, then)) => Presence::Unknown {
            reason: format!("the committee changed from generation {then} to {now}"),
        },
        None => Presence::Unknown { reason: "the committee counts no generations".to_owned() },
    }
}

fn restart(action: &Action) -> Result<RestartRequest, EffectError> {
    let Action::RestartService { graceful, timeout, node } = action else {
        return Err(EffectError::refused(format!("the committee cannot {action}")));
    };
    let timeout =
        Seconds::try_from(*timeout).map_err(|error| EffectError::refused(error.to_string()))?;
    let node = node.as_ref().map(ToString::to_string);
    Ok(RestartRequest { graceful: *graceful, timeout, node })
}
