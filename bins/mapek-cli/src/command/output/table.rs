//! Columns for people.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Look, Tone, plain};

/// Between two columns.
const GAP: usize = 2;

/// The narrowest that the last column becomes; where there is not even room for that, lines are longer than the terminal.
const LAST_MIN: usize = 20;

/// A text in a table. What comes from outside cannot steer the terminal: it is made plain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: plain(text.as_ref()), tone: Tone::Plain }
    }

    #[must_use]
    pub(crate) const fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows of cells.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// With the names of its columns.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        let header = header.iter().map(|name| Cell::new(name).tone(Tone::Faint)).collect();
        Self { rows: vec![header] }
    }

    /// Names and values.
    pub(crate) fn facts() -> Self {
        Self::default()
    }

    /// These rows, without names of columns.
    pub(crate) fn of<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Self {
        let mut table = Self::facts();
        rows.into_iter().for_each(|row| table.row(row.map(Cell::new)));
        table
    }

    /// Each row in a line, wherever that goes.
    pub(crate) fn plain_lines(&self) -> Vec<String> {
        self.lines(Look::plain())
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// A name and its value.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Cell>) {
        self.row([Cell::new(name).tone(Tone::Faint), value.into()]);
    }

    /// Each row in a line.
    pub(super) fn lines(&self, look: Look) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|it| it.text.width()).max()
        };
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        self.rows.iter().map(|row| line(row, &widths, look)).collect()
    }
}

fn line(row: &[Cell], widths: &[usize], look: Look) -> String {
    let mut line = String::new();
    // What has been written, in columns of the terminal.
    let mut at = 0;
    for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
        let last = i + 1 == row.len();
        if last {
            let room = look.width().map(|all| all.saturating_sub(at).max(LAST_MIN));
            line.push_str(&look.toned(cell.tone, &cut(&cell.text, room)));
        } else {
            line.push_str(&look.toned(cell.tone, &cell.text));
            let pad = width - cell.text.width() + GAP;
            line.extend(std::iter::repeat_n(' ', pad));
            at += width + GAP;
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// As much of `text` as there is room for.
fn cut(text: &str, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| text.width() > *room) else { return text.to_owned() };
    let mut cut = String::new();
    let mut width = 1;
    for c in text.chars() {
        width += c.width().unwrap_or(0);
        if width > room {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["A", "WHAT"]);
        table.row(["a".into(), Cell::new("fine").tone(Tone::Good)]);
        table.row(["日本".into(), "a long text that a narrow terminal has no room for".into()]);
        table
    }

    #[test]
    fn columns_line_up_by_what_a_terminal_shows() {
        let text = table().lines(Look::plain()).join("\n");
        let whole = "a long text that a narrow terminal has no room for";
        assert_eq!(text, format!("A     WHAT\na     fine\n日本  {whole}"));
    }

    #[test]
    fn a_line_ends_where_the_terminal_does() {
        let lines = table().lines(Look::terminal(30, false));
        assert!(lines.iter().all(|line| line.width() <= 30), "{lines:?}");
        assert!(lines[2].ends_with("that a narr…"), "{lines:?}");
        let narrow = table().lines(Look::terminal(5, false));
        assert!(narrow[2].ends_with("a long text that a …"), "{narrow:?}");
    }

    #[test]
    fn colours_take_no_room_and_texts_bring_none() {
        let lines = table().lines(Look::terminal(30, true));
        assert_eq!(lines[1], "a     \u{1b}[32mfine\u{1b}[0m");
        let mut hostile = Table::new(["\u{1b}[31mx"]);
        hostile.row(["\u{1b}]0;owned\u{7}".into()]);
        let text = hostile.lines(Look::plain()).join("\n");
        assert_eq!(text, "\\u{1b}[31mx\n\\u{1b}]0;owned\\u{7}");
    }
}
