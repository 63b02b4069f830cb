//! Bars for what lasts, a row for each name.

use super::super::{
    super::{
        palette::INK,
        plot::{Anchor, Axis, Canvas, Drawing, fitted, px, width_of},
    },
    spans::Row,
};

/// A row of bars around `middle`, with its name where there is room.
pub(super) fn draw(canvas: &Canvas<'_>, x: Axis, middle: i32, row: &Row) -> Drawing {
    let label = label(x, row);
    // Below its words, where there is no room for them beside it.
    let (top, bottom) = if label.above { (px(6), px(8)) } else { (-px(4), px(4)) };
    for bar in &row.bars {
        // What is short is still seen.
        let (from, to) = (x.at(bar.from), x.at(bar.to).max(x.at(bar.from) + px(2)));
        canvas.rectangle((from, middle + top), (to, middle + bottom), bar.color, 0.75)?;
    }
    let middle = if label.above { middle - px(1) } else { middle };
    canvas.text(&fitted(&row.name, label.room), (label.at, middle), label.anchor, INK)
}

struct Label {
    at: i32,
    anchor: Anchor,
    room: i32,
    above: bool,
}

/// Where the name of a row goes: after its bars, before them, or above.
fn label(x: Axis, row: &Row) -> Label {
    let first = row.bars.iter().map(|it| x.at(it.from)).min().unwrap_or(x.pixels.0);
    let last = row.bars.iter().map(|it| x.at(it.to)).max().unwrap_or(x.pixels.0) + px(2);
    let room = width_of(&row.name) + px(6);
    if last + room <= x.pixels.1 {
        Label { at: last + px(4), anchor: Anchor::Left, room, above: false }
    } else if first - room >= x.pixels.0 {
        Label { at: first - px(6), anchor: Anchor::Right, room, above: false }
    } else if first + room <= x.pixels.1 {
        Label { at: first, anchor: Anchor::Left, room, above: true }
    } else {
        let room = x.pixels.1 - x.pixels.0 - px(8);
        Label { at: x.pixels.1, anchor: Anchor::Right, room, above: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::{palette::SEEN, timeline::spans::Bar};

    #[test]
    fn a_name_goes_where_there_is_room() {
        let x = Axis { values: (0.0, 45.0), pixels: (100, 700) };
        let named = |name: &str, from, to| {
            let row = Row { name: name.to_owned(), bars: vec![Bar { from, to, color: SEEN }] };
            let label = label(x, &row);
            (label.above, matches!(label.anchor, Anchor::Left), label.at >= 100)
        };
        assert_eq!(named("short", 5.0, 10.0), (false, true, true), "after");
        assert_eq!(named("short", 30.0, 45.0), (false, false, true), "before");
        assert_eq!(named("short", 0.0, 45.0), (true, true, true), "above");
        assert_eq!(named("a name that is long", 25.0, 45.0), (false, false, true));
        assert_eq!(named("a name that is rather too long", 25.0, 45.0), (true, false, true));
    }
}
