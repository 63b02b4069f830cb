//! The syntax of Alertmanager up to 0.26, still understood by all later versions: names are plain
//! words, values may go without quotes and then hold nearly anything but a comma.

use super::{MatchOp, Matcher, MatcherError};

/// White space around tokens, as the classic parser knows it.
const SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\x0c'];

/// Each brace is optional by itself.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let (body, start) = match text.strip_prefix('{') {
        Some(rest) => (rest, 1),
        None => (text, 0),
    };
    let body = body.strip_suffix('}').unwrap_or(body);
    let mut tokens = split(body);
    if tokens.last().is_some_and(|(_, token)| token.trim().is_empty()) {
        tokens.pop();
    }
    tokens.into_iter().map(|(offset, token)| matcher(text, start + offset, token)).collect()
}

/// The parts between commas that stand outside quotes, each with its place.
fn split(body: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, char) in body.char_indices() {
        match char {
            ',' if !quoted => {
                parts.push((start, &body[start..at]));
                start = at + 1;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = char == '\\' && !escaped;
    }
    parts.push((start, &body[start..]));
    parts
}

fn matcher(text: &str, offset: usize, token: &str) -> Result<Matcher, MatcherError> {
    let fault = |rest: &str, reason: &str| {
        MatcherError::syntax(text, offset + token.len() - rest.len(), reason)
    };
    let rest = token.trim_start_matches(SPACE);
    let name_end = rest.find(|char| !is_name_char(char)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(name_end);
    if !super::is_classic_name(name) {
        return Err(fault(rest, "expected a label name"));
    }
    let after = after.trim_start_matches(SPACE);
    let (op, value) = operator(after).ok_or_else(|| fault(after, "expected one of = != =~ !~"))?;
    let value = value.trim_matches(SPACE);
    let value =
        unescape(value).ok_or_else(|| fault(value, "a double quote is missing, or not escaped"))?;
    Matcher::try_new(name, op, value)
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | ':')
}

/// The operator that `text` begins with, and what follows it.
pub(super) fn operator(text: &str) -> Option<(MatchOp, &str)> {
    // The longer ones first: `=` begins `=~` too.
    [MatchOp::Regex, MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Equal]
        .into_iter()
        .find_map(|op| Some((op, text.strip_prefix(op.as_str())?)))
}

/// Takes quotes off and escapes out. A backslash that escapes nothing stands for itself.
fn unescape(raw: &str) -> Option<String> {
    let quoted = raw.starts_with('"');
    let mut chars = raw.strip_prefix('"').unwrap_or(raw).chars().peekable();
    let mut value = String::with_capacity(raw.len());
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next_if(|next| matches!(next, 'n' | '"' | '\\')) {
                Some('n') => value.push('\n'),
                Some(escaped) => value.push(escaped),
                None => value.push('\\'),
            },
            '"' => return (quoted && chars.peek().is_none()).then_some(value),
            other => value.push(other),
        }
    }
    (!quoted).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Vec<String> {
        parse(text).unwrap().iter().map(Matcher::to_string).collect()
    }

    #[test]
    fn is_tolerant_where_alertmanager_is() {
        assert_eq!(printed("{a=b"), [r#"a="b""#]);
        assert_eq!(printed("a=b}"), [r#"a="b""#]);
        assert_eq!(printed("a = b c , d!=e, "), [r#"a="b c""#, r#"d!="e""#]);
        assert_eq!(printed(r#"a="x,y",b=z"#), [r#"a="x,y""#, r#"b="z""#]);
        assert_eq!(printed(r#"a="say \"hi, you\"""#), [r#"a="say \"hi, you\"""#]);
        assert_eq!(printed(r"a=C:\dir"), [r#"a="C:\\dir""#]);
        assert_eq!(printed("a=="), [r#"a="=""#]);
        assert_eq!(printed("a="), [r#"a="""#]);
        assert_eq!(printed("{}"), Vec::<String>::new());
    }

    #[test]
    fn says_where_it_gave_up() {
        let column = |text: &str| match parse(text).unwrap_err() {
            MatcherError::Syntax { column, .. } => column,
            other => panic!("{other}"),
        };
        assert_eq!(column("a=b,,c=d"), 5);
        assert_eq!(column("{a=b, 0c=d}"), 7);
        assert_eq!(column("a~b"), 2);
        assert_eq!(column(r#"ab="c"d""#), 4);
        assert_eq!(column(r#"ab="c"#), 4);
        assert_eq!(column(r#"ab=c""#), 4);
    }
}
