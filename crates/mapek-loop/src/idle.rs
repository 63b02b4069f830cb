//! What becomes of causes that nothing is done against.
//!
//! Doing nothing competes with every plan, so its success has to be learned like a plan's, and no cheaper: a cause that was
//! told, against which nothing ran, that went within the patience *and stayed away* healed by itself. One that flaps is one
//! period that does not heal, however often it goes.

use mapek_knowledge::Idle;
use mapek_model::{Cause, Diagnosis, Duration, Fingerprint, Timestamp, Verdict, later};
use serde::{Deserialize, Serialize};

/// How long a cause may take to heal by itself before doing nothing counts as ineffective.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Most causes that are followed at once; a diagnosis rarely tells more than a handful.
const FOLLOWED_MAX: usize = 32;

/// The causes that nothing was done against so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdleWatch {
    followed: Vec<Followed>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Followed {
    cause: Cause,
    began: Timestamp,
    /// What the cause explained when it was first told; its end is the end of these.
    explains: Vec<Fingerprint>,
    /// Since when it has been gone; absent while it is there.
    #[serde(default)]
    gone: Option<Timestamp>,
    /// It was judged already, and is followed only so that it is not judged again.
    judged: bool,
}

impl Followed {
    /// Takes in one look, and answers what is known now.
    fn look(&mut self, is_gone: bool, now: Timestamp, away: Duration) -> Option<Verdict> {
        self.gone = if is_gone { self.gone.or(Some(now)) } else { None };
        let patience = later(self.began, PATIENCE);
        let verdict = match self.gone {
            None => (now >= patience).then_some(Verdict::Ineffective),
            // It may have gone in time, or later: nobody looked.
            Some(gone) if gone > patience => None,
            Some(gone) => (later(gone, away) <= now).then_some(Verdict::Success),
        }?;
        let before = std::mem::replace(&mut self.judged, true);
        (!before).then_some(verdict)
    }

    /// Whether it is over: what comes now is another period.
    fn is_over(&self, now: Timestamp, away: Duration) -> bool {
        self.gone.is_some_and(|gone| later(gone, away) <= now)
    }
}

impl IdleWatch {
    /// Takes in a diagnosis of fresh evidence, and answers what can be judged now. What is gone has to stay `away` for so long
    /// before it counts as healed.
    pub(crate) fn follow(
        &mut self,
        diagnosis: &Diagnosis,
        open: &[Fingerprint],
        now: Timestamp,
        away: Duration,
    ) -> Vec<Idle> {
        let mut judged = Vec::new();
        self.followed.retain_mut(|followed| {
            let is_gone = !followed.explains.iter().any(|it| open.contains(it));
            judged.extend(followed.look(is_gone, now, away).map(|verdict| Idle {
                target: diagnosis.target.clone(),
                cause: followed.cause.clone(),
                began: followed.began,
                judged: now,
                verdict,
            }));
            !followed.is_over(now, away)
        });
        // Only the first cause: the others may be shadows of it.
        if let Some(first) = diagnosis.causes.first()
            && self.followed.len() < FOLLOWED_MAX
            && !self.followed.iter().any(|followed| followed.cause.kind == first.cause.kind)
        {
            self.followed.push(Followed {
                cause: first.cause.clone(),
                began: now,
                explains: first.explains.iter().map(|key| key.fingerprint).collect(),
                gone: None,
                judged: false,
            });
        }
        judged
    }

    /// Episodes were given up: whether what they speak of healed will never be known.
    pub(crate) fn give_up(&mut self, gone: &[Fingerprint]) {
        self.followed.retain(|followed| !followed.explains.iter().any(|it| gone.contains(it)));
    }

