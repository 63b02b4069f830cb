//! How what is printed looks: whether in colour, and how wide.

use std::{
    io::{self, IsTerminal as _},
    sync::OnceLock,
};

use anstyle::{AnsiColor, Style};

use crate::cli::Colour;

/// What `--color` says, once the command line is read.
static ASKED: OnceLock<Colour> = OnceLock::new();

/// What a text means, which a terminal may show by its colour. No colour says what the text does not say as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// A name of what follows.
    Faint,
    /// All is well.
    Good,
    /// Somebody should look.
    Warn,
    /// Somebody must look.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green),
            Self::Warn => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).bold(),
        }
    }
}

/// What an output can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    colour: bool,
    terminal: bool,
    /// Columns; none where lines may be as long as they are.
    width: Option<usize>,
}

impl Look {
    /// Takes what the command line says. Errors look the same.
    pub(crate) fn ask(colour: Colour) {
        // Only the first counts, and there is only one command line.
        ASKED.get_or_init(|| colour);
    }

    /// That of standard output.
    pub(crate) fn of_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let width = terminal.then(terminal_size::terminal_size).flatten();
        let width = width.map(|(width, _)| usize::from(width.0));
        Self { colour: colours(terminal), terminal, width }
    }

    /// Whether standard error is shown in colours.
    pub(crate) fn colours_errors() -> bool {
        colours(io::stderr().is_terminal())
    }

    /// No colours, and lines as long as they are.
    pub(crate) const fn plain() -> Self {
        Self { colour: false, terminal: false, width: None }
    }

    /// A terminal of this width.
    #[cfg(test)]
    pub(crate) const fn terminal(width: usize, colour: bool) -> Self {
        Self { colour, terminal: true, width: Some(width) }
    }

    /// Whether it is shown in colours.
    pub(crate) const fn has_colours(self) -> bool {
        self.colour
    }

    pub(super) const fn width(self) -> Option<usize> {
        self.width
    }

    pub(super) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// `text` in its tone.
    pub(super) fn toned(self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{style}{text}{style:#}")
    }
}

/// Colours on a terminal that knows them, unless somebody wants none (<https://no-color.org>), or all.
fn colours(terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match ASKED.get().copied().unwrap_or_default() {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
            terminal && !dumb && !set("NO_COLOR")
        }
    }
}
