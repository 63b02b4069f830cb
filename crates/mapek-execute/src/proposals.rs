//! Plans that wait for people.
//!
//! An approval binds to what a plan would do, to its hash: the same plan proposed again in the next cycle, with a new id and
//! new scores, keeps the approvals that it has.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Approval, ApprovalEvent, IllegalTransition, Plan, PlanHash, TargetId, Timestamp, later, since,
};
use serde::Serialize;

use crate::{Config, Proposed};

/// A plan that waits, or waited, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// What binds the approvals.
    pub hash: PlanHash,
    /// The plan as it was proposed last.
    pub plan: Plan,
    /// Who asks for it: the loop, or a person.
    pub requester: String,
    /// Where it stands.
    pub approval: Approval,
    /// When each person whose approval counts gave it.
    pub given: BTreeMap<String, Timestamp>,
    /// When it had enough approvals; absent while it has not.
    pub approved: Option<Timestamp>,
    /// When it was proposed first.
    pub since: Timestamp,
    /// When something last happened to it.
    pub updated: Timestamp,
}

impl Proposal {
    /// When it has waited too long: the plan's own end while it is pending; once it is approved, when it must have begun.
    fn expires(&self, config: &Config) -> Timestamp {
        match self.approved {
            Some(at) => later(at, config.begin_within),
            None => self.plan.expires,
        }
    }

    /// Whose approvals no longer count while others are waited for.
    fn lapsed(&self, config: &Config, now: Timestamp) -> impl Iterator<Item = &String> {
        let given = self.given.iter().filter(|_| self.approved.is_none());
        given.filter(move |(_, at)| now >= later(**at, config.approval_ttl)).map(|(by, _)| by)
    }

    const fn is_open(&self) -> bool {
        matches!(self.approval, Approval::Pending { .. } | Approval::Approved { .. })
    }

    fn approvers(&self) -> BTreeSet<String> {
        match &self.approval {
            Approval::Pending { by, .. } | Approval::Approved { by } => by.clone(),
            _ => BTreeSet::new(),
        }
    }
}

/// Most proposals that wait at once: five a diagnosis, for a hundred targets. More is a flood that nobody reads.
pub(crate) const OPEN_MAX: usize = 500;

/// What happened to all proposals, folded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proposals {
    by_hash: BTreeMap<PlanHash, Proposal>,
}

impl Proposals {
    pub(crate) fn get(&self, hash: &PlanHash) -> Option<&Proposal> {
        self.by_hash.get(hash)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.by_hash.values()
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &Proposal> {
        self.iter().filter(|proposal| proposal.is_open())
    }

    /// Who has approved a plan of this hash, and still counts at `now`.
    pub(crate) fn approvers(
        &self,
        hash: &PlanHash,
        config: &Config,
        now: Timestamp,
    ) -> BTreeSet<String> {
        self.get(hash)
            .filter(|proposal| proposal.is_open() && now < proposal.expires(config))
            .map(|proposal| {
                let mut approvers = proposal.approvers();
                for by in proposal.lapsed(config, now) {
                    approvers.remove(by);
                }
                approvers
            })
            .unwrap_or_default()
    }

    /// Whether proposing this plan once more has to be journaled: it is new, has ended, or the journal would let it expire
    /// soon. Proposing it in every cycle must not fill the journal.
    pub(crate) fn wants(&self, plan: &Plan, needed: u8, config: &Config, now: Timestamp) -> bool {
        let Some(known) = self.get(&plan.hash()) else { return true };
        match &known.approval {
            Approval::Rejected { .. } => since(now, known.updated) >= config.rejection_ttl,
            Approval::Expired | Approval::Withdrawn { .. } => true,
            Approval::Approved { .. } => false,
            Approval::Pending { needed: before, .. } => {
                let life = since(plan.expires, plan.created);
                *before != needed || since(known.plan.expires, now) < life / 2
            }
        }
    }

    pub(crate) fn fold_proposed(&mut self, proposed: &Proposed, at: Timestamp) {
        let hash = proposed.plan.hash();
        let before = self.by_hash.get(&hash).filter(|known| known.is_open());
        let kept = before.map(Proposal::approvers).unwrap_or_default();
        let given = before.map(|known| known.given.clone()).unwrap_or_default();
        let approval = kept.into_iter().fold(Approval::pending(proposed.needed), |status, by| {
            let approved = ApprovalEvent::Approved { by, reason: None };
            status.after(&approved).unwrap_or(status)
        });
        let since = before.map_or(at, |known| known.since);
        let proposal = Proposal {
            hash,
            plan: proposed.plan.clone(),
            requester: proposed.requester.clone(),
            approved: approval
                .is_approved()
                .then(|| before.and_then(|it| it.approved).unwrap_or(at)),
            approval,
            given,
            since,
            updated: at,
        };
        self.by_hash.insert(hash, proposal);
    }

    /// What the status would be after `event`.
    pub(crate) fn after(
        &self,
        hash: &PlanHash,
        event: &ApprovalEvent,
    ) -> Option<Result<Approval, IllegalTransition>> {
        Some(self.get(hash)?.approval.after(event))
    }

    pub(crate) fn fold_event(&mut self, hash: &PlanHash, event: &ApprovalEvent, at: Timestamp) {
        if let Some(proposal) = self.by_hash.get_mut(hash)
            && let Ok(approval) = proposal.approval.after(event)
        {
            match event {
                // Who approves again says that they still mean it.
                ApprovalEvent::Approved { by, .. } => {
                    proposal.given.insert(by.clone(), at);
                }
                ApprovalEvent::Lapsed { by } => {
                    proposal.given.remove(by);
                }
                _ => {}
            }
            if approval.is_approved() && proposal.approved.is_none() {
                proposal.approved = Some(at);
            }
            (proposal.approval, proposal.updated) = (approval, at);
        }
    }

    /// A plan has begun: its approvals are used up. Answers who gave them.
    pub(crate) fn spend(&mut self, hash: &PlanHash) -> BTreeSet<String> {
        let spent = self.by_hash.remove(hash).filter(Proposal::is_open);
        spent.as_ref().map(Proposal::approvers).unwrap_or_default()
    }

    /// Approvals that no longer count, of proposals that still wait for others.
    pub(crate) fn lapsed(
        &self,
        config: &Config,
        now: Timestamp,
    ) -> Vec<(PlanHash, TargetId, String)> {
        let lapsed = |it: &Proposal| {
            let (hash, target) = (it.hash, it.plan.target.clone());
            let by = it.lapsed(config, now).map(move |by| (hash, target.clone(), by.clone()));
            by.collect::<Vec<_>>()
        };
        self.open().flat_map(lapsed).collect()
    }

    /// Those that have waited too long.
    pub(crate) fn due(&self, config: &Config, now: Timestamp) -> Vec<(PlanHash, TargetId)> {
        self.open()
            .filter(|proposal| now >= proposal.expires(config))
            .map(|proposal| (proposal.hash, proposal.plan.target.clone()))
            .collect()
    }

    /// The clock went back to `now`: what was said later was said at the latest now.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        for it in self.by_hash.values_mut() {
            it.plan.set_back(now);
            let own = [&mut it.since, &mut it.updated];
            for at in own.into_iter().chain(it.given.values_mut()).chain(&mut it.approved) {
                *at = now.min(*at);
            }
        }
    }

    /// Forgets what ended so long ago that it changes nothing any more.
    pub(crate) fn forget(&mut self, config: &Config, now: Timestamp) {
        self.by_hash.retain(|_, proposal| {
            proposal.is_open() || since(now, proposal.updated) < config.rejection_ttl
        });
    }
}
