//! Colours, in pairs. Pictures name those of the light scheme; the style sheet exchanges them by attribute in the dark.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// Text.
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x29, 0x37);
/// Text that stays behind.
pub(super) const MUTED: RGBColor = RGBColor(0x5B, 0x64, 0x70);
/// Lines behind everything.
pub(super) const GRID: RGBColor = RGBColor(0xE3, 0xE7, 0xEC);
/// Limits, and where the oracle is.
pub(super) const LIMIT: RGBColor = RGBColor(0x8A, 0x93, 0x9F);
/// Whoever is judged.
pub(super) const STEERED: RGBColor = RGBColor(0x1D, 0x4E, 0xD8);
/// When nothing is done.
pub(super) const NOTHING: RGBColor = RGBColor(0xB4, 0x53, 0x09);
/// Somebody who knows.
pub(super) const ORACLE: RGBColor = RGBColor(0x04, 0x78, 0x57);
/// What goes wrong.
pub(super) const FAULT: RGBColor = RGBColor(0xDC, 0x26, 0x26);
/// What goes wrong with eyes and hands.
pub(super) const SENSE: RGBColor = RGBColor(0x7C, 0x3A, 0xED);
/// What is seen.
pub(super) const SEEN: RGBColor = RGBColor(0xD9, 0x77, 0x06);
/// What is right.
pub(super) const RIGHT: RGBColor = RGBColor(0x16, 0xA3, 0x4A);
/// What is wrong.
pub(super) const WRONG: RGBColor = RGBColor(0xE1, 0x1D, 0x48);
/// Somebody else.
pub(super) const OTHER: RGBColor = RGBColor(0xBE, 0x18, 0x5D);
/// Yet somebody else.
pub(super) const ANOTHER: RGBColor = RGBColor(0x0E, 0x74, 0x90);

const DARK: [(RGBColor, &str); 14] = [
    (INK, "#E6EAF0"),
    (MUTED, "#9BA5B3"),
    (GRID, "#2B3542"),
    (LIMIT, "#7C8796"),
    (STEERED, "#7FA8FF"),
    (NOTHING, "#F0A35E"),
    (ORACLE, "#4ADE9F"),
    (FAULT, "#FF7B7B"),
    (SENSE, "#B79CFF"),
    (SEEN, "#F5B041"),
    (RIGHT, "#4ADE80"),
    (WRONG, "#FF6B8B"),
    (OTHER, "#F472B6"),
    (ANOTHER, "#5BC8E0"),
];

/// `#1D4ED8`, as the backend writes it.
pub(super) fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Rules that turn pictures dark.
pub(super) fn dark_rules() -> String {
    let mut rules = String::new();
    for (light, dark) in DARK {
        let light = hex(light);
        write!(
            rules,
            "svg [fill=\"{light}\"]{{fill:{dark}}}svg [stroke=\"{light}\"]{{stroke:{dark}}}"
        )
        .expect("a string takes all");
    }
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_colours_of_the_light_are_one() {
        // Or one of them would have the other's dark colour.
        let all: BTreeSet<_> = DARK.iter().map(|it| hex(it.0)).collect();
        assert_eq!(all.len(), DARK.len());
    }
}
