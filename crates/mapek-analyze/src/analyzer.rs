//! One observation in, one diagnosis out.

mod told;

use std::{fmt, sync::Arc};

use mapek_model::{
    Cause, Confidence, Diagnosis, DiagnosisId, EpisodeKey, Finding, Observation, RankedCause,
    Timestamp, Violation, since,
};

use crate::{
    AnalyzeConfig, AnalyzerState, Baselines, Catalogue, Causal, Detector, Error, Expected,
    Frequency, Ours, Spatial, Temporal, Window, WindowBuilder,
    detect::{FINDINGS_MAX, most_confident},
    infer::{Candidate, Evidence, Posterior},
};

/// Diagnoses observations. One analyzer serves any number of targets; what it remembers of each is in its
/// [`AnalyzerState`].
///
/// It never asks for the time and draws no random numbers: the same state and observation yield the same diagnosis.
///
/// ```
/// use mapek_analyze::{AnalyzeConfig, Analyzer, AnalyzerState};
/// use mapek_model::{DiagnosisId, Observation, TargetId, Timestamp};
///
/// let analyzer = Analyzer::try_new(AnalyzeConfig::default())?;
/// let mut state = AnalyzerState::default();
/// let observation = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
/// let id: DiagnosisId = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
/// assert!(analyzer.diagnose(&mut state, &observation, id).is_healthy());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Analyzer {
    config: AnalyzeConfig,
    catalogue: Catalogue,
    detectors: Vec<Arc<dyn Detector>>,
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer")
            .field("config", &self.config)
            .field("detectors", &self.detectors)
            .finish_non_exhaustive()
    }
}

/// Most detectors of one analyzer: each looks at everything in each cycle.
const DETECTORS_MAX: usize = 64;

impl Analyzer {
    /// With the four detectors and the catalogue that `config` asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the setting that is out of range.
    pub fn try_new(config: AnalyzeConfig) -> Result<Self, Error> {
        config.check()?;
        let settings = config.settings()?;
        let mut detectors: Vec<Arc<dyn Detector>> = Vec::new();
        let (temporal, spatial) = (settings.temporal.enabled, settings.spatial.enabled);
        let (causal, frequency) = (settings.causal.enabled, settings.frequency.enabled);
        let four: [(bool, Arc<dyn Detector>); 4] = [
            (temporal, Arc::new(Temporal::try_new(settings.temporal)?)),
            (spatial, Arc::new(Spatial::try_new(settings.spatial)?)),
            (causal, Arc::new(Causal::try_new(settings.causal)?)),
            (frequency, Arc::new(Frequency::try_new(settings.frequency)?)),
        ];
        detectors.extend(four.into_iter().filter(|(on, _)| *on).map(|(_, detector)| detector));
        let catalogue = config.catalogue.clone().unwrap_or_default();
        Ok(Self { config, catalogue, detectors })
    }

    /// The same with one more detector, up to 64 in all; a further one is left out.
    #[must_use]
    pub fn with_detector(mut self, detector: impl Detector + 'static) -> Self {
        if self.detectors.len() < DETECTORS_MAX {
            self.detectors.push(Arc::new(detector));
        }
        self
    }

    /// The causes that it chooses from.
    #[must_use]
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Whether all that is open began so lately that the watched values cannot show it yet.
    ///
    /// The managed system and its alerts often know of a breach before its metrics are measured again. A diagnosis of that moment
    /// knows *that* something is wrong, and says of *why* that it is unknown; a look a moment later tells.
    #[must_use]
    pub fn is_premature(&self, observation: &Observation) -> bool {
        let young = |it: &Violation| since(observation.at, it.onset) < self.config.lag;
        !observation.series.is_empty()
            && !observation.open.is_empty()
            && observation.open.iter().all(young)
    }

    /// Diagnoses `observation`, and remembers in `state` what the next diagnosis needs.
    #[must_use]
    pub fn diagnose(
        &self,
        state: &mut AnalyzerState,
        observation: &Observation,
        id: DiagnosisId,
    ) -> Diagnosis {
        self.diagnose_knowing(state, observation, &Ours::default(), id)
    }