    /// Something is done on the target: what happens from now on says nothing about doing nothing.
    pub(crate) fn disturb(&mut self) {
        self.followed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::{
        Confidence, DiagnosisId, EpisodeKey, RankedCause, TargetId, proptest1::expectation,
    };
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

    const AWAY: Duration = Duration::from_secs(300);

    fn breach() -> Fingerprint {
        let mut runner = TestRunner::deterministic();
        let expectation = expectation().new_tree(&mut runner).unwrap().current();
        Fingerprint::of_breach(&expectation, None)
    }

    fn diagnosis(kind: Option<&str>, at: Timestamp) -> Diagnosis {
        let cause = |kind: &str| RankedCause {
            cause: Cause { kind: kind.parse().unwrap(), component: None, metric: None },
            confidence: Confidence::MAX,
            explains: vec![EpisodeKey {
                target: TargetId::default(),
                fingerprint: breach(),
                onset: at,
            }],
            since: at,
            symptoms: Vec::new(),
            persisted_cycles: 1,
            reasons: Vec::new(),
        };
        Diagnosis {
            id: "00000000-0000-0000-0000-000000000001".parse::<DiagnosisId>().unwrap(),
            target: TargetId::default(),
            at,
            findings: Vec::new(),
            causes: kind.map(cause).into_iter().collect(),
            unexplained: Vec::new(),
            risk: None,
            recommendations: Vec::new(),
        }
    }

    fn second(n: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(n))
    }

    /// Looks every 30 s, up to and including `to`; the breach is there where `open` says so.
    fn watched(to: u64, open: impl Fn(u64) -> bool) -> Vec<(u64, Verdict)> {
        let mut watch = IdleWatch::default();
        let looks = (0..=to / 30).map(|n| 30 * n);
        looks
            .flat_map(|at| {
                let (kind, seen) =
                    if open(at) { (Some("overload"), vec![breach()]) } else { (None, vec![]) };
                watch.follow(&diagnosis(kind, second(at)), &seen, second(at), AWAY)
            })
            .map(|idle| {
                (mapek_model::since(idle.judged, Timestamp::UNIX_EPOCH).as_secs(), idle.verdict)
            })
            .collect()
    }

    #[test]
    fn what_goes_within_the_patience_and_stays_away_healed_by_itself() {
        assert_eq!(watched(1200, |at| at < 60), [(360, Verdict::Success)]);
    }

    #[test]
    fn one_flap_heals_nothing() {
        assert_eq!(watched(300, |at| at != 60), [(300, Verdict::Ineffective)]);
        assert_eq!(watched(900, |at| at != 60), [(300, Verdict::Ineffective)]);
        // It comes and goes all the time: that is one period, and it never heals.
        assert_eq!(watched(3600, |at| at % 120 == 0), [(360, Verdict::Ineffective)]);
    }

    #[test]
    fn what_went_while_nobody_looked_proves_nothing() {
        let mut watch = IdleWatch::default();
        let told = diagnosis(Some("overload"), second(0));
        watch.follow(&told, &[breach()], second(0), AWAY);
        for at in [400, 430, 700, 730] {
            let judged = watch.follow(&diagnosis(None, second(at)), &[], second(at), AWAY);
            assert!(judged.is_empty(), "{judged:?}");
        }
    }

    #[test]
    fn what_was_given_up_is_not_healed() {
        let mut watch = IdleWatch::default();
        watch.follow(&diagnosis(Some("leak"), second(0)), &[breach()], second(0), AWAY);
        watch.give_up(&[breach()]);
        for at in [30, 330, 630] {
            let judged = watch.follow(&diagnosis(None, second(at)), &[], second(at), AWAY);
            assert!(judged.is_empty(), "{judged:?}");
        }
    }

    #[test]
    fn what_stays_is_ineffective_once() {
        let mut watch = IdleWatch::default();
        let verdicts: Vec<_> = (0..30)
            .flat_map(|n| {
                let told = diagnosis(Some("overload"), second(30 * n));
                watch.follow(&told, &[breach()], second(30 * n), AWAY)
            })
            .map(|idle| idle.verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Ineffective]);
    }

    #[test]
    fn once_something_is_done_nothing_is_judged() {
        let mut watch = IdleWatch::default();
        watch.follow(&diagnosis(Some("leak"), second(0)), &[breach()], second(0), AWAY);
        watch.disturb();
        assert!(watch.follow(&diagnosis(None, second(600)), &[], second(600), AWAY).is_empty());
    }
}
