//! Marks at moments, with as many words as there is room for.

use plotters::style::Color;

use super::super::{
    super::{
        super::words::tame,
        palette::{INK, RIGHT, SEEN, SENSE, STEERED, WRONG},
        plot::{Anchor, Axis, Canvas, Drawing, Point, fitted, px, width_of},
    },
    Event, EventKind,
};

/// An event with where its words are: in which lane, and on which side. Without words where there is no room.
pub(super) struct Placed {
    event: Event,
    pub(super) lane: usize,
    words: Option<Anchor>,
}

/// Finds a place for each event, in the order of their time.
pub(super) fn placed(events: Vec<Event>, x: Axis) -> Vec<Placed> {
    // What happened in the warm-up that is not shown is in the list.
    let events = events.into_iter().filter(|it| it.at_s / 60.0 >= x.values.0);
    let mut ends = [i32::MIN; super::LANES_MAX];
    let mut place = |event: Event| {
        let (at, wide) = (x.at(event.at_s / 60.0), width_of(&said(&event)) + px(12));
        // After the mark if there is room, or more of it than before.
        let (before, after) = (at - px(4), x.pixels.1 - at);
        let (words, from, to) = if wide <= after || after >= before {
            (Anchor::Left, at - px(6), at + wide.min(after))
        } else {
            (Anchor::Right, at - wide.min(before), at + px(6))
        };
        match ends.iter().position(|&end| end <= from) {
            Some(lane) => {
                ends[lane] = to;
                Placed { event, lane, words: Some(words) }
            }
            None => Placed { event, lane: super::LANES_MAX - 1, words: None },
        }
    };
    events.map(&mut place).collect()
}

/// What stands beside a mark.
fn said(event: &Event) -> String {
    let words = tame(&event.words, 40);
    if event.times > 1 { format!("{words} (× {})", event.times) } else { words }
}

impl Placed {
    pub(super) fn draw(&self, canvas: &Canvas<'_>, x: Axis, middle: i32) -> Drawing {
        let at = x.at(self.event.at_s / 60.0);
        mark(canvas, self.event.kind, (at, middle))?;
        let Some(anchor) = self.words else { return Ok(()) };
        let (from, room) = match anchor {
            Anchor::Left => (at + px(8), x.pixels.1 - at - px(8)),
            _ => (at - px(8), at - px(12)),
        };
        canvas.text(&fitted(&said(&self.event), room), (from, middle), anchor, INK)
    }
}

fn mark(canvas: &Canvas<'_>, kind: EventKind, (x, y): Point) -> Drawing {
    let r = px(5);
    match kind {
        EventKind::Done => {
            canvas.fill(vec![(x - r, y + r), (x + r, y + r), (x, y - r)], STEERED, 1.0)
        }
        EventKind::Undone => {
            canvas.fill(vec![(x - r, y - r), (x + r, y - r), (x, y + r)], SENSE, 1.0)
        }
        EventKind::Refused => {
            let r = r - px(1);
            canvas.line(vec![(x - r, y - r), (x + r, y + r)], WRONG, 4)?;
            canvas.line(vec![(x - r, y + r), (x + r, y - r)], WRONG, 4)
        }
        EventKind::Told => {
            canvas.fill(vec![(x - r, y), (x, y - r), (x + r, y), (x, y + r)], SEEN, 1.0)
        }
        EventKind::Answered => canvas.dot((x, y), r - px(1), RIGHT.filled()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_never_lie_on_words() {
        let x = Axis { values: (0.0, 45.0), pixels: (100, 2_000) };
        let event = |n: u32| Event {
            at_s: f64::from(n) * 30.0,
            kind: EventKind::Done,
            words: format!("scale to {n}"),
            times: 1,
        };
        let placed = placed((0..90).map(event).collect(), x);
        assert_eq!(placed.len(), 90, "a mark stays, words or none");
        let mut spans: Vec<_> = placed
            .iter()
            .filter_map(|it| {
                let (at, wide) = (x.at(it.event.at_s / 60.0), width_of(&it.event.words));
                Some(match it.words? {
                    Anchor::Left => (it.lane, at, at + wide),
                    _ => (it.lane, at - wide, at),
                })
            })
            .collect();
        assert!(spans.len() > 20, "{} with words", spans.len());
        spans.sort_unstable();
        assert!(spans.windows(2).all(|it| it[0].0 != it[1].0 || it[0].2 <= it[1].1), "{spans:?}");
    }
}
