//! The line of a value: from points to a path.

use mapek_model::Timestamp;

use super::{Across, across::stretched, digit, measure::Scale};

/// A point: when, and the least and the greatest value then; nothing where nobody knows.
pub(crate) type Point = (Timestamp, Option<(f64, f64)>);

/// A line along points, and the band in which it lies where a bucket saw more than one value.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// Along the values.
    pub(super) line: String,
    /// Along the greatest, and back along the least.
    pub(super) band: String,
}

/// The paths of a value, `height` units high and as wide as a stretched drawing. Where nobody knows, they are broken. A spike of one cycle
/// reaches as high in them as it was.
pub(super) fn line(points: &[Point], across: Across, scale: &Scale, height: f64) -> Drawn {
    let y = |value| digit(height * (1.0 - scale.share(value)));
    let mut drawn = Drawn::default();
    for part in points.split(|(_, value)| !is_known(*value)) {
        let known = part.iter().filter_map(|(at, value)| Some((*at, (*value)?)));
        let known: Vec<_> = known
            .map(|(at, (least, greatest))| (stretched(across.share(at)), y(least), y(greatest)))
            .collect();
        let spread = known.iter().any(|(_, low, high)| low != high);
        let path = if spread { &mut drawn.band } else { &mut drawn.line };
        for (place, (x, _, high)) in known.iter().enumerate() {
            path.push_str(&format!("{}{x} {high}", if place == 0 { "M" } else { "L" }));
        }
        if spread {
            for (x, low, _) in known.iter().rev() {
                path.push_str(&format!("L{x} {low}"));
            }
            path.push('Z');
        } else if let [(x, low, _)] = &known[..] {
            // A single point leaves a dot.
            path.push_str(&format!("L{x} {low}"));
        }
    }
    drawn
}

fn is_known(value: Option<(f64, f64)>) -> bool {
    value.is_some_and(|(least, greatest)| least.is_finite() && greatest.is_finite())
}

/// The path of the area below the greatest values.
pub(super) fn area(points: &[Point], across: Across, scale: &Scale, height: f64) -> String {
    let mut path = String::new();
    let mut open: Option<String> = None;
    let base = digit(height * (1.0 - scale.share(0.0)));
    for (at, value) in points {
        match value.filter(|it| is_known(Some(*it))) {
            Some((_, greatest)) => {
                let x = stretched(across.share(*at));
                let y = digit(height * (1.0 - scale.share(greatest)));
                if open.is_none() {
                    path.push_str(&format!("M{x} {base}"));
                }
                path.push_str(&format!("L{x} {y}"));
                open = Some(x);
            }
            None => close(&mut path, open.take(), &base),
        }
    }
    close(&mut path, open, &base);
    path
}

fn close(path: &mut String, open: Option<String>, base: &str) {
    if let Some(x) = open {
        path.push_str(&format!("L{x} {base}Z"));
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::{Duration, later};
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    /// The corners of a path.
    fn corners(path: &str) -> Vec<(f64, f64)> {
        let points = path.split(['M', 'L', 'Z']).filter(|it| !it.is_empty());
        let both = points.map(|it| it.split_once(' ').unwrap());
        both.map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).collect()
    }

    fn drawn(points: &[Point]) -> String {
        let scale = Scale::new((0.0, 10.0), None, None);
        let Drawn { line, band } = line(points, Across::new(at(0), at(100)), &scale, 100.0);
        line + &band
    }

    #[test]
    fn a_gap_is_a_gap_and_a_spike_is_there() {
        let one = |seconds, value: f64| (at(seconds), Some((value, value)));
        let path = drawn(&[
            one(0, 5.0),
            one(10, 5.0),
            (at(20), None),
            one(30, 0.0),
            (at(40), Some((0.0, 10.0))),
        ]);
        let top = 100.0 * (1.0 - Scale::new((0.0, 10.0), None, None).share(10.0));
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(corners(&path).contains(&(400.0, top)), "{path}");
        assert!(drawn(&[(at(1), None)]).is_empty());
    }

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let number = prop_oneof![prop::num::f64::ANY, -1e3..1e3_f64];
        let value =
            prop::option::of((number.clone(), number).prop_map(|(a, b)| (a.min(b), a.max(b))));
        prop::collection::vec((0_u64..200, value), 0..60).prop_map(|mut points| {
            points.sort_by_key(|it| it.0);
            points.into_iter().map(|(seconds, value)| (at(seconds), value)).collect()
        })
    }

    proptest! {
        /// Whatever was measured, the picture is one: no number is missing, none is outside, and time has one direction.
        #[test]
        fn paths_are_within_their_drawing(points in points(), low in -1e9..1e9_f64, high in -1e9..1e9_f64) {
            let scale = Scale::new((low, high), None, None);
            let across = Across::new(at(20), at(180));
            let Drawn { line, band } = line(&points, across, &scale, 120.0);
            for path in [line, band, area(&points, across, &scale, 120.0)] {
                prop_assert!(!path.contains("NaN") && !path.contains("inf"), "{}", path);
                for run in path.split('M').filter(|it| !it.is_empty()) {
                    let corners = corners(run);
                    // There, and perhaps back again.
                    let turn = corners.iter().rposition(|it| corners.iter().all(|other| other.0 <= it.0)).unwrap();
                    let (there, back) = (&corners[..=turn], &corners[turn..]);
                    prop_assert!(there.is_sorted_by(|a, b| a.0 <= b.0), "{}", path);
                    prop_assert!(back.is_sorted_by(|a, b| a.0 >= b.0), "{}", path);
                    for (x, y) in corners {
                        prop_assert!((0.0..=1000.0).contains(&x) && (0.0..=120.0).contains(&y), "{}", path);
                    }
                }
            }
        }
    }
}
