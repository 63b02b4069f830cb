//! Names of people.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a person, or of a machine that acts like one: 1 to 64 of `a-z`, `0-9` and `._@+-`. Upper case is taken for lower
/// case, so that one person in two spellings is one person. Nobody is called `loop`: that is who proposes plans.
///
/// ```
/// use mapek_server::Person;
///
/// assert_eq!("Ada@example.com".parse::<Person>()?, "ada@example.com".parse()?);
/// assert!("ada\n".parse::<Person>().is_err());
/// assert!("LOOP".parse::<Person>().is_err());
/// # Ok::<(), mapek_server::InvalidPerson>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct Person(String);

/// A text that is no name of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a person's name has 1 to 64 letters, digits or any of . _ @ + -, and is not loop")]
#[non_exhaustive]
pub struct InvalidPerson;

/// What the loop calls itself where names of people stand.
const LOOP: &str = "loop";

impl Person {
    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Person {
    type Err = InvalidPerson;

    fn from_str(text: &str) -> Result<Self, InvalidPerson> {
        let name = text.to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
        if (1..=64).contains(&name.len()) && name.chars().all(fits) && name != LOOP {
            Ok(Self(name))
        } else {
            Err(InvalidPerson)
        }
    }
}

impl TryFrom<String> for Person {
    type Error = InvalidPerson;

    fn try_from(text: String) -> Result<Self, InvalidPerson> {
        text.parse()
    }
}

impl From<Person> for String {
    fn from(person: Person) -> Self {
        person.0
    }
}
