//! What becomes of causes that nothing is done against.
//!
//! Doing nothing competes with every plan, so its success has to be learned like a plan's: a cause that was told, against
//! which nothing ran, and that was gone within the patience healed by itself.

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
    /// It was judged already, and is followed only so that it is not judged again.
    judged: bool,
}

impl IdleWatch {
    /// Takes in a diagnosis of fresh evidence, and answers what can be judged now.
    pub(crate) fn follow(
        &mut self,
        diagnosis: &Diagnosis,
        open: &[Fingerprint],
        now: Timestamp,
    ) -> Vec<Idle> {
        let mut judged = Vec::new();
        let mut judge = |followed: &Followed, verdict| {
            judged.push(Idle {
                target: diagnosis.target.clone(),
                cause: followed.cause.clone(),
                began: followed.began,
                judged: now,
                verdict,
            });
        };
        self.followed.retain_mut(|followed| {
            let gone = !followed.explains.iter().any(|it| open.contains(it));
            if !followed.judged && (gone || later(followed.began, PATIENCE) <= now) {
                judge(followed, if gone { Verdict::Success } else { Verdict::Ineffective });
                followed.judged = true;
            }
            !gone
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
                judged: false,
            });
        }
        judged
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

    #[test]
    fn what_is_gone_within_the_patience_healed_by_itself() {
        let mut watch = IdleWatch::default();
        let told = diagnosis(Some("overload"), second(0));
        assert!(watch.follow(&told, &[breach()], second(0)).is_empty());
        let judged = watch.follow(&diagnosis(None, second(60)), &[], second(60));
        assert_eq!(judged.len(), 1);
        assert_eq!((judged[0].verdict, judged[0].began), (Verdict::Success, second(0)));
        assert!(watch.follow(&diagnosis(None, second(90)), &[], second(90)).is_empty());
    }

    #[test]
    fn what_stays_is_ineffective_once() {
        let mut watch = IdleWatch::default();
        let verdicts: Vec<_> = (0..30)
            .flat_map(|n| {
                let told = diagnosis(Some("overload"), second(30 * n));
                watch.follow(&told, &[breach()], second(30 * n))
            })
            .map(|idle| idle.verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Ineffective]);
    }

    #[test]
    fn once_something_is_done_nothing_is_judged() {
        let mut watch = IdleWatch::default();
        watch.follow(&diagnosis(Some("leak"), second(0)), &[breach()], second(0));
        watch.disturb();
        assert!(watch.follow(&diagnosis(None, second(60)), &[], second(60)).is_empty());
    }
}
