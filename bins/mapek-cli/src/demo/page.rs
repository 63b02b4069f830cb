//! The page on which visitors break things.

use std::sync::Arc;

use mapek::{
    LoopHandle,
    model::{Duration, since},
    server::{
        Role,
        extra::{
            Asked, Button, Choice, Extra, InvalidPlace, Item, Look, Place, Section, Sheet, Tone,
        },
    },
};

use super::{
    damage::{DAMAGES, Damage, Harm},
    hands::{Broken, Hands, Scene},
};

const TAKE: &str = "take";
const BREAK: &str = "break";
const MEND: &str = "mend";
const STRENGTH: &str = "strength";
const LASTS: &str = "lasts";
/// Causes that are shown of what the loop believes.
const CAUSES: usize = 3;

/// The page.
#[derive(Debug)]
pub(super) struct Page {
    place: Place,
    hands: Arc<Hands>,
    handle: LoopHandle,
}

impl Page {
    pub(super) fn new(hands: Arc<Hands>, handle: LoopHandle) -> Result<Self, InvalidPlace> {
        Ok(Self { place: Place::try_new("/demo", "Break it", 'b', Role::Operator)?, hands, handle })
    }

    /// Whose turn it is, and how a visitor gets theirs.
    fn turn(scene: Scene, wanted: bool, waits: bool) -> Section {
        let text = match scene {
            Scene::Learning => Some(
                "All is well for a quarter of an hour of the loop's time, in which it learns what is usual."
                    .to_owned(),
            ),
            Scene::Act(name) => Some(format!(
                "The story has broken something: {name}. It is judged by whether the loop heals that, so nobody else breaks anything meanwhile."
            )),
            Scene::Over => None,
        };
        let item = |text| {
            Item {
            title: "The stage is the story's".to_owned(),
            text: vec![
                text,
                "Watch it to its end, or take the stage: then it ends where it is, and is not judged.".to_owned(),
            ],
            button: Some(Button {
                label: "Take the stage".to_owned(),
                value: "stage".to_owned(),
                look: Look::Go,
            }),
            ..Item::default()
        }
        };
        let stands = "Time stands still: a plan waits for a person's word, for a minute at most. It is under Approve.";
        Section {
            id: "turn",
            title: "Whose turn it is".to_owned(),
            intro: if waits { stands.to_owned() } else { String::new() },
            act: Some(TAKE),
            items: text.map(item).into_iter().collect(),
            nothing: "Yours. The story is over.".to_owned(),
            closed: wanted
                .then(|| "It is yours as soon as the loop has learned what is usual.".to_owned()),
            ..Section::default()
        }
    }

    fn broken(&self, all: &[Broken], closed: Option<String>) -> Section {
        Section {
            id: "broken",
            title: "Broken now".to_owned(),
            act: Some(MEND),
            items: all.iter().map(|it| self.one_broken(it)).collect(),
            nothing: "Nothing is broken.".to_owned(),
            closed: closed.filter(|_| !all.is_empty()),
            ..Section::default()
        }
    }

    fn one_broken(&self, one: &Broken) -> Item {
        let badge = if one.at_work {
            (Tone::Bad, "at work".to_owned())
        } else {
            (Tone::Good, "a remedy holds it".to_owned())
        };
        let mut how = Vec::new();
        if matches!(one.damage.harm, Harm::Fault(_)) {
            how.push(format!("{:.0} % of its strength", 100.0 * one.strength));
        }
        let now = self.handle.now();
        how.push(match one.until {
            Some(until) => format!("ends by itself in {}", minutes(since(until, now))),
            None => "stays until a person mends it".to_owned(),
        });
        Item {
            title: capital(one.damage.name),
            badge: Some(badge),
            since: one.since,
            text: vec![sentence(&how.join(", "))],
            button: Some(Button {
                label: "Mend".to_owned(),
                value: one.id.clone(),
                look: Look::Go,
            }),
        }
    }

