//! What was learned, in words.

use std::{cmp::Reverse, fmt};

use mapek_model::{CauseKind, Confidence, Experience, PlanSignature, Ratio, Tally, duration};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

use crate::evidence_weight;

/// Most insights in one answer, those with most evidence: nobody reads more.
pub const INSIGHTS_MAX: usize = 200;

/// What an insight is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Topic {
    /// How a plan did against a cause.
    Plan {
        /// The kinds of its actions.
        signature: PlanSignature,
    },
    /// What becomes of a cause if nothing is done.
    Nothing,
    /// Which plan did best against a cause.
    Best {
        /// The kinds of its actions.
        signature: PlanSignature,
    },
}

/// Something learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Insight {
    /// The cause that it is about.
    pub cause: CauseKind,
    /// What about it.
    pub topic: Topic,
    /// How much evidence there is, from 0 to 1: see [`evidence_weight`].
    pub weight: Ratio,
    /// What it is drawn from.
    #[serde(default)]
    pub tally: Tally,
    /// In words.
    pub text: String,
}

/// The posterior of a probability of success: a Beta distribution from the uniform prior, `Beta(1 + s, 1 + n − s)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Its mean.
    pub mean: Confidence,
    /// The lower end of the central 95 % interval.
    pub low: Confidence,
    /// The upper end of the central 95 % interval.
    pub high: Confidence,
}

impl Posterior {
    /// The posterior after the outcomes of `tally`; anything but a success counts as none, unknown ones do not count.
    ///
    /// # Panics
    ///
    /// Never: the parameters are positive.
    ///
    /// ```
    /// use mapek_knowledge::Posterior;
    /// use mapek_model::Tally;
    ///
    /// let posterior = Posterior::of(&Tally { success: 7, partial: 1, ..Tally::default() });
    /// assert_eq!(posterior.to_string(), "80 %, 95 % interval 52–97 %");
    /// ```
    #[must_use]
    pub fn of(tally: &Tally) -> Self {
        let (s, n) = (f64::from(tally.success), f64::from(tally.judged()));
        let beta = Beta::new(1.0 + s, 1.0 + (n - s)).expect("both parameters are at least 1");
        Self {
            mean: tally.success_probability(),
            low: Confidence::saturating(beta.inverse_cdf(0.025)),
            high: Confidence::saturating(beta.inverse_cdf(0.975)),
        }
    }
}

impl fmt::Display for Posterior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [mean, low, high] = [self.mean, self.low, self.high].map(|it| 100.0 * it.get());
        write!(f, "{mean:.0} %, 95 % interval {low:.0}–{high:.0} %")
    }
}

/// The plan that did best against a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestPlan {
    /// The kinds of its actions.
    pub signature: PlanSignature,
    /// How it did.
    pub tally: Tally,
    /// How likely it is to succeed next time.
    pub success: Confidence,
}

/// The plan with the best posterior probability of success against a cause, of those that were judged; of equal ones the
/// one with more evidence, then the simpler one. Absent if none was judged.
#[must_use]
pub fn best_plan(experience: &Experience, cause: &CauseKind) -> Option<BestPlan> {
    let tried = experience.plans.get(cause)?.iter().filter(|(_, tally)| tally.judged() > 0);
    let (signature, tally) = tried.min_by_key(|(signature, tally)| {
        let simplicity = (signature.kinds().len(), *signature);
        (Reverse(tally.success_probability()), Reverse(tally.judged()), simplicity)
    })?;
    let success = tally.success_probability();
    Some(BestPlan { signature: signature.clone(), tally: tally.clone(), success })
}

/// All that experience has to say, by weight of evidence, then by cause. The same experience gives the same words.
#[must_use]
pub fn insights(experience: &Experience, saturation: u32) -> Vec<Insight> {
    let mut all = Vec::new();
    for (cause, plans) in &experience.plans {
        for (signature, tally) in plans.iter().filter(|(_, tally)| tally.judged() > 0) {
            let topic = Topic::Plan { signature: signature.clone() };
            let text = format!("{signature} against {cause}: {}", record(tally));
            all.push(Insight {
                cause: cause.clone(),
                topic,
                weight: weight(tally, saturation),
                tally: tally.clone(),
                text,
            });
        }
        all.extend(best(experience, cause, saturation));
    }
    for (cause, tally) in experience.nothing.iter().filter(|(_, tally)| tally.judged() > 0) {
        let (success, judged, posterior) = (tally.success, tally.judged(), Posterior::of(tally));
        let text = format!(
            "{cause} left alone: healed by itself {success} of {judged} times ({posterior})"
        );
        let (cause, weight) = (cause.clone(), weight(tally, saturation));
        all.push(Insight { cause, topic: Topic::Nothing, weight, tally: tally.clone(), text });
    }
    all.sort_by(|a, b| (b.weight, &a.cause, &a.topic).cmp(&(a.weight, &b.cause, &b.topic)));
    all.truncate(INSIGHTS_MAX);
    all
}

