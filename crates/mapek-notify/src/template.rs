//! How a message reads: a text with fields in it.
//!
//! A template engine would bring loops, conditions and a language of its own for one line of text. Fields are all that it takes,
//! and what does not name one is refused when the configuration is read, not when somebody is to be told.

use std::{fmt, str::FromStr};

#[cfg(any(feature = "http", test))]
use crate::Notice;

/// A text with fields in braces, such as `{severity}: {title}`.
///
/// Fields are `target`, `kind`, `phase`, `severity`, `subject`, `title`, `text`, `since`, `at`, `held_back`, `link` and `id`. A brace itself
/// is doubled: `{{`.
///
/// ```
/// use mapek_notify::Template;
///
/// assert!("{severity}: {title}".parse::<Template>().is_ok());
/// let error = "{titel}".parse::<Template>().unwrap_err();
/// assert!(error.to_string().starts_with("there is no field {titel}"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

macro_rules! fields {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Field {
            $($variant),+
        }

        impl Field {
            const NAMES: &[&str] = &[$($name),+];

            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Target = "target",
    Kind = "kind",
    Phase = "phase",
    Severity = "severity",
    Subject = "subject",
    Title = "title",
    Text = "text",
    Since = "since",
    At = "at",
    HeldBack = "held_back",
    Link = "link",
    Id = "id",
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTemplate {
    /// A field that there is not.
    #[error("there is no field {{{name}}}; there are {}", Field::NAMES.join(", "))]
    #[non_exhaustive]
    Unknown {
        /// What it is called.
        name: String,
    },
    /// A brace without another.
    #[error("a brace at character {at} has no other; write {{{{ or }}}} for one in the text")]
    #[non_exhaustive]
    Open {
        /// Where, from 1.
        at: usize,
    },
}

impl Template {
    /// How a chat is told unless it is told otherwise.
    pub const CHAT: &str = "[{severity}] {target}: {title}\n{text}\n{link}";

    /// The text of a message, its values as `shown` shows them.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn fill(&self, notice: &Notice, shown: impl Fn(&str) -> String) -> String {
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(Field::Link) => notice.link.clone().unwrap_or_default(),
            Part::Field(field) => shown(&value(*field, notice)),
        };
        self.parts.iter().map(fill).collect::<String>().trim_end().to_owned()
    }
}

#[cfg(any(feature = "http", test))]
fn value(field: Field, notice: &Notice) -> String {
    match field {
        Field::Target => notice.target.to_string(),
        Field::Kind => notice.kind.as_str().to_owned(),
        Field::Phase => notice.phase.as_str().to_owned(),
        Field::Severity => notice.severity.to_string(),
        Field::Subject => notice.subject.clone(),
        Field::Title => notice.title.clone(),
        Field::Text => notice.text.clone(),
        Field::Since => notice.since.map(|since| since.to_string()).unwrap_or_default(),
        Field::At => notice.at.to_string(),
        Field::HeldBack => notice.held_back.to_string(),
        Field::Link => notice.link.clone().unwrap_or_default(),
        Field::Id => notice.id.clone(),
    }
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            let doubled = matches!(c, '{' | '}') && rest.next_if(|(_, next)| *next == c).is_some();
            match c {
                '{' if !doubled => {
                    let name: String =
                        std::iter::from_fn(|| rest.next_if(|(_, c)| !matches!(c, '{' | '}')))
                            .map(|(_, c)| c)
                            .collect();
                    if rest.next_if(|(_, c)| *c == '}').is_none() {
                        return Err(InvalidTemplate::Open { at: place(text, at) });
                    }
                    let field = Field::named(&name).ok_or(InvalidTemplate::Unknown { name })?;
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Field(field));
                }
                '}' if !doubled => return Err(InvalidTemplate::Open { at: place(text, at) }),
                c => plain.push(c),
            }
        }
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }
}

/// A byte's place as people count characters.
fn place(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

impl Default for Template {
    fn default() -> Self {
        Self::CHAT.parse().expect("a test reads it")
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Field(field) => write!(f, "{{{}}}", Field::NAMES[*field as usize])?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::notice;

    #[test]
    fn fields_are_filled_and_braces_stay() {
        let template: Template = "{{{severity}}} ä {title}, {phase} {kind}".parse().unwrap();
        let text = template.fill(&notice(), str::to_uppercase);
        assert_eq!(text, "{CRITICAL} ä AN EXECUTION NEEDS AN OPERATOR, BEGAN NEEDS_OPERATOR");
        for name in Field::NAMES {
            let one: Template = format!("{{{name}}}").parse().unwrap();
            assert_eq!(one.to_string(), format!("{{{name}}}"));
        }
        assert_eq!(template.to_string().parse(), Ok(template));
        assert_eq!(Template::default().to_string(), Template::CHAT);
    }

    #[test]
    fn what_is_no_template_says_where() {
        let told = |text: &str| text.parse::<Template>().unwrap_err().to_string();
        assert!(told("{titel}").starts_with("there is no field {titel}; there are target, kind, "));
        assert!(told("{}").starts_with("there is no field {}"));
        for (text, at) in [("ä {title", 3), ("a}", 2), ("{title{", 1), ("{{{", 3)] {
            assert!(told(text).starts_with(&format!("a brace at character {at} ")), "{text}");
        }
    }
}