    /// What the loop has found out, to be held against what the visitor knows.
    fn believed(&self) -> Section {
        let state = self.handle.state();
        let mut items = Vec::new();
        if let Some(report) = state.last() {
            for ranked in report.diagnosis.causes.iter().take(CAUSES) {
                let sure = format!("{:.0} % sure", 100.0 * ranked.confidence.get());
                items.push(Item {
                    title: ranked.cause.to_string(),
                    badge: Some((Tone::Busy, sure)),
                    text: ranked.reasons.first().map(|it| sentence(it)).into_iter().collect(),
                    ..Item::default()
                });
            }
            if report.diagnosis.is_unknown() {
                let text = "Something is wrong that no cause it knows explains.".to_owned();
                items.push(Item {
                    title: "It does not know".to_owned(),
                    text: vec![text],
                    ..Item::default()
                });
            }
        }
        Section {
            id: "believed",
            title: "What the loop believes".to_owned(),
            items,
            nothing: "That all is well.".to_owned(),
            ..Section::default()
        }
    }

    fn breakable(all: &[Broken], closed: Option<String>) -> Section {
        let item = |damage: &'static Damage| Item {
            title: capital(damage.name),
            badge: all
                .iter()
                .any(|it| it.damage == damage)
                .then(|| (Tone::Bad, "broken".to_owned())),
            text: vec![damage.words.to_owned()],
            button: Some(Button {
                label: "Break".to_owned(),
                value: damage.name.to_owned(),
                look: Look::Plain,
            }),
            since: None,
        };
        Section {
            id: "break",
            title: "Break something".to_owned(),
            intro: "Nobody tells the loop. It heals some of it by itself, asks you about some, and says where it can do nothing.".to_owned(),
            act: Some(BREAK),
            choices: vec![
                Choice {
                    name: STRENGTH,
                    label: "How strongly".to_owned(),
                    options: vec![("1", "fully"), ("0.6", "clearly"), ("0.3", "a little")],
                },
                Choice {
                    name: LASTS,
                    label: "How long".to_owned(),
                    options: vec![("0", "until it is mended"), ("600", "10 min of the loop's time"), ("1800", "30 min of the loop's time")],
                },
            ],
            items: DAMAGES.iter().map(item).collect(),
            closed,
            ..Section::default()
        }
    }
}

impl Extra for Page {
    fn place(&self) -> Place {
        self.place.clone()
    }

    fn sheet(&self) -> Sheet {
        let (scene, wanted) = self.hands.scene();
        let closed = (scene != Scene::Over).then(|| "The stage is the story's.".to_owned());
        let all = self.hands.broken();
        let wanted = wanted && scene == Scene::Learning;
        let sections = vec![
            Self::turn(scene, wanted, self.hands.waits()),
            self.broken(&all, closed.clone()),
            self.believed(),
            Self::breakable(&all, closed),
        ];
        let intro = "You know what is broken; the loop does not. It sees the metrics that anybody would see, and has to find out.";
        Sheet { intro: vec![intro.to_owned()], sections }
    }

    fn act(&self, asked: &Asked<'_>) -> Result<String, String> {
        let chosen = |name: &str| asked.chosen.get(name).map(String::as_str).unwrap_or_default();
        match asked.act {
            TAKE => Ok(match self.hands.take()? {
                true => "The stage is yours. The story is over, and not judged.".to_owned(),
                // It stays on the page when it has come true.
                false => "You have asked for the stage.".to_owned(),
            }),
            MEND => self.hands.mend(asked.item).map(|name| format!("Mended: {name}.")),
            BREAK => {
                let damage = Damage::named(asked.item).ok_or("There is no such thing to break.")?;
                let strength = chosen(STRENGTH).parse().map_err(|_| "How strongly?")?;
                let lasts: u32 = chosen(LASTS).parse().map_err(|_| "How long?")?;
                self.hands.break_it(damage, strength, (lasts > 0).then_some(lasts))?;
                Ok(format!("Broken: {}. Nobody has told the loop.", damage.name))
            }
            other => Err(format!("Nobody knows how to {other}.")),
        }
    }
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", capital(text).trim_end_matches('.'))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}
