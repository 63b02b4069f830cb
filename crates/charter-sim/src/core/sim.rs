//! What only the reference server has: faults by request.

use charter_client::Reason;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::api_fault::ApiFault;
use super::charter::Charter;
use super::refusal::Refusal;
use crate::plant::{Fault, FaultKind, InvalidFault};

/// A fault of the plant, or one of the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnyFault {
    /// Something goes wrong in the plant.
    Plant(Fault),
    /// Something goes wrong with calls.
    Api(ApiFault),
}

/// A fault that was injected, with what a run is scored against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultRecord {
    /// Its id.
    pub fault_id: String,
    /// What was injected.
    #[serde(flatten)]
    pub fault: AnyFault,
    /// The true cause that a loop should find; faults of the API have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Whether it is at work now: begun, not over, and not undone by a remedy.
    pub active: bool,
}

impl AnyFault {
    /// Reads a fault from a request, by its `kind`.
    ///
    /// # Errors
    ///
    /// `validation-failed`, with the kinds that are known if this one is not.
    pub fn read(body: Value) -> Result<Self, Refusal> {
        let kind = body.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let refuse = |field: &str, text: String| {
            Refusal::invalid("the fault cannot be injected", vec![Reason::new(field, text)])
        };
        let known = || FaultKind::ALL.into_iter().map(FaultKind::cause).chain(ApiFault::KINDS);
        if !known().any(|name| name == kind) {
            let names: Vec<&str> = known().collect();
            return Err(refuse("kind", format!("is none of {}", names.join(", "))));
        }
        let read = if ApiFault::KINDS.contains(&kind.as_str()) {
            serde_json::from_value(body).map(Self::Api)
        } else {
            serde_json::from_value(body).map(Self::Plant)
        };
        read.map_err(|error| refuse("", error.to_string()))
    }
}

impl From<Fault> for AnyFault {
    fn from(fault: Fault) -> Self {
        Self::Plant(fault)
    }
}

impl From<ApiFault> for AnyFault {
    fn from(fault: ApiFault) -> Self {
        Self::Api(fault)
    }
}

impl Charter {
    /// Most faults of the API that wait.
    const API_FAULTS_MAX: usize = 1_000;

    /// Injects a fault.
    ///
    /// # Errors
    ///
    /// `validation-failed` with the field that is wrong.
    pub fn inject(&mut self, fault: impl Into<AnyFault>) -> Result<FaultRecord, Refusal> {
        let refuse = |field: &str, text: String| {
            Refusal::invalid("the fault cannot be injected", vec![Reason::new(field, text)])
        };
        match fault.into() {
            AnyFault::Plant(mut fault) => {
                let now = self.now();
                fault.at = Some(fault.at.unwrap_or(now));
                let injected = self.plant.inject(fault.clone());
                let fault_id =
                    injected.map_err(|error| refuse(field_of(&error), error.to_string()))?;
                Ok(record(fault_id, &fault, now))
            }
            AnyFault::Api(fault) => {
                fault.check().map_err(|(field, text)| refuse(field, text))?;
                if self.troubles.len() >= Self::API_FAULTS_MAX {
                    return Err(refuse("", format!("{} wait already", Self::API_FAULTS_MAX)));
                }
                let fault_id = format!("api-fault-{}", self.next_trouble);
                self.next_trouble += 1;
                self.troubles.add(fault_id.clone(), fault.clone());
                Ok(FaultRecord { fault_id, fault: fault.into(), cause: None, active: true })
            }
        }
    }

    /// All faults: those of the plant in order of injection, then those of the API that wait.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRecord> {
        let plant = self.plant.faults().map(|(id, fault, active)| FaultRecord {
            fault_id: id.to_owned(),
            fault: fault.clone().into(),
            cause: Some(fault.kind.cause()),
            active,
        });
        let api = self.troubles.iter().map(|(id, fault)| FaultRecord {
            fault_id: id.clone(),
            fault: fault.clone().into(),
            cause: None,
            active: true,
        });
        plant.chain(api).collect()
    }

    /// Ends a fault; false if there is none of this id.
    pub fn clear_fault(&mut self, id: &str) -> bool {
        self.plant.clear(id) || self.troubles.remove(id)
    }
}

fn record(fault_id: String, fault: &Fault, now: Timestamp) -> FaultRecord {
    let active = fault.at.is_none_or(|at| at <= now);
    let cause = Some(fault.kind.cause());
    FaultRecord { fault_id, fault: fault.clone().into(), cause, active }
}

const fn field_of(error: &InvalidFault) -> &'static str {
    match error {
        InvalidFault::Intensity { .. } => "intensity",
        InvalidFault::NoSuchNode { .. } => "node",
        InvalidFault::TooMany { .. } => "",
    }
}
