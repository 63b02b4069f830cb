//! Who may break things: the story or the visitor, one at a time.
//!
//! What the story breaks is judged: the loop is to heal it, and nothing else is to be open. So as long as the story is played nobody else
//! breaks or mends anything, and who wants to takes the stage: then the story ends where it is, without a verdict.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use charter_sim::{AnyFault, InProcess};
use mapek::model::{Duration, Timestamp, later};

use super::{
    blindfold::{Blindfold, Hidden},
    damage::{self, Damage, Harm},
};

/// What can be broken at once: more than anybody can follow.
const BROKEN_MAX: usize = 12;
/// What is told of the dead sensor, where faults have names of the system's.
const SENSOR: &str = "sensor";

/// Where the story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// All is well, and the loop learns what is usual.
    Learning,
    /// This goes wrong.
    Act(&'static str),
    /// It is over: the stage is the visitor's.
    Over,
}

/// Something that is broken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Broken {
    /// What it is mended by.
    pub(super) id: String,
    pub(super) damage: &'static Damage,
    /// How strongly, of 1.
    pub(super) strength: f64,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// Whether it does harm: a remedy may have taken its effect away.
    pub(super) at_work: bool,
}

/// What a visitor did, for whoever tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    Took,
    Broke(&'static Damage),
    Mended(&'static str),
}

/// What the story and the visitor break things by.
#[derive(Debug)]
pub(super) struct Hands {
    plant: InProcess,
    blindfold: Blindfold,
    turn: Mutex<Turn>,
    /// Whether time stands still until a person decides.
    waits: AtomicBool,
}

#[derive(Debug)]
struct Turn {
    scene: Scene,
    /// Whether a visitor wants the stage who cannot have it yet.
    wanted: bool,
    deeds: VecDeque<Deed>,
}

impl Hands {
    pub(super) fn new(plant: InProcess, blindfold: Blindfold) -> Self {
        let turn = Turn { scene: Scene::Learning, wanted: false, deeds: VecDeque::new() };
        Self { plant, blindfold, turn: Mutex::new(turn), waits: AtomicBool::new(false) }
    }

    /// Where the story is, and whether a visitor waits for the stage.
    pub(super) fn scene(&self) -> (Scene, bool) {
        let turn = self.turn();
        (turn.scene, turn.wanted)
    }

    /// Whether time stands still until a person decides.
    pub(super) fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Says that time stands still, or goes on.
    pub(super) fn wait(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// Begins an act of the story; answers whether the stage is still the story's.
    pub(super) fn begin(&self, act: &'static str) -> bool {
        let mut turn = self.turn();
        if turn.wanted || turn.scene == Scene::Over {
            turn.scene = Scene::Over;
            return false;
        }
        turn.scene = Scene::Act(act);
        true
    }

    /// Leaves the stage to the visitor.
    pub(super) fn leave(&self) {
        self.turn().scene = Scene::Over;
    }

    /// Whether a visitor has taken the stage, or has been left it.
    pub(super) fn is_over(&self) -> bool {
        self.turn().scene == Scene::Over
    }

    /// Gives the visitor the stage, at once or as soon as the loop has learned what is usual; answers whether it is theirs now.
    ///
    /// # Errors
    ///
    /// If it is theirs already.
    pub(super) fn take(&self) -> Result<bool, String> {
        let mut turn = self.turn();
        match turn.scene {
            Scene::Over => return Err("The stage is yours already.".to_owned()),
            Scene::Learning => turn.wanted = true,
            Scene::Act(_) => turn.scene = Scene::Over,
        }
        turn.deeds.push_back(Deed::Took);
        Ok(turn.scene == Scene::Over)
    }

    /// Breaks something for the visitor: as strongly as this says, of 1, and for so many seconds or until somebody mends it.
    ///
    /// # Errors
    ///
    /// Why it is not broken.
    pub(super) fn break_it(
        &self,
        damage: &'static Damage,
        strength: f64,
        lasts_s: Option<u32>,
    ) -> Result<(), String> {
        // Held to the end, so that the story cannot begin an act meanwhile.
        let mut turn = self.stage()?;
        let broken = self.broken();
        if broken.len() >= BROKEN_MAX {
            return Err(format!("{BROKEN_MAX} things are broken already; mend one first."));
        }
        match damage.harm {
            Harm::Blindness => {
                let since = self.plant.now();
                let until = lasts_s.map(|time| later(since, Duration::from_secs(time.into())));
                self.blindfold.put_on(Hidden { since, until });
            }
            Harm::Fault(kind) => {
                let injected = self.plant.inject(damage::fault(kind, strength, lasts_s));
                injected.map_err(|refusal| format!("It cannot be broken: {refusal}."))?;
            }
        }
        turn.deeds.push_back(Deed::Broke(damage));
        Ok(())
    }

    /// Mends what is broken, for the visitor; answers what it was.
    ///
    /// # Errors
    ///
    /// If it is not broken any more, or it is not for the visitor to mend.
    pub(super) fn mend(&self, id: &str) -> Result<&'static str, String> {
        let mut turn = self.stage()?;
        let one = self.broken().into_iter().find(|it| it.id == id);
        let gone = || "It is not broken any more.".to_owned();
        let name = one.ok_or_else(gone)?.damage.name;
        let mended =
            if id == SENSOR { self.blindfold.take_off() } else { self.plant.clear_fault(id) };
        if !mended {
            return Err(gone());
        }
        turn.deeds.push_back(Deed::Mended(name));
        Ok(name)
    }

    /// All that is broken at this moment, in order of time. What has ended by itself is forgotten.
    pub(super) fn broken(&self) -> Vec<Broken> {
        let now = self.plant.now();
        let mut all = Vec::new();
        for record in self.plant.faults() {
            let AnyFault::Plant(fault) = record.fault else { continue };
            let Some(damage) = Damage::of(fault.kind) else { continue };
            let lasts = fault.duration.map(|it| it.to_duration());
            let until = fault.at.zip(lasts).map(|(at, lasts)| later(at, lasts));
            if until.is_some_and(|until| until <= now) {
                let _forgotten = self.plant.clear_fault(&record.fault_id);
                continue;
            }
            // What was broken between two steps of the system begins with the next.
            let begins = fault.at.is_some_and(|at| at >= now);
            all.push(Broken {
                id: record.fault_id,
                damage,
                strength: fault.intensity,
                since: fault.at,
                until,
                at_work: record.active || begins,
            });
        }
        let blind = damage::DAMAGES.iter().find(|it| it.harm == Harm::Blindness);
        if let (Some(hidden), Some(damage)) = (self.blindfold.at(now), blind) {
            let Hidden { since, until } = hidden;
            let (id, since) = (SENSOR.to_owned(), Some(since));
            all.push(Broken { id, damage, strength: 1.0, since, until, at_work: true });
        }
        all.sort_by_key(|it| it.since);
        all
    }

    /// What the visitor did since this was asked last.
    pub(super) fn deeds(&self) -> VecDeque<Deed> {
        std::mem::take(&mut self.turn().deeds)
    }

    /// The stage, if it is the visitor's.
    fn stage(&self) -> Result<MutexGuard<'_, Turn>, String> {
        let turn = self.turn();
        match turn.scene {
            Scene::Over => Ok(turn),
            _ => Err("The stage is the story's; take it first.".to_owned()),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use charter_sim::{Fault, FaultKind, PlantConfig};

    use super::*;

    fn hands() -> Hands {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let plant = InProcess::try_new(PlantConfig::default(), 7, start).unwrap();
        Hands::new(plant, Blindfold::default())
    }

    fn pass(hands: &Hands, seconds: u64) {
        hands.plant.advance_to(later(hands.plant.now(), Duration::from_secs(seconds)));
    }

    fn names(hands: &Hands) -> Vec<&'static str> {
        hands.broken().iter().map(|it| it.damage.name).collect()
    }

    #[test]
    fn the_stage_is_one_persons_at_a_time() {
        let hands = hands();
        let overload = Damage::named("overload").unwrap();
        assert!(hands.break_it(overload, 1.0, None).unwrap_err().contains("take it first"));
        // While the loop learns the visitor can wait for it.
        assert_eq!(hands.take(), Ok(false));
        assert_eq!(hands.scene(), (Scene::Learning, true));
        assert!(hands.break_it(overload, 1.0, None).is_err());
        assert!(!hands.begin("overload"), "the story does not begin");
        assert!(hands.is_over() && hands.break_it(overload, 1.0, None).is_ok());
        assert!(hands.take().is_err());
        assert_eq!(hands.deeds(), [Deed::Took, Deed::Broke(overload)]);
        assert!(hands.deeds().is_empty());
    }

    #[test]
    fn the_storys_fault_is_nobodys_to_mend_until_the_stage_is_taken() {
        let hands = hands();
        assert!(hands.begin("overload"));
        hands.plant.inject(Fault::new(FaultKind::Overload)).unwrap();
        pass(&hands, 5);
        let id = hands.broken()[0].id.clone();
        assert!(hands.mend(&id).is_err());
        assert_eq!(hands.take(), Ok(true));
        assert!(!hands.begin("bad policy"), "the story is over");
        assert_eq!(hands.mend(&id), Ok("overload"));
        assert!(hands.mend(&id).is_err() && names(&hands).is_empty());
    }

    #[test]
    fn what_is_broken_is_listed_until_it_ends() {
        let hands = hands();
        hands.leave();
        let [leak, sensor] = ["leak", "dead sensor"].map(|it| Damage::named(it).unwrap());
        hands.break_it(leak, 0.6, None).unwrap();
        hands.break_it(sensor, 1.0, Some(60)).unwrap();
        assert!(hands.broken().iter().all(|it| it.at_work), "{:?}", hands.broken());
        pass(&hands, 59);
        assert_eq!(names(&hands), ["leak", "dead sensor"]);
        assert!(hands.blindfold.at(hands.plant.now()).is_some());
        pass(&hands, 1);
        assert_eq!(names(&hands), ["leak"]);
        assert!(hands.blindfold.at(hands.plant.now()).is_none());
        for _ in 1..BROKEN_MAX {
            hands.break_it(leak, 1.0, Some(600)).unwrap();
        }
        assert!(hands.break_it(leak, 1.0, None).unwrap_err().contains("mend one first"));
        pass(&hands, 600);
        assert_eq!((names(&hands).len(), hands.plant.faults().len()), (1, 1), "all of them ended");
    }
}
