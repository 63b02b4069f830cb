//! `POST /api/v1/policies/validate`: would this be accepted?

use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{PolicySpec, Reason};

/// What to validate: a policy, or one action.
///
/// A policy is written as `{"policy": {…}}`; read, the policy alone will do.
///
/// ```
/// use charter_client::ValidateRequest;
///
/// let request: ValidateRequest = serde_json::from_str(r#"{"action": "scale_up", "replicas": 5}"#)?;
/// assert!(matches!(request, ValidateRequest::Action(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ValidateRequest {
    /// A policy.
    Policy {
        /// As it would be applied.
        policy: PolicySpec,
    },
    /// One action.
    Action(ActionRequest),
}

impl<'de> Deserialize<'de> for ValidateRequest {
    /// Decides by the keys that are there, so that an error speaks of the form that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Map::<String, Value>::deserialize(deserializer)?;
        if let Some(policy) = map.remove("policy") {
            Ok(Self::Policy { policy: read(policy)? })
        } else if map.contains_key("action") {
            Ok(Self::Action(read(Value::Object(map))?))
        } else if map.contains_key("config") {
            Ok(Self::Policy { policy: read(Value::Object(map))? })
        } else {
            Err(de::Error::custom("neither `policy` nor `action`"))
        }
    }
}

fn read<T: DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

/// One action with its parameters, flat in one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionRequest {
    /// The action: `scale_up`, `scale_down`, `restart_service`, or the kind of a policy.
    pub action: String,
    /// Its parameters, such as `replicas`.
    #[serde(flatten)]
    pub parameters: Map<String, Value>,
}

/// The verdict. *Invalid* comes as a 422 on the wire and is an answer here, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// Whether it would be accepted.
    pub valid: bool,
    /// Why not; empty when valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Whether the key of this call may send it; absent where Charter does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted: Option<bool>,
}

impl Validation {
    /// It would be accepted.
    #[must_use]
    pub fn valid() -> Self {
        Self { valid: true, reasons: Vec::new(), permitted: None }
    }

    /// It would be refused.
    #[must_use]
    pub fn invalid(reasons: Vec<Reason>) -> Self {
        Self { valid: false, reasons, permitted: None }
    }

    /// The same, told whether this key may send it.
    #[must_use]
    pub const fn with_permission(mut self, permitted: bool) -> Self {
        self.permitted = Some(permitted);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ValidateRequest, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_may_come_alone_or_wrapped() {
        let alone = parse(r#"{"name": "p", "config": {"kind": "x"}}"#).unwrap();
        let wrapped = parse(r#"{"policy": {"name": "p", "config": {"kind": "x"}}}"#).unwrap();
        assert_eq!(alone, wrapped);
        assert!(serde_json::to_string(&alone).unwrap().starts_with(r#"{"policy":"#));
    }

    #[test]
    fn errors_speak_of_the_form_that_was_meant() {
        assert!(parse("{}").unwrap_err().contains("neither `policy` nor `action`"));
        assert!(parse(r#"{"policy": {"config": {}}}"#).unwrap_err().contains("`name`"));
        assert!(parse(r#"{"action": 5}"#).unwrap_err().contains("string"));
        assert!(parse("[]").is_err());
    }
}
