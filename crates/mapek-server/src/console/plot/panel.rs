//! One value over time, with what was done meanwhile.

use mapek_model::Timestamp;
use maud::{Markup, html};

use super::{
    Across, Mark, axis,
    line::{self, Point},
    markers,
    measure::Scale,
};
use crate::console::parts::scroll;

/// How high the part is in which the line runs, in pixels.
const HEIGHT: f64 = 132.0;
/// And what is above it, for marks, and below it, for times.
const ABOVE: f64 = 18.0;
const BELOW: f64 = 22.0;
/// Rows of the table that says the same in numbers.
const TABLE_MAX: usize = 12;

/// A part of the time around an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Before,
    During,
    After,
    /// What was breached was breached then.
    Breached,
}

impl Part {
    const fn class(self) -> &'static str {
        match self {
            Self::Before => "part before",
            Self::During => "part during",
            Self::After => "part after",
            Self::Breached => "part breached",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::Breached => "",
        }
    }
}

/// A time that is set off from the rest.
#[derive(Debug, Clone)]
pub(crate) struct Band {
    pub(crate) from: Timestamp,
    /// Absent as long as it goes on.
    pub(crate) to: Option<Timestamp>,
    pub(crate) part: Part,
    /// In words.
    pub(crate) text: String,
}

/// A value over time.
#[derive(Debug)]
pub(crate) struct Panel<'a> {
    /// Tells it from the others on its page.
    pub(crate) id: String,
    /// What is measured.
    pub(crate) name: &'a str,
    /// What it is measured in.
    pub(crate) unit: Option<&'static str>,
    pub(crate) across: Across,
    /// In the order of time.
    pub(crate) points: &'a [Point],
    /// What it must not cross.
    pub(crate) threshold: Option<f64>,
    pub(crate) bands: &'a [Band],
    pub(crate) marks: &'a [Mark],
}

impl Panel<'_> {
    /// As a figure: picture, words and numbers.
    pub(crate) fn show(&self) -> Markup {
        let Some(range) = range(self.points) else {
            return html! {
                figure.plot {
                    figcaption { strong { (self.name) } }
                    p.nothing { "Nothing is known of it in this time." }
                }
            };
        };
        let scale = Scale::new(range, self.threshold, self.unit);
        let off = self.threshold.filter(|it| !scale.holds(*it));
        html! {
            figure.plot data-value=(self.name) {
                figcaption {
                    strong { (self.name) }
                    @if let Some(threshold) = self.threshold {
                        span.sub { " threshold " (scale.text(threshold)) @if off.is_some() { ", off the scale" } }
                    }
                    output.reading {}
                }
                div.axes {
                    (y_axis(&scale))
                    (self.picture(&scale, range))
                }
                (self.table(&scale))
            }
        }
    }

    fn picture(&self, scale: &Scale, range: (f64, f64)) -> Markup {
        let (across, view) = (self.across, format!("0 0 {} {HEIGHT}", super::across::WIDTH));
        let drawn = line::line(self.points, across, scale, HEIGHT);
        let (title, text) = (format!("{}-title", self.id), format!("{}-text", self.id));
        let y = |value| ABOVE + HEIGHT * (1.0 - scale.share(value));
        html! {
            svg.area role="img" aria-labelledby={ (title) " " (text) } width="100%" height=(ABOVE + HEIGHT + BELOW) data-top=(ABOVE) data-height=(HEIGHT) {
                title id=(title) { (self.name) }
                desc id=(text) { (self.words(scale, range)) }
                @for band in self.bands.iter().filter(|it| it.from <= across.to() && it.to.is_none_or(|to| across.from() <= to)) {
                    @let (x, width) = across.extent(band.from, band.to);
                    rect class=(band.part.class()) x=(x) width=(width) y=(ABOVE) height=(HEIGHT) { title { (band.text) } }
                    @if !band.part.word().is_empty() { text.word x=(x) dx="4" y=(ABOVE + 11.0) { (band.part.word()) } }
                }
                g aria-hidden="true" {
                    @for tick in &scale.ticks { line.grid x1="0" x2="100%" y1=(super::digit(y(*tick))) y2=(super::digit(y(*tick))) {} }
                    (time_axis(across, ABOVE, HEIGHT))
                }
                svg.stretched aria-hidden="true" x="0" y=(ABOVE) width="100%" height=(HEIGHT) viewBox=(view) preserveAspectRatio="none" {
                    path.fill d=(line::area(self.points, across, scale, HEIGHT)) {}
                    path.line d=(drawn.line) {}
                    path.line.band d=(drawn.band) {}
                }
                @if let Some(threshold) = self.threshold.filter(|it| scale.holds(*it)) {
                    line.threshold x1="0" x2="100%" y1=(super::digit(y(threshold))) y2=(super::digit(y(threshold))) { title { "threshold " (scale.text(threshold)) } }
                }
                (markers(self.marks, across, ABOVE / 2.0, Some(ABOVE + HEIGHT)))
            }
        }
    }

    /// What the picture shows, for those who do not see it.
    fn words(&self, scale: &Scale, (low, high): (f64, f64)) -> String {
        let (from, to) = (axis::clock_of(self.across.from()), axis::clock_of(self.across.to()));
        let mut words =
            format!("{from} to {to} UTC: from {} to {}", scale.text(low), scale.text(high));
        if let Some((_, last)) = finite(self.points).last() {
            words.push_str(&format!(", {} at the end", scale.text(last)));
        }
        if let Some(threshold) = self.threshold {
            words.push_str(&format!("; the threshold is {}", scale.text(threshold)));
        }
        let gaps = self.points.iter().filter(|(_, value)| value.is_none()).count();
        if gaps > 0 {
            words.push_str(&format!("; not known at {gaps} of {} points", self.points.len()));
        }
        for mark in self.marks.iter().filter(|it| self.across.contains(it.at)) {
            words.push_str(&format!("; {}", mark.text));
        }
        words.push('.');
        words
    }

    /// The same in numbers: of a long time in a dozen parts.
    fn table(&self, scale: &Scale) -> Markup {
        let parts = self.points.chunks(self.points.len().div_ceil(TABLE_MAX).max(1));
        html! {
            details.figures {
                summary { "In numbers" }
                (scroll("In numbers", &html! { table {
                    thead { tr { th scope="col" { "From" } th.right scope="col" { "Least" } th.right scope="col" { "Greatest" } } }
                    tbody { @for part in parts {
                        @let range = range(part);
                        tr {
                            td { @if let Some((at, _)) = part.first() { (axis::clock_of(*at)) } }
                            td.right { @if let Some((low, _)) = range { (scale.text(low)) } @else { "not known" } }
                            td.right { @if let Some((_, high)) = range { (scale.text(high)) } @else { "not known" } }
                        }
                    } }
                } }))
            }
        }
    }
}

