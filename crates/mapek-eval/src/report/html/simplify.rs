//! Curves with no more points than can be seen.

use super::plot::Point;

/// The points of `line` without those that are within half a pixel of the page from the line between others: Ramer, *An iterative
/// procedure for the polygonal approximation of plane curves*, 1972; Douglas and Peucker, 1973.
pub(super) fn simplified(line: &[Point]) -> Vec<Point> {
    /// In half pixels.
    const NEAR: f64 = 1.0;
    let Some(last) = line.len().checked_sub(1) else { return Vec::new() };
    let mut keep = vec![false; line.len()];
    (keep[0], keep[last]) = (true, true);
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        let inner = from + 1..to;
        let farthest = inner
            .map(|it| (it, distance(line[it], line[from], line[to])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((middle, _)) = farthest.filter(|it| it.1 > NEAR) {
            keep[middle] = true;
            open.extend([(from, middle), (middle, to)]);
        }
    }
    line.iter().zip(keep).filter(|it| it.1).map(|it| *it.0).collect()
}

/// Of a point from the stretch between two others.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (x, y) = (f64::from(point.0 - from.0), f64::from(point.1 - from.1));
    let (along, up) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let square = along * along + up * up;
    let part = if square > 0.0 { ((x * along + y * up) / square).clamp(0.0, 1.0) } else { 0.0 };
    (x - part * along).hypot(y - part * up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn what_is_straight_has_two_ends() {
        let straight: Vec<_> = (0..100).map(|x| (x, 3 * x)).collect();
        assert_eq!(simplified(&straight), [(0, 0), (99, 297)]);
        let corner = [(0, 0), (5, 0), (10, 0), (10, 5), (10, 10)];
        assert_eq!(simplified(&corner), [(0, 0), (10, 0), (10, 10)]);
        assert!(simplified(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nobody_sees_what_was_left_out(ys in vec(0..200, 2..60)) {
            let line: Vec<Point> = ys.iter().zip(0..).map(|(&y, x)| (7 * x, y)).collect();
            let kept = simplified(&line);
            for point in &line {
                let near = kept.windows(2).any(|it| distance(*point, it[0], it[1]) <= 1.0);
                prop_assert!(near, "{point:?} is far from {kept:?}");
            }
        }
    }
}
