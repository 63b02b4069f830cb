//! The four mutations, in the order of checks that the contract gives: key, epoch, tag, validity, state, effect.

use charter_client::{
    Applied, ApplyRequest, Call, CallOptions, ETag, PolicyId, PolicyStatus, ProblemKind,
    RestartAccepted, RestartRequest, RolledBack, ScaleRequest,
};
use serde_json::{Value, json};

use super::answer::Answer;
use super::api_fault::Trouble;
use super::charter::Charter;
use super::memory::Fingerprint;
use super::refusal::Refusal;
use super::validate;

/// One of the four calls that change Charter.
#[derive(Debug, Clone, PartialEq)]
pub enum Mutation {
    /// Applies a policy.
    Apply(ApplyRequest),
    /// Rolls a policy back.
    Rollback(PolicyId),
    /// Scales the committee.
    Scale(ScaleRequest),
    /// Restarts the committee or one node.
    Restart(RestartRequest),
}

/// A mutation as it came: what its key is compared by is its path and its body as sent, unknown members included.
#[derive(Debug, Clone, PartialEq)]
pub struct MutationRequest {
    /// What is asked for.
    pub mutation: Mutation,
    /// The path as sent.
    pub path: String,
    /// The body as sent.
    pub body: Value,
}

impl Mutation {
    /// The call that this is.
    #[must_use]
    pub const fn call(&self) -> Call {
        match self {
            Self::Apply(_) => Call::Apply,
            Self::Rollback(_) => Call::Rollback,
            Self::Scale(_) => Call::Scale,
            Self::Restart(_) => Call::Restart,
        }
    }

    /// The policy that it changes; without one it is the committee, or a policy yet without an id.
    fn policy(&self) -> Option<&PolicyId> {
        match self {
            Self::Apply(request) => request.policy.policy_id.as_ref(),
            Self::Rollback(id) => Some(id),
            Self::Scale(_) | Self::Restart(_) => None,
        }
    }
}

impl From<Mutation> for MutationRequest {
    /// The request as a client of the contract sends it.
    fn from(mutation: Mutation) -> Self {
        let (_, template) = mutation.call().route();
        let (path, body) = match &mutation {
            Mutation::Apply(request) => (template.to_owned(), json!(request)),
            Mutation::Rollback(id) => {
                (template.replace("{id}", &percent_encoded(id.as_str())), json!({}))
            }
            Mutation::Scale(request) => (template.to_owned(), json!(request)),
            Mutation::Restart(request) => (template.to_owned(), json!(request)),
        };
        Self { mutation, path, body }
    }
}

impl Charter {
    /// Does what a mutation asks for, once per key.
    ///
    /// # Errors
    ///
    /// The problem that the contract names; nothing has changed then.
    pub fn mutate(
        &mut self,
        request: &MutationRequest,
        options: &CallOptions,
    ) -> Result<Answer, Refusal> {
        let fingerprint = Fingerprint::of(&request.path, &request.body);
        let now = self.now();
        let honoured = options.idempotency_key.as_ref().filter(|_| self.keyed);
        if let Some(key) = honoured
            && let Some((answer, sequence)) = self.memory.recall(key, fingerprint, now)?
        {
            self.ledger.replayed(sequence);
            return Ok(answer);
        }
        self.check_epoch(options)?;
        self.check_tag(&request.mutation, options)?;
        let (answer, subject) = self.effect(&request.mutation)?;
        self.epoch = self.epoch.max(options.epoch);
        let key = options.idempotency_key.as_ref();
        let sequence = self.ledger.book(now, request.mutation.call(), &subject, key, options.epoch);
        if let Some(key) = honoured {
            self.memory.remember(key, fingerprint, (answer.clone(), sequence), now);
        }
        Ok(answer)
    }

    /// Takes a key for a request that a transport will only work on later; until then the key is in use. Answers whether
    /// it did: a request that will be answered from memory, or refused for its key, takes none.
    #[must_use = "what was taken has to be released before the request is worked on"]
    pub fn reserve(&mut self, request: &MutationRequest, options: &CallOptions) -> bool {
        let Some(key) = options.idempotency_key.as_ref().filter(|_| self.keyed) else {
            return false;
        };
        let fingerprint = Fingerprint::of(&request.path, &request.body);
        let now = self.now();
        let fresh = matches!(self.memory.recall(key, fingerprint, now), Ok(None));
        if fresh {
            self.memory.reserve(key, fingerprint);
        }
        fresh
    }

