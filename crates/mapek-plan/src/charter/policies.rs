//! Reads Charter's policies out of an observation's inventory.

use mapek_model::{Duration, Observation, Precondition, RankedCause, Resource, earlier};
use serde_json::Value;

use super::{ConfigKind, POLICY, policy_steps::FORBID};
use crate::{Context, Unavailable};

/// A change of a policy counts as a suspect for what began at most this long after it.
const SUSPECT_FOR: Duration = Duration::from_secs(3_600);

/// A policy with its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPolicy<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Its versions, oldest first.
    pub versions: Vec<PolicyVersion<'a>>,
}

/// A version of a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicyVersion<'a> {
    /// Its number, which the server gave it.
    pub number: u64,
    /// `pending`, `approved`, `active`, `failed`, `rolled_back`.
    pub status: &'a str,
    /// What it says.
    pub config: &'a Value,
}

impl PolicyVersion<'_> {
    /// Whether it was in effect at some time. One that is `rolled_back` was: it was taken back, or followed by a newer one.
    #[must_use]
    pub fn was_in_effect(&self) -> bool {
        matches!(self.status, "active" | "rolled_back")
    }
}

impl<'a> HeldPolicy<'a> {
    /// Reads one resource. Versions that make no sense are left out: nothing is built on them.
    #[must_use]
    pub fn read(resource: &'a Resource) -> Self {
        let listed = resource.attributes.get("versions").and_then(Value::as_array);
        let mut versions: Vec<_> = listed.into_iter().flatten().filter_map(version).collect();
        if versions.is_empty() {
            versions.extend(own_version(resource));
        }
        versions.sort_by_key(|version| version.number);
        Self { resource, versions }
    }

    /// Its name for people; its id if it has none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.resource.text("name").unwrap_or(&self.resource.id)
    }

    /// The version in effect.
    #[must_use]
    pub fn active(&self) -> Option<PolicyVersion<'a>> {
        self.versions.iter().rev().find(|version| version.status == "active").copied()
    }

    /// The version that was in effect before the one that is.
    #[must_use]
    pub fn last_good(&self) -> Option<PolicyVersion<'a>> {
        let active = self.active()?;
        let before = self.versions.iter().rev().filter(|version| version.number < active.number);
        before.copied().find(PolicyVersion::was_in_effect)
    }

    /// What sort of policy it is: of the version in effect, else of its newest.
    #[must_use]
    pub fn kind(&self) -> Option<&'a str> {
        let telling = self.active().or_else(|| self.versions.last().copied())?;
        telling.config.get("kind").and_then(Value::as_str)
    }

    /// Asks that the policy is as it was seen; nothing where neither generation nor version are counted.
    #[must_use]
    pub fn unchanged(&self) -> Option<Precondition> {
        let (kind, id) = (self.resource.kind.clone(), self.resource.id.clone());
        if let Some(generation) = self.resource.generation {
            return Some(Precondition::Unchanged { kind, id, generation });
        }
        let seen = self.resource.count("version")?;
        let attribute = "version".to_owned();
        Some(Precondition::Within { kind, id, attribute, min: seen, max: seen })
    }
}

fn version(value: &Value) -> Option<PolicyVersion<'_>> {
    Some(PolicyVersion {
        number: number(value.get("version")?)?,
        status: value.get("status")?.as_str()?,
        config: value.get("config")?,
    })
}

fn own_version(resource: &Resource) -> Option<PolicyVersion<'_>> {
    Some(PolicyVersion {
        number: number(resource.attributes.get("version")?)?,
        status: &resource.status,
        config: resource.attributes.get("config")?,
    })
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// All policies of a sort.
fn all_of<'a>(observation: &'a Observation, kind: ConfigKind) -> Vec<HeldPolicy<'a>> {
    let all = observation.resources_of(POLICY).map(HeldPolicy::read);
    all.filter(|policy| policy.kind() == Some(kind.as_str())).collect()
}