fn weight(tally: &Tally, saturation: u32) -> Ratio {
    evidence_weight(tally, saturation)
}

/// `7 of 8 succeeded (posterior 80 %, 95 % interval 52–97 %), median time to effect 41s`.
fn record(tally: &Tally) -> String {
    let (success, judged, posterior) = (tally.success, tally.judged(), Posterior::of(tally));
    let mut text = format!("{success} of {judged} succeeded (posterior {posterior})");
    if let Some(time) = tally.time_to_effect {
        text += &format!(", median time to effect {}", duration::format(time));
    }
    if tally.degradation > 0 {
        text += &format!("; it made things worse {} time(s)", tally.degradation);
    }
    if tally.unknown > 0 {
        text += &format!("; {} could not be judged", tally.unknown);
    }
    text
}

/// Which of several plans did best; nothing to say where there is only one.
fn best(experience: &Experience, cause: &CauseKind, saturation: u32) -> Option<Insight> {
    let tried = experience.plans.get(cause)?.values().filter(|tally| tally.judged() > 0).count();
    let best = best_plan(experience, cause).filter(|_| tried > 1)?;
    let percent = 100.0 * best.success.get();
    let signature = best.signature;
    let text = format!("best against {cause} of {tried} plans tried: {signature} ({percent:.0} %)");
    let weight = weight(&best.tally, saturation);
    let (cause, topic) = (cause.clone(), Topic::Best { signature });
    Some(Insight { cause, topic, weight, tally: best.tally, text })
}

#[cfg(test)]
mod tests {
    use mapek_model::Duration;

    use super::*;

    fn experience() -> Experience {
        let mut experience = Experience::default();
        let plans = experience.plans.entry("overload".parse().unwrap()).or_default();
        let time_to_effect = Some(Duration::from_secs(41));
        plans.insert(
            "scale_up".parse().unwrap(),
            Tally { success: 7, ineffective: 1, time_to_effect, ..Tally::default() },
        );
        plans.insert(
            "rebalance_load".parse().unwrap(),
            Tally { success: 1, degradation: 2, unknown: 3, ..Tally::default() },
        );
        plans.insert("restart_service".parse().unwrap(), Tally { unknown: 9, ..Tally::default() });
        let healed = Tally { success: 1, ineffective: 9, ..Tally::default() };
        experience.nothing.insert("overload".parse().unwrap(), healed);
        experience
    }

    #[test]
    fn insights_read_as_people_speak() {
        let texts: Vec<_> = insights(&experience(), 30).into_iter().map(|it| it.text).collect();
        assert_eq!(
            texts,
            [
                "overload left alone: healed by itself 1 of 10 times (17 %, 95 % interval 2–41 %)",
                "scale_up against overload: 7 of 8 succeeded (posterior 80 %, 95 % interval 52–97 %), \
                 median time to effect 41s",
                "best against overload of 2 plans tried: scale_up (80 %)",
                "rebalance_load against overload: 1 of 3 succeeded (posterior 40 %, 95 % interval 7–81 %); \
                 it made things worse 2 time(s); 3 could not be judged",
            ]
        );
    }

    #[test]
    fn the_best_plan_has_the_best_posterior_not_the_best_rate() {
        let mut experience = experience();
        let plans = experience.plans.get_mut("overload").unwrap();
        // One of one is a rate of 100 %, but a posterior of 67 % only.
        plans.insert("scale_down".parse().unwrap(), Tally { success: 1, ..Tally::default() });
        let best = best_plan(&experience, &"overload".parse().unwrap()).unwrap();
        assert_eq!(best.signature.to_string(), "scale_up");
        assert_eq!(best_plan(&experience, &"leak".parse().unwrap()), None);
    }

    #[test]
    fn intervals_hold_their_mean_however_much_there_is() {
        for (success, ineffective) in
            [(0, 0), (0, 1), (1, 0), (0, 100_000), (100_000, 0), (60_000, 40_000)]
        {
            let tally = Tally { success, ineffective, ..Tally::default() };
            let posterior = Posterior::of(&tally);
            assert!(
                posterior.low <= posterior.mean && posterior.mean <= posterior.high,
                "{posterior:?}"
            );
            assert!(posterior.high.get() - posterior.low.get() < 0.96);
        }
        // Beta(1, 1) is uniform; Beta(2, 1) has the quantile √p.
        let one = Posterior::of(&Tally { success: 1, ..Tally::default() });
        assert!((one.low.get() - 0.025_f64.sqrt()).abs() < 1e-6);
        assert!((one.high.get() - 0.975_f64.sqrt()).abs() < 1e-6);
    }
}
