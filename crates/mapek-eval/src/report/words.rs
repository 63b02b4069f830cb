//! Numbers as people read them.

use crate::ScenarioKind;

/// Where there is nothing to say.
pub(super) const NONE: &str = "–";

/// As scenario files say it.
pub(super) const fn kind(kind: ScenarioKind) -> &'static str {
    match kind {
        ScenarioKind::Fault => "fault",
        ScenarioKind::Control => "control",
        ScenarioKind::Escalate => "escalate",
    }
}

/// `97.5 %`, always with one digit after the point: they stand below each other.
pub(super) fn share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `45 s`, `12.5 min`, `3.1 h`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5_997.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// `1.32 ×`, `12.5 ×`, `120 ×`.
pub(super) fn ratio(ratio: f64) -> String {
    match ratio {
        r if r.is_infinite() => "∞".to_owned(),
        r if r < 9.995 => format!("{r:.2} ×"),
        r if r < 99.95 => format!("{r:.1} ×"),
        r => format!("{r:.0} ×"),
    }
}

/// `0.041`.
pub(super) fn plain(value: f64) -> String {
    format!("{value:.3}")
}

/// With at most `digits` after the point, and none of them a trailing nought.
pub(super) fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    // What rounds to nothing has no sign.
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// What a name looks like on a screen: nothing that steers a terminal, and not longer than `most` characters.
pub(super) fn tame(name: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() || is_invisible(c) { '·' } else { c };
    let mut chars = name.chars().map(clean);
    let mut text: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        text.pop();
        text.push('…');
    }
    text
}

/// Marks that turn the direction of text, or take no room.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([share(0.975), share(1.0), share(0.0)], ["97.5 %", "100.0 %", "0.0 %"]);
        let times = [45.0, 99.4, 99.6, 750.0, 11_160.0].map(seconds);
        assert_eq!(times, ["45 s", "99 s", "1.7 min", "12.5 min", "3.1 h"]);
        let ratios = [1.316, 2.0, 12.34, 120.4, f64::INFINITY].map(ratio);
        assert_eq!(ratios, ["1.32 ×", "2.00 ×", "12.3 ×", "120 ×", "∞"]);
        assert_eq!([rounded(-0.001, 1), rounded(-0.1, 1)], ["0", "-0.1"]);
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\u{202e}", 20), "a·[2Jb·");
        assert_eq!([tame("abcdef", 6), tame("abcdefg", 6)], ["abcdef", "abcde…"]);
    }
}
