//! Plots: from figures to SVG. Pure functions: the same figures give the same picture.
//!
//! A picture fills the width that there is without a script and without a `style`: positions across are in percent, or in a drawing of
//! its own that is stretched, with lines that are not; heights and letters are in pixels. What it is painted with comes from classes, so
//! that light and dark are the style sheet's affair. Why that is not plotters: `docs/adr/0012-plots.md`.

mod across;
mod axis;
mod line;
mod mark;
mod measure;
mod panel;

pub(super) use across::Across;
pub(super) use axis::{clock_of, times};
pub(super) use mark::{Kind, Mark, markers};
pub(super) use measure::measured;
pub(super) use panel::{Band, Panel, Part, time_axis};

/// A number in a drawing: a tenth of a pixel is finer than anybody sees.
fn digit(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // What is not finite never gets here; a drawing must not break if it does.
    if rounded.is_finite() { format!("{}", rounded + 0.0) } else { "0".to_owned() }
}
