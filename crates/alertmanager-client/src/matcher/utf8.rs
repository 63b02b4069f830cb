//! The syntax of Alertmanager since 0.27: any name, in quotes where it holds a reserved character; braces
//! come in pairs; values in quotes are unescaped as in Go.

use super::{Matcher, MatcherError, classic::operator, unquote::unquote};

pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let mut cursor = Cursor { text, at: 0 };
    let braces = cursor.eat('{');
    let mut matchers = Vec::new();
    while !matches!(cursor.peek(), None | Some('}')) {
        matchers.push(cursor.matcher()?);
        if !cursor.eat(',') && !matches!(cursor.peek(), None | Some('}')) {
            return Err(cursor.fault("expected a comma or the end"));
        }
    }
    if braces && !cursor.eat('}') {
        return Err(cursor.fault("expected a closing brace"));
    }
    match cursor.peek() {
        None => Ok(matchers),
        Some('}') if !braces => Err(cursor.fault("a closing brace without an opening one")),
        Some(_) => Err(cursor.fault("expected the end")),
    }
}

/// Characters that cannot stand in a name or value without quotes.
fn is_reserved(char: char) -> bool {
    char.is_whitespace() || "{}!=~,\\\"'`".contains(char)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next character that is not white space, which it stops at.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn eat(&mut self, char: char) -> bool {
        let found = self.peek() == Some(char);
        if found {
            self.at += char.len_utf8();
        }
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fault(&self, reason: &str) -> MatcherError {
        MatcherError::syntax(self.text, self.at, reason)
    }

    fn matcher(&mut self) -> Result<Matcher, MatcherError> {
        let start = self.at;
        let name = self.word("expected a label name")?;
        if name.is_empty() {
            return Err(MatcherError::syntax(self.text, start, "the label name is empty"));
        }
        self.peek();
        let Some((op, rest)) = operator(self.rest()) else {
            return Err(self.fault("expected one of = != =~ !~"));
        };
        self.at = self.text.len() - rest.len();
        let value = self.word("expected a label value")?;
        Matcher::try_new(name, op, value)
    }

    /// A run of characters that are not reserved, or anything in quotes.
    fn word(&mut self, expected: &str) -> Result<String, MatcherError> {
        match self.peek() {
            Some('"') => self.quoted(),
            Some(char) if !is_reserved(char) => {
                let rest = self.rest();
                let end = rest.find(is_reserved).unwrap_or(rest.len());
                self.at += end;
                Ok(rest[..end].to_owned())
            }
            _ => Err(self.fault(expected)),
        }
    }

    fn quoted(&mut self) -> Result<String, MatcherError> {
        let inside = &self.rest()[1..];
        let mut escaped = false;
        let close = inside.find(|char| {
            let closes = char == '"' && !escaped;
            escaped = char == '\\' && !escaped;
            closes
        });
        let close = close.ok_or_else(|| self.fault("the closing double quote is missing"))?;
        let word = unquote(&inside[..close]).map_err(|(offset, reason)| {
            MatcherError::syntax(self.text, self.at + 1 + offset, reason)
        })?;
        self.at += close + 2;
        Ok(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Vec<String> {
        parse(text).unwrap().iter().map(Matcher::to_string).collect()
    }

    #[test]
    fn names_are_any_text() {
        assert_eq!(
            printed(r#"{"größe \"x\"" = "m", λ=1,}"#),
            [r#""größe \"x\""="m""#, r#""λ"="1""#]
        );
        assert_eq!(printed("  "), Vec::<String>::new());
        assert_eq!(printed("{ }"), Vec::<String>::new());
        assert_eq!(printed(r#"a="""#), [r#"a="""#]);
    }

    #[test]
    fn says_where_it_gave_up() {
        let column = |text: &str| match parse(text).unwrap_err() {
            MatcherError::Syntax { column, .. } => column,
            other => panic!("{other}"),
        };
        for (text, expected) in [
            ("{", 2),
            ("}", 1),
            ("{a=b", 5),
            ("a=b}", 4),
            ("{a=b}}", 6),
            ("{,}", 2),
            ("a=b,,", 5),
            ("a=b c", 5),
            ("a", 2),
            ("a=", 3),
            ("a!b", 2),
            ("λ='x'", 3),
            (r#"λ="x"#, 3),
            (r#"λ="x\d""#, 5),
            (r#"""="x""#, 1),
            ("a==b", 3),
        ] {
            assert_eq!(column(text), expected, "{text}");
        }
    }
}
