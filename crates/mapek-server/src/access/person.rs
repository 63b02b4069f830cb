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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_in_lower_case() {
        let longest = "a".repeat(64);
        for (text, name) in [
            ("Ada", "ada"),
            ("ada.l@example.com", "ada.l@example.com"),
            ("robot_2+x-y", "robot_2+x-y"),
            ("7", "7"),
            (&longest, &longest),
        ] {
            let person: Person = text.parse().unwrap();
            assert_eq!((person.as_str(), person.to_string().as_str()), (name, name));
        }
        let too_long = "a".repeat(65);
        for text in ["", "a b", " ada", "ada\n", "a,b", "ädä", "loop", "LOOP", &too_long] {
            assert_eq!(text.parse::<Person>(), Err(InvalidPerson), "{text:?}");
        }
    }

    #[test]
    fn in_json_it_is_its_name_and_nothing_that_is_none_is_read() {
        let person: Person = serde_json::from_str("\"Ada\"").unwrap();
        assert_eq!(serde_json::to_string(&person).unwrap(), "\"ada\"");
        assert!(serde_json::from_str::<Person>("\"a b\"").is_err());
    }
}
