//! What an extra page says.

use mapek_model::Timestamp;

use super::Tone;

/// All that is on an extra page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// Paragraphs at the top.
    pub intro: Vec<String>,
    /// What follows, each in a box that is kept up to date by itself.
    pub sections: Vec<Section>,
}

/// A list with a title. With an `act` it is a form: what is chosen above the list is sent by each of its buttons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Section {
    /// Names it on its page: letters and dashes, once.
    pub id: &'static str,
    /// What stands above it.
    pub title: String,
    /// A paragraph before the list; left out if empty.
    pub intro: String,
    /// What its buttons do, in a word that [`Asked`](super::Asked) repeats; without, it has no buttons.
    pub act: Option<&'static str>,
    /// What can be chosen before a button is pressed.
    pub choices: Vec<Choice>,
    /// The list.
    pub items: Vec<Item>,
    /// What stands in place of an empty list.
    pub nothing: String,
    /// Why none of its buttons can be pressed at the moment.
    pub closed: Option<String>,
}

/// One of several, of which the first is chosen unless somebody chooses another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// What [`Asked`](super::Asked) calls it: letters and dashes.
    pub name: &'static str,
    /// What it is called on the page.
    pub label: String,
    /// What is sent, and how it reads.
    pub options: Vec<(&'static str, &'static str)>,
}

/// A thing in a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// What it is.
    pub title: String,
    /// A word on how it stands.
    pub badge: Option<(Tone, String)>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Sentences.
    pub text: Vec<String>,
    /// What can be done about it; shown only where the section has an act.
    pub button: Option<Button>,
}

/// What does something about an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Button {
    /// What is on it, in a word or two.
    pub label: String,
    /// What [`Asked`](super::Asked) is told of the item.
    pub value: String,
    /// How it looks.
    pub look: Look,
}

/// How a button looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    /// Like all.
    #[default]
    Plain,
    /// It makes something better.
    Go,
    /// It ends something, or does harm.
    Stop,
}

impl Look {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Go => "go",
            Self::Stop => "stop",
        }
    }
}