    /// The same, with what our own live actions mean for it: what they cause is neither a cause nor unexplained, and what they
    /// treat stands until their effect is judged.
    #[must_use]
    pub fn diagnose_knowing(
        &self,
        state: &mut AnalyzerState,
        observation: &Observation,
        ours: &Ours,
        id: DiagnosisId,
    ) -> Diagnosis {
        let (at, expected) = (observation.at, &ours.expected);
        let others = |it: &&Violation| !expected.iter().any(|e| e.explains(it));
        state.remember(observation.closed.iter().filter(others), at, &self.config);
        let mut builder = WindowBuilder::new(&observation.target)
            .since(at, self.config.history)
            .episodes(observation.open.iter().filter(others))
            .episodes(observation.closed.iter().filter(others))
            .series(&observation.series);
        state.recall(&mut builder);
        let window = builder.build();
        let mut diagnosis = self.judge(state.baselines(), observation, &window, expected, id);
        // The window still borrows the state, so what is learned is put in place afterwards.
        let mut learned = state.baselines().clone();
        learned.learn(&window, at);
        drop(window);
        state.set_baselines(learned);
        let told = diagnosis.causes.iter().map(|it| (&it.cause.kind, it.cause.component.as_ref()));
        let standing = state.persist(told, at, self.config.min_cycle);
        for (cause, (since, cycles)) in diagnosis.causes.iter_mut().zip(standing) {
            (cause.since, cause.persisted_cycles) = (since, cycles);
        }
        let open = || observation.open.iter().filter(others);
        let treated = ours.treated.as_ref();
        if let Some(cause) = treated.and_then(|it| it.standing(open(), &self.catalogue)) {
            diagnosis.recommendations = vec![told::wait_for(&cause)];
            diagnosis.unexplained.clear();
            diagnosis.causes = vec![cause];
        }
        diagnosis
    }

    /// The diagnosis of this moment alone: each cause is told as if for the first time.
    fn judge(
        &self,
        baselines: &Baselines,
        observation: &Observation,
        window: &Window<'_>,
        expected: &[Expected],
        id: DiagnosisId,
    ) -> Diagnosis {
        let findings = self.detect(window, baselines);
        let premature = self.is_premature(observation);
        let evidence = Evidence::new(observation, window, &findings, expected, premature);
        let posterior = Posterior::of(&self.catalogue, &evidence);
        let (causes, unexplained) = self.tell(&posterior, &evidence, window);
        let worst = window.open().iter().map(|it| it.severity).max();
        let risk = worst.map(|worst| told::risk(worst, window, &findings));
        let recommendations = told::recommendations(&causes, &unexplained, &posterior, expected);
        Diagnosis {
            id,
            target: observation.target.clone(),
            at: observation.at,
            causes: causes.into_iter().map(|(_, cause)| cause).collect(),
            unexplained,
            risk,
            recommendations,
            findings,
        }
    }

    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        let mut findings: Vec<_> =
            self.detectors.iter().flat_map(|detector| detector.detect(window, baselines)).collect();
        most_confident(&mut findings, usize::MAX);
        // One thing found twice is one finding.
        findings.dedup();
        findings.truncate(FINDINGS_MAX);
        findings
    }

    /// The causes to tell, most likely first, each with its candidate, and the episodes that none explains.
    fn tell<'p, 'c>(
        &self,
        posterior: &'p Posterior<'c>,
        evidence: &Evidence<'_>,
        window: &Window<'_>,
    ) -> (Vec<(&'p Candidate<'c>, RankedCause)>, Vec<EpisodeKey>) {
        let of_breach = evidence.expectation_of_breach();
        let open = |wanted: &dyn Fn(usize) -> bool| -> Vec<EpisodeKey> {
            let inside: Vec<bool> = of_breach.iter().map(|of| of.is_some_and(wanted)).collect();
            let inside = window.open().iter().filter(|it| inside[it.breach as usize]);
            inside.map(|it| window.key(it)).collect()
        };
        let mut causes: Vec<_> = posterior
            .candidates
            .iter()
            .filter_map(|candidate| {
                let computed = Confidence::saturating(candidate.probability());
                let confidence = self.config.calibration.apply(computed);
                let takes_part = |i| posterior.explained[i] && candidate.takes_part_in(i);
                let explains_any = (0..posterior.explained.len()).any(takes_part);
                (explains_any && confidence >= self.config.min_reported).then(|| {
                    let cause = ranked(candidate, confidence, open(&takes_part), evidence.at());
                    (candidate, cause)
                })
            })
            .collect();
        causes.sort_by(|(_, a), (_, b)| {
            b.confidence.cmp(&a.confidence).then_with(|| a.cause.kind.cmp(&b.cause.kind))
        });
        // An expectation that only untold causes would explain stays unexplained.
        let told = |i: usize| {
            posterior.explained[i] && causes.iter().any(|(candidate, _)| candidate.takes_part_in(i))
        };
        let unexplained = open(&|i| !told(i));
        (causes, unexplained)
    }
}

/// Most reasons that are told for one cause, strongest first.
const REASONS_MAX: usize = 6;

fn ranked(
    candidate: &Candidate<'_>,
    confidence: Confidence,
    explains: Vec<EpisodeKey>,
    now: Timestamp,
) -> RankedCause {
    RankedCause {
        cause: Cause {
            kind: candidate.signature.kind.clone(),
            component: candidate.place.clone(),
            metric: candidate.signature.metric.clone(),
        },
        confidence,
        explains,
        symptoms: candidate.signature.explains.clone(),
        since: now,
        persisted_cycles: 1,
        reasons: candidate.reasons.iter().take(REASONS_MAX).map(|it| it.1.clone()).collect(),
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod scenarios;
