//! One sample's line: name, labels, value, timestamp, exemplar.

use mapek_model::{Labels, Timestamp};

use super::{ExposedSample, Format};

/// Where in the line (column from 1), and what.
pub(crate) type Misread = (usize, String);

struct Cursor<'a> {
    line: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn column(&self) -> usize {
        self.line.len() - self.rest.len() + 1
    }

    fn misread<T>(&self, reason: impl Into<String>) -> Result<T, Misread> {
        Err((self.column(), reason.into()))
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), Misread> {
        if self.take(wanted) { Ok(()) } else { self.misread(format!("expected `{wanted}`")) }
    }

    /// A name of letters, digits and underscores, in which a colon may be allowed. It does not begin with a digit.
    fn name(&mut self, what: &str, colon: bool) -> Result<&'a str, Misread> {
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.misread(format!("expected {what}, which begins with no digit"));
        }
        let name =
            self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':'));
        if name.is_empty() { self.misread(format!("expected {what}")) } else { Ok(name) }
    }

    /// A quoted value with the escapes `\\`, `\"` and `\n`.
    fn quoted(&mut self) -> Result<String, Misread> {
        self.expect('"')?;
        let mut value = String::new();
        loop {
            value.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.take('"') {
                return Ok(value);
            }
            if !self.take('\\') {
                return self.misread("the value of the label is not closed");
            }
            let escaped = self.rest.chars().next();
            match escaped {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                // Prometheus keeps what it does not know.
                Some(c) => value.extend(['\\', c]),
                None => return self.misread("the value of the label is not closed"),
            }
            self.rest = &self.rest[escaped.map_or(0, char::len_utf8)..];
        }
    }

    fn word(&mut self) -> &'a str {
        self.take_while(|c| c != ' ' && c != '\t')
    }
}

/// Reads a line that is neither blank nor a comment.
pub(crate) fn sample(
    line: &str,
    format: Format,
    labels_max: usize,
) -> Result<ExposedSample, Misread> {
    let mut cursor = Cursor { line, rest: line };
    cursor.skip_blanks();
    let name = cursor.name("the name of a metric", true)?;
    let mut labels = Labels::default();
    cursor.skip_blanks();
    if cursor.take('{') {
        read_labels(&mut cursor, &mut labels, labels_max)?;
    }
    labels.insert("__name__", name);
    let (value, at) = read_measured(&mut cursor, format)?;
    Ok(ExposedSample { labels, value, at })
}

/// Reads what follows the series, which takes `series_len` bytes of the line.
pub(crate) fn value(
    line: &str,
    series_len: usize,
    format: Format,
) -> Result<(f64, Option<Timestamp>), Misread> {
    read_measured(&mut Cursor { line, rest: &line[series_len..] }, format)
}

/// How many bytes of a line name the series, if it can be read at all: two lines of one format that agree in them are of the same series.
pub(crate) fn series_len(line: &str) -> usize {
    let bytes = line.as_bytes();
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let after = |from: usize, is: &dyn Fn(&u8) -> bool| {
        bytes[from..].iter().position(is).map_or(bytes.len(), |more| from + more)
    };
    let name = after(0, &|byte| !blank(byte));
    let name_end = after(name, &|byte| blank(byte) || *byte == b'{');
    let open = after(name_end, &|byte| !blank(byte));
    if bytes.get(open) != Some(&b'{') {
        return name_end;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (i, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return i + 1,
            _ => {}
        }
    }
    bytes.len()
}

fn read_measured(
    cursor: &mut Cursor<'_>,
    format: Format,
) -> Result<(f64, Option<Timestamp>), Misread> {
    cursor.skip_blanks();
    let value = read_value(cursor)?;
    cursor.skip_blanks();
    let at = read_time(cursor, format)?;
    cursor.skip_blanks();
    if cursor.rest.is_empty() || (format == Format::OpenMetrics && cursor.rest.starts_with('#')) {
        Ok((value, at))
    } else {
        cursor.misread("unexpected text after the sample")
    }
}

fn read_labels(
    cursor: &mut Cursor<'_>,
    labels: &mut Labels,
    labels_max: usize,
) -> Result<(), Misread> {
    loop {
        cursor.skip_blanks();
        if cursor.take('}') {
            return Ok(());
        }
        let begin = cursor.column();
        let name = cursor.name("the name of a label", false)?;
        cursor.skip_blanks();
        cursor.expect('=')?;
        cursor.skip_blanks();
        let value = cursor.quoted()?;
        if name == "__name__" {
            return Err((begin, "the name of the metric is given twice".to_owned()));
        }
        if labels.len() == labels_max {
            return Err((begin, format!("more than {labels_max} labels")));
        }
        if !value.is_empty() && labels.insert(name, value).is_some() {
            return Err((begin, format!("the label `{name}` is given twice")));
        }
        cursor.skip_blanks();
        if !cursor.take(',') {
            return cursor.expect('}');
        }
    }
}

fn read_value(cursor: &mut Cursor<'_>) -> Result<f64, Misread> {
    let column = cursor.column();
    let word = cursor.word();
    word.parse().map_err(|_| (column, format!("expected a number, got `{}`", shown(word))))
}

fn read_time(cursor: &mut Cursor<'_>, format: Format) -> Result<Option<Timestamp>, Misread> {
    if cursor.rest.is_empty() || cursor.rest.starts_with('#') {
        return Ok(None);
    }
    let column = cursor.column();
    let word = cursor.word();
    let ms = match format {
        Format::Text => word.parse::<i64>().ok(),
        Format::OpenMetrics => word.parse::<f64>().ok().and_then(milliseconds),
    };
    match ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
        Some(at) => Ok(Some(at)),
        None => Err((column, format!("expected a timestamp, got `{}`", shown(word)))),
    }
}

/// Cut to whole milliseconds, as Prometheus does; none for what no calendar holds.
fn milliseconds(seconds: f64) -> Option<i64> {
    const MS_MAX: f64 = 1e15; // About the year 33 000; exact in a float, and within an i64.
    let ms = (seconds * 1000.0).trunc();
    (ms.abs() <= MS_MAX).then_some(ms as i64)
}

/// The beginning of a word from outside, for a message.
fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}
