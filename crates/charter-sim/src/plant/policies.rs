//! Policies and their versions: what was applied, what is in effect, what was taken back.

use std::collections::BTreeMap;

use charter_client::{PolicyConfig, PolicyId, PolicyKind, PolicyStatus};

use super::policy_effect::Effects;
use super::tuning::Tuning;

/// Why a policy is not applied or rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyRefusal {
    #[error("no policy `{0}`")]
    NoSuchPolicy(PolicyId),
    #[error("no version of policy `{0}` is in effect")]
    NothingInEffect(PolicyId),
    #[error("there are {} policies already", Policies::MAX)]
    TooMany,
}

/// One version. Times are seconds after the plant's start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) status: PolicyStatus,
    pub(crate) config: PolicyConfig,
    pub(crate) kind: PolicyKind,
    pub(crate) source: String,
    /// When it last took effect, if it ever did.
    pub(crate) applied_at: Option<f64>,
    approve_at: f64,
    activate_at: f64,
    taken_back: bool,
}

impl Version {
    /// When it ends by itself.
    fn expires_at(&self) -> Option<f64> {
        match &self.kind {
            PolicyKind::EmergencyOverride { duration }
            | PolicyKind::BypassValidation { duration, .. } => {
                Some(self.applied_at? + duration.as_f64())
            }
            _ => None,
        }
    }

    fn is_underway(&self) -> bool {
        matches!(self.status, PolicyStatus::Pending | PolicyStatus::Approved)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) name: String,
    /// Oldest first, never empty.
    pub(crate) versions: Vec<Version>,
    /// Rises with every accepted mutation, and with nothing else.
    pub(crate) generation: u64,
}

impl Held {
    pub(crate) fn newest(&self) -> &Version {
        self.versions.last().expect("a policy is made with its first version")
    }

    pub(crate) fn in_effect(&self) -> Option<&Version> {
        self.versions.iter().find(|v| v.status == PolicyStatus::Active)
    }

    /// What a rollback would take back: a version on its way, else the one in effect. Were it always the latter, undoing
    /// an apply that is still pending would take back the good version before it, and let the unwanted one through.
    fn to_take_back(&self) -> Option<usize> {
        let newest = self.versions.len() - 1;
        if self.versions[newest].is_underway() {
            return Some(newest);
        }
        self.versions.iter().position(|v| v.status == PolicyStatus::Active)
    }
}

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenBack {
    pub(crate) version: u64,
    pub(crate) in_effect: Option<u64>,
}

/// Something that the plant has to react to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// A version took effect, or took effect again.
    InEffect(PolicyKind),
    /// A policy of this kind has no version in effect any more.
    Gone(PolicyKind),
}

#[derive(Debug, Clone)]
pub(crate) struct Policies {
    held: BTreeMap<PolicyId, Held>,
    approval_s: f64,
    propagation_s: f64,
    /// Rollbacks whose effect is still on its way, with the time when it arrives.
    underway: Vec<(f64, Change)>,
    next_id: u64,
}

impl Policies {
    /// Most policies.
    pub(crate) const MAX: usize = 1_000;
    /// Most versions kept of one policy.
    pub(crate) const VERSIONS_MAX: usize = 100;

    pub(crate) fn new(approval_s: f64, propagation_s: f64) -> Self {
        Self { held: BTreeMap::new(), approval_s, propagation_s, underway: Vec::new(), next_id: 1 }
    }