/// The policy that the cause names, by id or by name; whatever sort it is.
fn named<'a>(cause: &RankedCause, context: &Context<'a>) -> Option<HeldPolicy<'a>> {
    let name = cause.cause.component.as_ref()?;
    let all = || context.observation.resources_of(POLICY);
    let by_id = all().find(|resource| *name == resource.id.as_str());
    let by_name = || all().find(|resource| resource.text("name").is_some_and(|it| *name == it));
    by_id.or_else(by_name).map(HeldPolicy::read)
}

/// The policy to blame: the one that the cause names; else the only one of its sort that changed in the hour before the
/// cause began. Two that changed are two suspects, and no proof against either.
pub(super) fn culprit<'a>(
    cause: &RankedCause,
    context: &Context<'a>,
    kind: ConfigKind,
) -> Result<HeldPolicy<'a>, Unavailable> {
    if let Some(policy) = named(cause, context) {
        return Ok(policy);
    }
    let mut suspects = all_of(context.observation, kind);
    suspects.retain(|policy| is_suspect(policy, cause));
    only(
        suspects,
        || format!("which {kind} policy is to blame: none changed before it began"),
        kind,
    )
}

/// Whether the policy changed in the hour before the cause began.
pub(super) fn is_suspect(policy: &HeldPolicy<'_>, cause: &RankedCause) -> bool {
    let began = cause.explains.iter().map(|key| key.onset).min().unwrap_or(cause.since);
    let window = earlier(began, SUSPECT_FOR)..=began;
    policy.resource.changed.is_some_and(|at| window.contains(&at))
}

/// The policy that was loaded longest ago: the one that the cause names, else the one that changed first.
pub(super) fn stalest<'a>(
    cause: &RankedCause,
    context: &Context<'a>,
    kind: ConfigKind,
) -> Result<HeldPolicy<'a>, Unavailable> {
    if let Some(policy) = named(cause, context) {
        return Ok(policy);
    }
    let all = all_of(context.observation, kind);
    if all.len() > 1 && all.iter().all(|policy| policy.resource.changed.is_some()) {
        let key = |policy: &HeldPolicy<'_>| (policy.resource.changed, policy.resource.id.clone());
        return all.into_iter().min_by_key(key).ok_or_else(|| missing(kind));
    }
    only(all, || missing(kind).to_string(), kind)
}

/// The enforcement policy in effect that forbids anything: the one that the cause names, else the only one.
pub(super) fn forbidding<'a>(
    cause: &RankedCause,
    context: &Context<'a>,
) -> Result<HeldPolicy<'a>, Unavailable> {
    let kind = ConfigKind::Enforcement;
    let mut all = all_of(context.observation, kind);
    all.retain(|policy| policy.active().is_some_and(|version| forbids(version.config)));
    let name = cause.cause.component.as_ref();
    if let Some(named) =
        all.iter().position(|it| name.is_some_and(|name| *name == it.resource.id.as_str()))
    {
        return Ok(all.swap_remove(named));
    }
    only(all, || "no policy in effect forbids anything".to_owned(), kind)
}

fn forbids(config: &Value) -> bool {
    let rules = config.get("rules").and_then(Value::as_array);
    let effect = |rule: &Value| rule.get("effect").and_then(Value::as_str) == Some(FORBID);
    rules.is_some_and(|rules| rules.iter().any(effect))
}

/// The policy of a sort that has effect: of several, the one that changed last (`docs/charter-api.md` §3).
pub(super) fn in_effect<'a>(context: &Context<'a>, kind: ConfigKind) -> Option<HeldPolicy<'a>> {
    let mut active = all_of(context.observation, kind);
    active.retain(|policy| policy.active().is_some());
    active.into_iter().max_by_key(|policy| (policy.resource.changed, policy.resource.id.clone()))
}

fn missing(kind: ConfigKind) -> Unavailable {
    Unavailable::missing(format!("a policy of kind {kind}"))
}

fn only<'a>(
    mut all: Vec<HeldPolicy<'a>>,
    none: impl FnOnce() -> String,
    kind: ConfigKind,
) -> Result<HeldPolicy<'a>, Unavailable> {
    match (all.pop(), all.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => {
            Err(Unavailable::missing(format!("which of {} {kind} policies it is", others + 1)))
        }
        (None, _) => Err(Unavailable::unsuitable(none())),
    }
}
