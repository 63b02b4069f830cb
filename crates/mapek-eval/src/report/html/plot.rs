//! What all pictures have in common: a canvas, and a few things to put on it.

use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{Circle, PathElement, Polygon, Rectangle, Text},
    style::{
        Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{super::words::tame, escape::escape};

/// How much larger pictures are drawn than shown.
const SCALE: i32 = 2;
/// Between what plotters calls the size of a font and what it writes.
const FONT_SCALE: f64 = 1.24;
/// Size of text, in pixels of the page.
pub(super) const TEXT: i32 = 11;

/// Pixels of the page.
pub(super) const fn px(pixels: i32) -> i32 {
    pixels * SCALE
}

pub(super) type Point = (i32, i32);
pub(super) type Drawing = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Where is drawn, in half pixels of the page.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// How text stands to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// A picture of `width` by `height` pixels of the page, as an element.
pub(super) fn svg(
    class: &str,
    (width, height): Point,
    title: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Drawing,
) -> String {
    let mut text = String::new();
    {
        let size = (px(width).unsigned_abs(), px(height).unsigned_abs());
        let canvas = Canvas { area: SVGBackend::with_string(&mut text, size).into_drawing_area() };
        draw(&canvas).and_then(|()| canvas.area.present()).expect("a string takes all");
    }
    // The backend's own opening tag fixes the size, and names nothing.
    let inside = text.split_once('>').map_or("", |it| it.1);
    let (title, width, height) = (escape(title), px(width), px(height));
    format!(
        "<svg class=\"{class}\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\"><title>{title}</title>{inside}"
    )
}

impl Canvas<'_> {
    pub(super) fn line(&self, points: Vec<Point>, color: RGBColor, width: u32) -> Drawing {
        self.area.draw(&PathElement::new(points, color.stroke_width(width)))
    }

    pub(super) fn fill(&self, points: Vec<Point>, color: RGBColor, opacity: f64) -> Drawing {
        self.area.draw(&Polygon::new(points, color.mix(opacity)))
    }

    pub(super) fn rectangle(
        &self,
        from: Point,
        to: Point,
        color: RGBColor,
        opacity: f64,
    ) -> Drawing {
        self.area.draw(&Rectangle::new([from, to], color.mix(opacity).filled()))
    }

    pub(super) fn dot(&self, at: Point, radius: i32, style: impl Into<ShapeStyle>) -> Drawing {
        self.area.draw(&Circle::new(at, radius, style))
    }

    pub(super) fn text(&self, words: &str, at: Point, anchor: Anchor, color: RGBColor) -> Drawing {
        self.styled(words, at, anchor, color, FontStyle::Normal)
    }

    pub(super) fn bold(&self, words: &str, at: Point, anchor: Anchor, color: RGBColor) -> Drawing {
        self.styled(words, at, anchor, color, FontStyle::Bold)
    }

    fn styled(
        &self,
        words: &str,
        at: Point,
        anchor: Anchor,
        color: RGBColor,
        font: FontStyle,
    ) -> Drawing {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let font = ("sans-serif", f64::from(px(TEXT)) * FONT_SCALE, font).into_font();
        let style = TextStyle::from(font).color(&color).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(words.to_owned(), at, style))
    }
}

/// About how wide text is. Too wide rather than too narrow.
pub(super) fn width_of(words: &str) -> i32 {
    let chars = i32::try_from(words.chars().count()).unwrap_or(i32::MAX / 1_000);
    chars.saturating_mul(px(TEXT)) * 58 / 100
}

/// `words` cut to `room`.
pub(super) fn fitted(words: &str, room: i32) -> String {
    let most = room.max(0) * 100 / 58 / px(TEXT);
    tame(words, usize::try_from(most).unwrap_or(0).max(2))
}

/// Values on a line, from one pixel to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) values: (f64, f64),
    pub(super) pixels: (i32, i32),
}

impl Axis {
    /// Where `value` is; at the nearer end if it is outside.
    pub(super) fn at(&self, value: f64) -> i32 {
        let ((low, high), (from, to)) = (self.values, self.pixels);
        let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
        from + (part * f64::from(to - from)).round() as i32
    }
}
