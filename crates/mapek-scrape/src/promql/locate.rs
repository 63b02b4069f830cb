//! Where an expression is wrong.
//!
//! The grammar's crate says what is wrong, but not where. A person who looks at a rule of ten lines wants to know: so the
//! usual mistakes (brackets, quotes, two operands side by side, an unknown function) are looked for by token.

use crate::{Position, PromqlError};

/// Most operators and brackets: bounds the tree before it is built, as freeing a deep one takes stack.
const JOINTS_MAX: usize = 1_000;

const OPERATOR_WORDS: [&str; 4] = ["and", "or", "unless", "atan2"];
/// After these, and after the list in parentheses that may follow, an operand may stand beside another.
const MODIFIERS: [&str; 10] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "fill",
    "fill_left",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name, number, duration or text.
    Operand,
    Modifier,
    Operator,
    Open,
    Close,
    /// Comma, colon, `@`.
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    start: usize,
    text: &'a str,
}

/// Refuses what is wrong at a glance: quotes and brackets that do not close, and too much of anything.
pub(super) fn check(query: &str) -> Result<(), PromqlError> {
    let tokens = scan(query).map_err(|(at, reason)| wrong(query, at, reason))?;
    let joint = |token: &&Token<'_>| matches!(token.kind, Kind::Operator | Kind::Open);
    if let Some(token) = tokens.iter().filter(joint).nth(JOINTS_MAX) {
        let reason = format!("too many operators and brackets: more than {JOINTS_MAX}");
        return Err(wrong(query, token.start, reason));
    }
    balance(&tokens).map_err(|(at, reason)| wrong(query, at, reason))
}

/// What the grammar `said`, with the place if it can be found.
pub(super) fn explain(query: &str, said: String) -> PromqlError {
    let tokens = scan(query).unwrap_or_default();
    if let Some(name) = said.strip_prefix("unknown function with name '") {
        let name = name.trim_end_matches('\'');
        let call = tokens.windows(2).find(|pair| pair[0].text == name && pair[1].text == "(");
        let reason = format!("unknown function `{name}`");
        let position = call.map(|pair| Position::of(query, pair[0].start));
        return PromqlError { position, reason };
    }
    if !tokens.is_empty() && !said.contains("invalid promql query") {
        return PromqlError { position: None, reason: said };
    }
    match misfit(query, &tokens) {
        Some((at, reason)) => wrong(query, at, reason),
        None => PromqlError { position: None, reason: "no valid expression".to_owned() },
    }
}

fn wrong(query: &str, at: usize, reason: impl Into<String>) -> PromqlError {
    PromqlError { position: Some(Position::of(query, at)), reason: reason.into() }
}

type Misplaced = (usize, String);

fn scan(query: &str) -> Result<Vec<Token<'_>>, Misplaced> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = query[at..].chars().next() {
        let (kind, len) = token(query, at, c)?;
        if let Some(kind) = kind {
            tokens.push(Token { kind, start: at, text: &query[at..at + len] });
        }
        at += len;
    }
    Ok(tokens)
}

/// The token at `at`, which begins with `c`: its kind, none for blanks and comments, and its length.
fn token(query: &str, at: usize, c: char) -> Result<(Option<Kind>, usize), Misplaced> {
    let rest = &query[at..];
    let span = |wanted: fn(char) -> bool| rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    let (kind, len) = match c {
        ' ' | '\t' | '\n' | '\r' => return Ok((None, 1)),
        '#' => return Ok((None, rest.find('\n').unwrap_or(rest.len()))),
        '"' | '\'' | '`' => (Kind::Operand, text(rest, c).ok_or_else(|| unclosed(at))?),
        '(' | '[' | '{' => (Kind::Open, 1),
        ')' | ']' | '}' => (Kind::Close, 1),
        ',' | ':' | '@' => (Kind::Other, 1),
        '=' | '!' | '<' | '>' | '~' => (Kind::Operator, span(|c| "=!<>~".contains(c))),
        '+' | '-' | '*' | '/' | '%' | '^' => (Kind::Operator, 1),
        _ if c.is_ascii_alphanumeric() || c == '_' || c == '.' => {
            let len = span(|c| c.is_ascii_alphanumeric() || "_.:".contains(c));
            (word(&rest[..len]), len)
        }
        _ => return Err((at, format!("unexpected character `{}`", c.escape_debug()))),
    };
    Ok((Some(kind), len))
}

fn word(word: &str) -> Kind {
    let word = word.to_ascii_lowercase();
    if OPERATOR_WORDS.contains(&word.as_str()) {
        Kind::Operator
    } else if MODIFIERS.contains(&word.as_str()) {
        Kind::Modifier
    } else {
        Kind::Operand
    }
}