    /// Gives a reserved key back.
    pub fn release(&mut self, options: &CallOptions) {
        if let Some(key) = &options.idempotency_key {
            self.memory.release(key);
        }
    }

    /// What injected faults do to this call.
    pub(crate) fn trouble(&mut self, call: Call) -> Option<Trouble> {
        self.troubles.take(call)
    }

    fn check_epoch(&self, options: &CallOptions) -> Result<(), Refusal> {
        match (options.epoch, self.epoch) {
            (Some(given), Some(seen)) if given < seen => {
                let detail = format!("epoch {given} is older than {seen}");
                Err(Refusal::new(ProblemKind::EpochStale, detail))
            }
            _ => Ok(()),
        }
    }

    fn check_tag(&self, mutation: &Mutation, options: &CallOptions) -> Result<(), Refusal> {
        let Some(wanted) = &options.if_match else { return Ok(()) };
        let present = match (mutation, mutation.policy()) {
            (Mutation::Scale(_) | Mutation::Restart(_), _) => Some(self.committee_etag()),
            // A rollback of what does not exist is 404, whatever its tag.
            (Mutation::Rollback(id), _) => Some(self.policy_etag(id)?),
            (Mutation::Apply(_), id) => id.and_then(|id| self.policy_etag(id).ok()),
        };
        if present.as_ref() == Some(wanted) {
            return Ok(());
        }
        let detail = present.map_or_else(
            || "there is nothing yet under this id".to_owned(),
            |present| format!("the present tag is {present}"),
        );
        Err(Refusal::new(ProblemKind::PreconditionFailed, detail))
    }

    fn policy_etag(&self, id: &PolicyId) -> Result<ETag, Refusal> {
        let held = self.plant.policies.get(id)?;
        Ok(ETag::from_generation(held.generation))
    }

    /// The effect itself; answers what it was on, too.
    fn effect(&mut self, mutation: &Mutation) -> Result<(Answer, String), Refusal> {
        match mutation {
            Mutation::Apply(request) => self.apply(request),
            Mutation::Rollback(id) => self.roll_back(id),
            Mutation::Scale(request) => self.scale(*request),
            Mutation::Restart(request) => self.restart(request),
        }
    }

    fn apply(&mut self, request: &ApplyRequest) -> Result<(Answer, String), Refusal> {
        let kind = validate::apply(&self.plant, request)
            .map_err(|reasons| Refusal::invalid("the policy cannot be applied", reasons))?;
        let spec = &request.policy;
        let policy = (spec.config.clone(), kind);
        let (policy_id, version) =
            self.plant.apply(spec.policy_id.clone(), &spec.name, policy, &request.source)?;
        let etag = self.policy_etag(&policy_id)?;
        let subject = policy_id.as_str().to_owned();
        let applied = Applied { policy_id, version, status: PolicyStatus::Pending };
        let mut answer = Answer::new(201, &applied, etag);
        answer.location = Some(format!("/api/v1/policies/{}", percent_encoded(&subject)));
        Ok((answer, subject))
    }

    fn roll_back(&mut self, id: &PolicyId) -> Result<(Answer, String), Refusal> {
        let taken = self.plant.roll_back(id)?;
        let status =
            if taken.in_effect.is_some() { PolicyStatus::Active } else { PolicyStatus::RolledBack };
        let answer = RolledBack {
            policy_id: id.clone(),
            rolled_back_version: taken.version,
            version: taken.in_effect,
            status,
        };
        Ok((Answer::new(200, &answer, self.policy_etag(id)?), id.as_str().to_owned()))
    }

    fn scale(&mut self, request: ScaleRequest) -> Result<(Answer, String), Refusal> {
        self.plant.scale(request.replicas)?;
        self.committee_generation += 1;
        let answer = Answer::new(200, &self.committee(), self.committee_etag());
        Ok((answer, "committee".to_owned()))
    }

    fn restart(&mut self, request: &RestartRequest) -> Result<(Answer, String), Refusal> {
        validate::restart(request)
            .map_err(|reason| Refusal::invalid("the committee is not restarted", vec![reason]))?;
        let (node, timeout_s) = (request.node.as_deref(), request.timeout.as_f64());
        let nodes = self.plant.restart(node, request.graceful, timeout_s)?;
        self.committee_generation += 1;
        let accepted = RestartAccepted { nodes, accepted_at: self.now() };
        Ok((Answer::new(202, &accepted, self.committee_etag()), "committee".to_owned()))
    }
}

/// One path segment: everything but unreserved characters is encoded (RFC 3986 §2.3).
fn percent_encoded(segment: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    segment
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
