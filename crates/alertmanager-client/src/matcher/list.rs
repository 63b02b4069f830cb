use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use super::{Matcher, MatcherError, TEXT_BYTES_MAX, classic, utf8};
use crate::Labels;

/// A list of matchers that must all hold; the empty list holds for everything.
///
/// Both of Alertmanager's syntaxes are read, as it does itself by default: classic where that parses (it is
/// what older configurations mean), else UTF-8. Prints in braces. Serde writes the printed text and reads
/// that or a list of single matchers.
///
/// ```
/// use alertmanager_client::{Labels, Matchers};
///
/// let matchers: Matchers = r#"{job="api", "größe"!="klein"}"#.parse()?;
/// assert!(matchers.matches(&Labels::from([("job", "api")])));
/// assert_eq!(matchers.to_string(), r#"{job="api","größe"!="klein"}"#);
///
/// let error = "{job=a,'x'}".parse::<Matchers>().unwrap_err();
/// assert_eq!(error.to_string(), r#"matchers "{job=a,'x'}", column 8: expected a label name"#);
/// # Ok::<_, alertmanager_client::MatcherError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// The empty list, which holds for everything.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Reads the syntax of Alertmanager up to 0.26 only.
    ///
    /// # Errors
    ///
    /// [`MatcherError`], which says where the fault is.
    pub fn parse_classic(text: &str) -> Result<Self, MatcherError> {
        bounded(text)?;
        classic::parse(text).map(Self)
    }

    /// Reads the syntax that Alertmanager has since 0.27 only.
    ///
    /// # Errors
    ///
    /// [`MatcherError`], which says where the fault is.
    pub fn parse_utf8(text: &str) -> Result<Self, MatcherError> {
        bounded(text)?;
        utf8::parse(text).map(Self)
    }

    /// Whether all matchers hold.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// The matchers, in the order in which they were given.
    pub fn iter(&self) -> std::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    /// How many matchers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no matcher, so that everything matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn bounded(text: &str) -> Result<(), MatcherError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MatcherError::TooLong { bytes: text.len() });
    }
    Ok(())
}

impl std::str::FromStr for Matchers {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, MatcherError> {
        match Self::parse_classic(text) {
            // Its syntax was understood, and quotes of the other syntax would only blur what is wrong.
            Err(error @ (MatcherError::Regex { .. } | MatcherError::TooLong { .. })) => {
                Self::parse_utf8(text).map_err(|_| error)
            }
            Err(_) => Self::parse_utf8(text),
            parsed => parsed,
        }
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, matcher) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{matcher}")?;
        }
        f.write_str("}")
    }
}

impl FromIterator<Matcher> for Matchers {
    fn from_iter<I: IntoIterator<Item = Matcher>>(matchers: I) -> Self {
        Self(matchers.into_iter().collect())
    }
}

impl IntoIterator for Matchers {
    type Item = Matcher;
    type IntoIter = std::vec::IntoIter<Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = std::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Matchers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Matchers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrList)
    }
}

struct TextOrList;

impl<'de> Visitor<'de> for TextOrList {
    type Value = Matchers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("matchers such as {job=\"api\"}, as one text or as a list")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Matchers, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Matchers, A::Error> {
        let mut matchers = Vec::new();
        while let Some(matcher) = list.next_element()? {
            matchers.push(matcher);
        }
        Ok(Matchers(matchers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MatchOp;
    use proptest::prelude::*;

    #[test]
    fn classic_wins_where_the_syntaxes_disagree() {
        let text = r#"a="\t""#;
        assert_eq!(Matchers::parse_utf8(text).unwrap().0[0].value(), "\t");
        assert_eq!(text.parse::<Matchers>().unwrap().0[0].value(), r"\t");
        assert_eq!(r#""ä"="\t""#.parse::<Matchers>().unwrap().0[0].value(), "\t");
    }

    #[test]
    fn a_wrong_expression_is_named_as_such() {
        let error = r#"a=~"[\d""#.parse::<Matchers>().unwrap_err();
        assert!(error.to_string().contains("unclosed character class"), "{error}");
        let long = format!("a={}", "x".repeat(70_000));
        assert!(matches!(long.parse::<Matchers>(), Err(MatcherError::TooLong { .. })));
    }

    #[test]
    fn reads_text_and_lists() {
        let text: Matchers = serde_json::from_str(r#""{a=\"b\",c!=\"d\"}""#).unwrap();
        let list: Matchers = serde_json::from_str(r#"["a=b", "c!=d"]"#).unwrap();
        assert_eq!(text, list);
        assert_eq!(serde_json::to_string(&list).unwrap(), r#""{a=\"b\",c!=\"d\"}""#);
        assert!(serde_json::from_str::<Matchers>("5").is_err());
        assert!(serde_json::from_str::<Matchers>(r#"["{a=b}"]"#).is_err());
    }

    fn matcher() -> impl Strategy<Value = Matcher> {
        let plain = (
            "\\PC{1,8}|[a-z_:]{1,6}|(?s).{1,6}",
            any::<bool>(),
            "(?s).{0,12}|[\\\\\"n, {}=~]{0,12}",
        );
        let plain = plain.prop_map(|(name, equal, value)| {
            let op = if equal { MatchOp::Equal } else { MatchOp::NotEqual };
            Matcher::try_new(name, op, value).unwrap()
        });
        let regex =
            ("[a-z]{1,6}", any::<bool>(), "[a-z]{0,4}(\\\\\\.|\\.\\*|\\\\d\\+|\\(x\\|y\\))?");
        let regex = regex.prop_map(|(name, equal, value)| {
            let op = if equal { MatchOp::Regex } else { MatchOp::NotRegex };
            Matcher::try_new(name, op, value).unwrap()
        });
        prop_oneof![plain, regex]
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(matchers in proptest::collection::vec(matcher(), 0..5)) {
            let matchers: Matchers = matchers.into_iter().collect();
            let text = matchers.to_string();
            prop_assert_eq!(&text.parse::<Matchers>().unwrap(), &matchers);
            prop_assert_eq!(&Matchers::parse_utf8(&text).unwrap(), &matchers);
            for matcher in &matchers {
                prop_assert_eq!(&matcher.to_string().parse::<Matcher>().unwrap(), matcher);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,40}|[\\\\\"a=~!,{} \n]{0,24}") {
            text.parse::<Matchers>().ok();
            Matchers::parse_classic(&text).ok();
            Matchers::parse_utf8(&text).ok();
        }

        #[test]
        fn an_operator_and_its_negation_never_agree(value in ".{0,6}", pattern in "[a-c.*]{0,3}") {
            let holds = |op| Matcher::try_new("l", op, pattern.as_str()).map(|m| m.matches_value(&value));
            prop_assert_ne!(holds(MatchOp::Equal).unwrap(), holds(MatchOp::NotEqual).unwrap());
            if let (Ok(regex), Ok(not)) = (holds(MatchOp::Regex), holds(MatchOp::NotRegex)) {
                prop_assert_ne!(regex, not);
            }
        }
    }
}