/// The length of the quoted text at the beginning of `rest`, if it closes.
fn text(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote != '`' => return None,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn unclosed(at: usize) -> Misplaced {
    (at, "the text is never closed".to_owned())
}

fn balance(tokens: &[Token<'_>]) -> Result<(), Misplaced> {
    let mut open: Vec<&Token<'_>> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(token),
            Kind::Close => match open.pop().map(|it| it.text) {
                Some("(") if token.text == ")" => {}
                Some("[") if token.text == "]" => {}
                Some("{") if token.text == "}" => {}
                Some(other) => {
                    return Err((token.start, format!("`{}` closes `{other}`", token.text)));
                }
                None => return Err((token.start, format!("`{}` closes nothing", token.text))),
            },
            _ => {}
        }
    }
    match open.first() {
        Some(token) => Err((token.start, format!("`{}` is never closed", token.text))),
        None => Ok(()),
    }
}

/// The first two tokens that cannot stand side by side.
fn misfit(query: &str, tokens: &[Token<'_>]) -> Option<Misplaced> {
    if tokens.is_empty() {
        return Some((0, "there is no expression".to_owned()));
    }
    let mut braces = 0_usize;
    let mut lists = Vec::new(); // For each open bracket: whether it is the list of a modifier.
    let mut after_list = false;
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| tokens[i]);
        let ends_operand =
            before.is_some_and(|it| matches!(it.kind, Kind::Operand | Kind::Close)) && !after_list;
        match token.kind {
            Kind::Operand if ends_operand && braces == 0 => {
                return Some((token.start, format!("unexpected `{}`", token.text)));
            }
            Kind::Operator
                if braces == 0
                    && !matches!(token.text, "+" | "-")
                    && !before.is_some_and(|it| matches!(it.kind, Kind::Operand | Kind::Close)) =>
            {
                return Some((token.start, format!("`{}` has no left side", token.text)));
            }
            Kind::Close if before.is_some_and(|it| it.kind == Kind::Operator) => {
                return Some((token.start, format!("unexpected `{}`", token.text)));
            }
            _ => {}
        }
        after_list = false;
        match (token.kind, token.text) {
            (Kind::Open, open) => {
                lists.push(before.is_some_and(|it| it.kind == Kind::Modifier));
                braces += usize::from(open == "{");
            }
            (Kind::Close, close) => {
                after_list = lists.pop().unwrap_or(false);
                braces = braces.saturating_sub(usize::from(close == "}"));
            }
            _ => {}
        }
    }
    let last = tokens.last().filter(|it| it.kind == Kind::Operator);
    last.map(|it| (query.len(), format!("the expression ends after `{}`", it.text)))
}

#[cfg(test)]
mod tests {
    use crate::parse_promql;

    #[test]
    fn mistakes_are_found_where_they_are() {
        for (query, line, column, part) in [
            ("sum(a", 1, 4, "never closed"),
            ("sum(a))", 1, 7, "closes nothing"),
            ("rate(a[5m)", 1, 10, "`)` closes `[`"),
            ("a > 1 &&\n b", 1, 7, "unexpected character `&`"),
            ("a{b=\"c}", 1, 5, "never closed"),
            ("a +\n* b", 2, 1, "no left side"),
            ("a b", 1, 3, "unexpected `b`"),
            ("sum by (x) (a) 3", 1, 16, "unexpected `3`"),
            ("a > 1 or\n  rat(b[5m]) > 0", 2, 3, "unknown function `rat`"),
            ("a >", 1, 4, "ends after `>`"),
            ("(a >)", 1, 5, "unexpected `)`"),
            ("# nothing", 1, 1, "no expression"),
            ("ä", 1, 1, "unexpected character"),
        ] {
            let error = parse_promql(query).unwrap_err();
            let place = error.position.map(|at| (at.line, at.column));
            assert_eq!(place, Some((line, column)), "{query:?}: {error}");
            assert!(error.reason.contains(part), "{query:?}: {error}");
        }
    }

    #[test]
    fn mistakes_of_type_are_told_without_a_place() {
        for (query, part) in [
            ("rate(a)", "matrix"),
            ("1 > 2", "BOOL"),
            ("a[5m] + 1", "instant vector"),
            ("{b=~\".*\"}", "non-empty matcher"),
            ("a{b=~\"(\"}", "regex"),
        ] {
            let error = parse_promql(query).unwrap_err();
            assert!(error.reason.contains(part), "{query:?}: {error}");
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        for query in [
            "a{b='c', d=~\"e|f\"} offset 5m > bool 1 # why\n",
            "sum(a) by (x) / on (x) group_left (y) max by (x, y) (b)",
            "-a ^ -2 % +b",
            "max_over_time(rate(a[5m])[1h:30s] @ end())",
            "a == bool on() b and ignoring(x) c",
            "`a`",
        ] {
            parse_promql(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        }
    }
}
