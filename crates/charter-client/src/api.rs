//! The seam: Charter, however it is reached.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Applied, ApplyRequest, CallOptions, CommitteeState, Error, Health, Policy, PolicyId,
    PolicyVersion, RestartAccepted, RestartRequest, RolledBack, ScaleRequest, Tagged,
    ValidateRequest, Validation, Violations,
};

/// The Charter API.
///
/// *Idempotency.* Calls that read, `validate` among them, change nothing and may be repeated. `apply`,
/// `rollback` and `restart` have an effect each time they arrive, unless the server offers idempotency keys
/// and the same key comes with the same request: then they have one, and every repetition gets the first
/// answer, marked [`Tagged::replayed`]. `scale` sets an absolute size, so repeating it is harmless unless
/// somebody else scaled in between.
///
/// *Cancellation.* Dropping the future of a mutation leaves its outcome unknown, exactly like
/// [`Error::Unanswered`]: the request may have left.
///
/// *Ordering.* None between concurrent calls. A read that starts after a mutation was answered sees it.
///
/// *Errors.* Every method fails with [`Error`]; [`Error::outcome`] says whether a mutation can have taken
/// effect, [`Error::is_transient`] whether asking again can help.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait CharterApi: fmt::Debug + Send + Sync {
    /// Whether the server serves, and which extensions it offers. The cheapest call: use it to connect.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait. A server that answers but says that it is not `ok` is no error here.
    async fn health(&self) -> Result<Health, Error>;

    /// All policies in order of id, each at its newest version.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait.
    async fn policies(&self) -> Result<Vec<Policy>, Error>;

    /// One policy at its newest version. The tag is also in its `etag`.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; `policy-not-found`.
    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error>;

    /// The versions of a policy, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; `policy-not-found`.
    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error>;

    /// Applies a policy: a new one, or the next version of a known one. The tag is the policy's.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; `validation-failed`, `epoch-stale`, `precondition-failed`,
    /// `idempotency-key-reused`, `idempotency-key-in-use`.
    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error>;

    /// Asks whether a policy or an action would be accepted now. *No* is an answer, not an error.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait.
    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error>;

    /// Takes back the version in effect; the last good version before it takes effect again, if there is
    /// one. The tag is the policy's.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; as `apply`, and `policy-not-found`, `policy-conflict` if nothing is in
    /// effect.
    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error>;

    /// The state of the committee, and its tag.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait.
    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error>;

    /// Sets the number of replicas. The answer is the state right after it was accepted: `replicas`
    /// follows `target_replicas` as nodes start and stop.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; `validation-failed` outside the accepted sizes, `committee-busy`,
    /// `epoch-stale`, `precondition-failed`, `idempotency-key-reused`, `idempotency-key-in-use`.
    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error>;

    /// Begins a restart; the committee is `recovering` until it is over. Not to be undone.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait; as `scale`, and `node-not-found`.
    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error>;

    /// What the server itself holds against its policies: open, investigated, or resolved within the hour.
    ///
    /// # Errors
    ///
    /// [`Error`], see the trait.
    async fn violations(&self) -> Result<Violations, Error>;
}

const _: Option<&dyn CharterApi> = None; // stays usable as a trait object

#[async_trait]
impl<T: CharterApi + ?Sized> CharterApi for Arc<T> {
    async fn health(&self) -> Result<Health, Error> {
        (**self).health().await
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        (**self).policies().await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        (**self).policy(id).await
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        (**self).versions(id).await
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        (**self).apply(request, options).await
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        (**self).validate(request).await
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        (**self).rollback(id, options).await
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        (**self).committee().await
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        (**self).scale(request, options).await
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        (**self).restart(request, options).await
    }

    async fn violations(&self) -> Result<Violations, Error> {
        (**self).violations().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Outcome, Problem, ProblemKind};

    #[tokio::test]
    async fn the_seam_can_be_mocked_shared_and_boxed() {
        let mut mock = MockCharterApi::new();
        mock.expect_scale()
            .withf(|request, options| request.replicas == 5 && options.epoch.is_none())
            .returning(|_, _| {
                Err(Error::refused(Call::Scale, Problem::new(ProblemKind::CommitteeBusy)))
            });
        let shared: Arc<dyn CharterApi> = Arc::new(mock);
        let again: Box<dyn CharterApi> = Box::new(Arc::clone(&shared));
        let request = ScaleRequest { replicas: 5 };
        let error = again.scale(&request, &CallOptions::new()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
}
