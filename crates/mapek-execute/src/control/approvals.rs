//! What people say to plans that wait for them.

use mapek_model::{Approval, ApprovalEvent, Plan, PlanHash, PlanId, Timestamp};

use super::{Control, LOOP, named};
use crate::{Body, Error, Proposal, Proposed, proposals};

impl Control {
    /// Lays a plan before people; `needed` is what [`Decision::AwaitApproval`](crate::Decision::AwaitApproval) said. The same plan, proposed again, keeps its approvals, and
    /// one that was rejected stays so for a while. Answers where it stands.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyProposals`] if 500 wait already; [`Error::Journal`] if it cannot be made to last.
    pub fn propose(
        &self,
        plan: &Plan,
        needed: u8,
        requester: &str,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        let mut ledger = self.ledger();
        let (hash, config) = (plan.hash(), self.config());
        ledger.view.proposals.forget(config, now);
        let known = ledger.view.proposals.get(&hash).is_some();
        let count = ledger.view.proposals.open().count();
        if !known && count >= proposals::OPEN_MAX {
            return Err(Error::TooManyProposals { count });
        }
        if ledger.view.proposals.wants(plan, needed, config, now) {
            let requester = requester.to_owned();
            let proposed = Proposed { plan: plan.clone(), needed, requester };
            ledger.commit(Some(&plan.target), now, Body::Proposed(Box::new(proposed)))?;
        }
        let proposal = ledger.view.proposals.get(&hash).ok_or(Error::UnknownProposal { hash })?;
        Ok(proposal.approval.clone())
    }

    /// Approves what the plan with this hash would do.
    ///
    /// # Errors
    ///
    /// [`Error::OwnProposal`] if `by` asked for it, or is the loop; [`Error::UnknownProposal`], [`Error::Proposal`] if it has ended,
    /// [`Error::Unsigned`] without a name.
    pub fn approve(
        &self,
        hash: &PlanHash,
        by: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        // One person in two spellings is one person.
        let by = named(by)?.to_lowercase();
        self.expire_proposals(now)?;
        let requester = self.proposal(hash)?.requester;
        if same_person(&by, &requester) || same_person(&by, LOOP) {
            return Err(Error::OwnProposal { by });
        }
        let reason = reason.map(ToOwned::to_owned);
        self.decide_on(hash, ApprovalEvent::Approved { by, reason }, now)
    }

    /// Rejects what the plan with this hash would do; also what had been approved, as long as it has not begun.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProposal`], [`Error::Proposal`] if it has ended, [`Error::Unsigned`] without a name.
    pub fn reject(
        &self,
        hash: &PlanHash,
        by: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        let (by, reason) = (named(by)?, reason.map(ToOwned::to_owned));
        self.decide_on(hash, ApprovalEvent::Rejected { by, reason }, now)
    }

    /// Takes a proposal back whose cause is gone, or that the rails would no longer let pass.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProposal`], [`Error::Proposal`] if it has ended.
    pub fn withdraw(
        &self,
        hash: &PlanHash,
        reason: &str,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        self.decide_on(hash, ApprovalEvent::Withdrawn { reason: reason.to_owned() }, now)
    }

    /// Ends the proposals that have waited too long, and answers which. Takes back approvals that were given too long ago to count.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if it cannot be made to last.
    pub fn expire_proposals(&self, now: Timestamp) -> Result<Vec<PlanHash>, Error> {
        let mut ledger = self.ledger();
        for (plan, target, by) in ledger.view.proposals.lapsed(self.config(), now) {
            let body = Body::Approval { plan, event: ApprovalEvent::Lapsed { by } };
            ledger.commit(Some(&target), now, body)?;
        }
        let due = ledger.view.proposals.due(self.config(), now);
        for (hash, target) in &due {
            let body = Body::Approval { plan: *hash, event: ApprovalEvent::Expired };
            ledger.commit(Some(target), now, body)?;
        }
        Ok(due.into_iter().map(|(hash, _)| hash).collect())
    }

    /// All proposals that are remembered, by hash.
    #[must_use]
    pub fn proposals(&self) -> Vec<Proposal> {
        self.ledger().view.proposals.iter().cloned().collect()
    }

    /// One proposal.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProposal`].
    pub fn proposal(&self, hash: &PlanHash) -> Result<Proposal, Error> {
        let found = self.ledger().view.proposals.get(hash).cloned();
        found.ok_or(Error::UnknownProposal { hash: *hash })
    }

    /// The hash of the proposal that was last made under this plan's id.
    #[must_use]
    pub fn hash_of(&self, plan: PlanId) -> Option<PlanHash> {
        let ledger = self.ledger();
        ledger.view.proposals.iter().find(|it| it.plan.id == plan).map(|it| it.hash)
    }

    fn decide_on(
        &self,
        hash: &PlanHash,
        event: ApprovalEvent,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        let mut ledger = self.ledger();
        let target = ledger.view.proposals.get(hash).map(|it| it.plan.target.clone());
        ledger.commit(target.as_ref(), now, Body::Approval { plan: *hash, event })?;
        let after = ledger.view.proposals.get(hash).map(|it| it.approval.clone());
        after.ok_or(Error::UnknownProposal { hash: *hash })
    }
}

fn same_person(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}