    pub(crate) fn get(&self, id: &PolicyId) -> Result<&Held, PolicyRefusal> {
        self.held.get(id).ok_or_else(|| PolicyRefusal::NoSuchPolicy(id.clone()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PolicyId, &Held)> {
        self.held.iter()
    }

    /// Whether a policy under this id, or a new one, would find room.
    pub(crate) fn check_room(&self, id: Option<&PolicyId>) -> Result<(), PolicyRefusal> {
        let known = id.is_some_and(|id| self.held.contains_key(id));
        if known || self.held.len() < Self::MAX { Ok(()) } else { Err(PolicyRefusal::TooMany) }
    }

    /// Takes in a version, which is approved and takes effect later. Answers its id and number.
    pub(crate) fn apply(
        &mut self,
        id: Option<PolicyId>,
        name: &str,
        (config, kind): (PolicyConfig, PolicyKind),
        source: &str,
        now: f64,
    ) -> Result<(PolicyId, u64), PolicyRefusal> {
        self.check_room(id.as_ref())?;
        let id = id.unwrap_or_else(|| self.choose_id());
        let approve_at = now + self.approval_s;
        let held = self.held.entry(id.clone()).or_insert_with(|| Held {
            name: name.to_owned(),
            versions: Vec::new(),
            generation: 0,
        });
        let number = held.versions.last().map_or(1, |v| v.number + 1);
        for earlier in held.versions.iter_mut().filter(|v| v.is_underway()) {
            earlier.status = PolicyStatus::RolledBack;
        }
        name.clone_into(&mut held.name);
        held.generation += 1;
        held.versions.push(Version {
            number,
            status: PolicyStatus::Pending,
            config,
            kind,
            source: source.to_owned(),
            applied_at: None,
            approve_at,
            activate_at: approve_at + self.propagation_s,
            taken_back: false,
        });
        forget_oldest(&mut held.versions);
        Ok((id, number))
    }

    /// Whether a rollback would be accepted now.
    pub(crate) fn check_rollback(&self, id: &PolicyId) -> Result<(), PolicyRefusal> {
        let held = self.get(id)?;
        held.to_take_back().map(drop).ok_or_else(|| PolicyRefusal::NothingInEffect(id.clone()))
    }

    /// Takes back what is on its way or in effect. The record changes at once, the effect follows.
    pub(crate) fn roll_back(
        &mut self,
        id: &PolicyId,
        now: f64,
    ) -> Result<TakenBack, PolicyRefusal> {
        self.check_rollback(id)?;
        let held = self.held.get_mut(id).expect("checked above");
        let index = held.to_take_back().expect("checked above");
        held.generation += 1;
        let was_active = held.versions[index].status == PolicyStatus::Active;
        held.versions[index].status = PolicyStatus::RolledBack;
        held.versions[index].taken_back = true;
        let version = held.versions[index].number;
        if !was_active {
            return Ok(TakenBack { version, in_effect: held.in_effect().map(|v| v.number) });
        }
        let gone = held.versions[index].kind.clone();
        let back = held.versions[..index].iter_mut().rev().find(|v| {
            v.applied_at.is_some() && !v.taken_back && v.expires_at().is_none_or(|end| end > now)
        });
        let (change, in_effect) = match back {
            Some(back) => {
                back.status = PolicyStatus::Active;
                (Change::InEffect(back.kind.clone()), Some(back.number))
            }
            None => (Change::Gone(gone), None),
        };
        self.underway.push((now + self.propagation_s, change));
        Ok(TakenBack { version, in_effect })
    }

    /// Moves every version along its life to `now`. `quorum` says whether the committee can approve. Answers what
    /// changed in effect, in order of time.
    pub(crate) fn advance(&mut self, now: f64, quorum: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        self.underway.retain(|(due, change)| {
            let arrives = *due <= now;
            if arrives {
                changes.push(change.clone());
            }
            !arrives
        });
        for held in self.held.values_mut() {
            advance_one(held, now, quorum, &mut changes);
        }
        changes
    }

    /// Puts a version in effect at once, as those do who deploy past the committee. Answers its number.
    pub(crate) fn force(
        &mut self,
        id: &PolicyId,
        name: &str,
        kind: PolicyKind,
        source: &str,
        now: f64,
    ) -> Option<u64> {
        let config = PolicyConfig::from(kind.clone());
        let (id, number) = self.apply(Some(id.clone()), name, (config, kind), source, now).ok()?;
        let held = self.held.get_mut(&id)?;
        let newest = held.versions.len() - 1;
        put_in_effect(held, newest, now);
        Some(number)
    }

    /// What all policies in effect do together, over the `base` tuning.
    pub(crate) fn effects(&self, base: Tuning) -> Effects {
        let mut active: Vec<_> =
            self.held.iter().filter_map(|(id, held)| Some((id, held, held.in_effect()?))).collect();
        active.sort_by(|a, b| {
            let time = |v: &Version| v.applied_at.unwrap_or_default();
            time(a.2).total_cmp(&time(b.2)).then_with(|| a.0.cmp(b.0))
        });
        Effects::of(active.iter().map(|(id, held, v)| (*id, held.name.as_str(), &v.kind)), base)
    }

    /// The next free id of the form `policy-n`.
    fn choose_id(&mut self) -> PolicyId {
        loop {
            let id =
                PolicyId::try_new(format!("policy-{}", self.next_id)).expect("short and plain");
            self.next_id += 1;
            if !self.held.contains_key(&id) {
                return id;
            }
        }
    }
}

fn advance_one(held: &mut Held, now: f64, quorum: bool, changes: &mut Vec<Change>) {
    for index in 0..held.versions.len() {
        let version = &mut held.versions[index];
        if version.status == PolicyStatus::Pending && quorum && now >= version.approve_at {
            version.status = PolicyStatus::Approved;
        }
        if version.status == PolicyStatus::Approved && now >= version.activate_at {
            put_in_effect(held, index, now);
            changes.push(Change::InEffect(held.versions[index].kind.clone()));
        }
        let version = &mut held.versions[index];
        let over = version.expires_at().is_some_and(|end| now >= end);
        if version.status == PolicyStatus::Active && over {
            version.status = PolicyStatus::RolledBack;
            version.taken_back = true;
            changes.push(Change::Gone(version.kind.clone()));
        }
    }
}

fn put_in_effect(held: &mut Held, index: usize, now: f64) {
    for earlier in held.versions.iter_mut().filter(|v| v.status == PolicyStatus::Active) {
        earlier.status = PolicyStatus::RolledBack;
    }
    let version = &mut held.versions[index];
    version.status = PolicyStatus::Active;
    version.applied_at = Some(now);
}

/// Drops the oldest versions beyond the limit, never the one in effect.
fn forget_oldest(versions: &mut Vec<Version>) {
    while versions.len() > Policies::VERSIONS_MAX {
        let oldest = versions.iter().position(|v| v.status != PolicyStatus::Active);
        versions.remove(oldest.expect("at most one version is in effect"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use charter_client::Seconds;

    fn policies() -> Policies {
        Policies::new(1.0, 3.0)
    }

    fn throttle(rate_limit: f64) -> (PolicyConfig, PolicyKind) {
        let kind = PolicyKind::Throttle { rate_limit, node: None };
        (PolicyConfig::from(kind.clone()), kind)
    }

    fn id(text: &str) -> PolicyId {
        PolicyId::try_new(text).unwrap()
    }

    fn apply(policies: &mut Policies, rate: f64, now: f64) -> u64 {
        policies.apply(Some(id("t")), "t", throttle(rate), "test", now).unwrap().1
    }

    fn rate(policies: &Policies) -> Option<f64> {
        policies.effects(Tuning::default()).throttle.map(|(rate, _)| rate)
    }

    #[test]
    fn a_version_lives_pending_approved_active() {
        let mut policies = policies();
        apply(&mut policies, 50.0, 0.0);
        let status = |p: &Policies| p.get(&id("t")).unwrap().newest().status;
        assert_eq!(status(&policies), PolicyStatus::Pending);
        policies.advance(1.0, false);
        assert_eq!(status(&policies), PolicyStatus::Pending, "no quorum, no approval");
        policies.advance(1.0, true);
        assert_eq!((status(&policies), rate(&policies)), (PolicyStatus::Approved, None));
        policies.advance(4.0, true);
        assert_eq!((status(&policies), rate(&policies)), (PolicyStatus::Active, Some(50.0)));
    }

    #[test]
    fn rollback_gives_back_what_was_before_and_in_the_end_nothing() {
        let mut policies = policies();
        for (n, limit) in [50.0, 60.0, 70.0].into_iter().enumerate() {
            apply(&mut policies, limit, 10.0 * n as f64);
            policies.advance(10.0 * n as f64 + 5.0, true);
        }
        let mut back = || policies.roll_back(&id("t"), 40.0).map(|t| (t.version, t.in_effect));
        assert_eq!(back(), Ok((3, Some(2))));
        assert_eq!(back(), Ok((2, Some(1))));
        assert_eq!(back(), Ok((1, None)));
        assert_eq!(back(), Err(PolicyRefusal::NothingInEffect(id("t"))));
        assert_eq!(rate(&policies), None);
        assert_eq!(policies.advance(43.0, true).len(), 3);
    }

    #[test]
    fn what_is_pending_is_taken_back_first() {
        let mut policies = policies();
        apply(&mut policies, 50.0, 0.0);
        policies.advance(5.0, true);
        apply(&mut policies, 60.0, 6.0);
        let back = policies.roll_back(&id("t"), 6.5).unwrap();
        assert_eq!(back, TakenBack { version: 2, in_effect: Some(1) });
        policies.advance(60.0, true);
        assert_eq!(rate(&policies), Some(50.0));
    }

    #[test]
    fn temporary_policies_end_by_themselves_and_do_not_come_back() {
        let mut policies = policies();
        let kind = PolicyKind::EmergencyOverride { duration: Seconds::whole(60) };
        let config = PolicyConfig::from(kind.clone());
        policies.apply(Some(id("o")), "o", (config, kind), "test", 0.0).unwrap();
        policies.advance(4.0, true);
        assert_eq!(policies.effects(Tuning::default()).overrides, 1);
        let changes = policies.advance(64.0, true);
        assert!(matches!(changes[..], [Change::Gone(_)]), "{changes:?}");
        assert_eq!(policies.effects(Tuning::default()).overrides, 0);
        assert!(policies.roll_back(&id("o"), 65.0).is_err());
    }

    #[test]
    fn there_is_room_for_so_many_policies_and_versions() {
        let mut policies = policies();
        for _ in 0..150 {
            apply(&mut policies, 50.0, 0.0);
        }
        assert_eq!(policies.get(&id("t")).unwrap().versions.len(), Policies::VERSIONS_MAX);
        assert_eq!(policies.get(&id("t")).unwrap().newest().number, 150);
        for _ in 1..Policies::MAX {
            policies.apply(None, "n", throttle(1.0), "test", 0.0).unwrap();
        }
        assert_eq!(
            policies.apply(None, "n", throttle(1.0), "test", 0.0),
            Err(PolicyRefusal::TooMany)
        );
        assert_eq!(apply(&mut policies, 50.0, 0.0), 151);
    }
}