fn y_axis(scale: &Scale) -> Markup {
    html! {
        svg.scale aria-hidden="true" width="64" height=(ABOVE + HEIGHT + BELOW) {
            @for tick in &scale.ticks {
                text x="58" y=(super::digit(ABOVE + HEIGHT * (1.0 - scale.share(*tick)) + 4.0)) text-anchor="end" { (scale.text(*tick)) }
            }
        }
    }
}

/// Ticks and their times, below a part of a picture.
pub(crate) fn time_axis(across: Across, top: f64, height: f64) -> Markup {
    html! {
        @for (place, (at, text)) in axis::times(across).iter().enumerate() {
            @let x = across.percent(*at);
            line.grid x1=(x) x2=(x) y1=(top) y2=(top + height) {}
            text class={ "time" @if place % 2 == 1 { " odd" } } x=(x) y=(top + height + 15.0) text-anchor="middle" { (text) }
        }
    }
}

/// The least and the greatest value that is finite.
fn range(points: &[Point]) -> Option<(f64, f64)> {
    finite(points).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn finite(points: &[Point]) -> impl Iterator<Item = (f64, f64)> {
    let known = points.iter().filter_map(|(_, value)| *value);
    known.filter(|(least, greatest)| least.is_finite() && greatest.is_finite())
}

#[cfg(test)]
mod tests {
    use mapek_model::{Duration, later};
    use proptest::prelude::*;

    use super::{super::Kind, *};

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn shown(points: &[Point], threshold: Option<f64>) -> String {
        let band =
            Band { from: at(20), to: None, part: Part::During, text: "while it <ran>".to_owned() };
        let mark = Mark { at: at(25), kind: Kind::Step, text: "scale up & \"away\"".to_owned() };
        let panel = Panel {
            id: "p0".to_owned(),
            name: "lat<ency>",
            unit: Some("s"),
            across: Across::new(at(0), at(100)),
            points,
            threshold,
            bands: &[band],
            marks: &[mark],
        };
        panel.show().into_string()
    }

    #[test]
    fn a_panel_says_in_words_what_it_shows() {
        let points = [(at(0), Some((0.2, 0.2))), (at(30), None), (at(60), Some((0.4, 2.0)))];
        let text = shown(&points, Some(1.0));
        assert!(text.contains("from 0.2 s to 2 s, 2 s at the end; the threshold is 1 s; not known at 1 of 3 points"), "{text}");
        assert!(text.contains("scale up &amp; &quot;away&quot;"), "hostile text is text");
        assert!(text.contains("lat&lt;ency&gt;") && !text.contains("<ency>"));
        assert!(!text.contains("style="), "the policy of pages allows none");
        assert!(text.contains("class=\"part during\""));
        assert!(shown(&[(at(1), None)], None).contains("Nothing is known of it"));
    }

    proptest! {
        #[test]
        fn no_figure_breaks_the_picture(
            values in prop::collection::vec(prop::option::of(prop::num::f64::ANY), 0..40),
            threshold in prop::option::of(prop::num::f64::NORMAL),
        ) {
            let points: Vec<Point> = values.iter().enumerate().map(|(i, value)| (at(i as u64 * 2), value.map(|it| (it, it)))).collect();
            let text = shown(&points, threshold);
            prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
        }
    }
}
