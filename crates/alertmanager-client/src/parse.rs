//! Reading a webhook body that anybody may have sent.
//!
//! A first pass over the bytes bounds depth and number of alerts before anything is built from them; the
//! second is serde's. Together they say where the fault is, and hold no more than a body's worth of memory more.

use crate::{Notification, wire::shorten};

/// How much of a reason is repeated to the sender: enough to find the fault, not the whole body.
const REASON_CHARS_MAX: usize = 300;

/// What a webhook body may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body. Default 16 MiB: a group of 1 600 alerts was seen to take more than 1 MiB.
    pub body_bytes_max: usize,
    /// Alerts in one body. Default 10 000; Alertmanager's `max_alerts` sends less.
    pub alerts_max: usize,
    /// Objects and lists within each other. Default 32; the payload itself needs 4.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes_max: 16 * 1024 * 1024, alerts_max: 10_000, depth_max: 32 }
    }
}

/// Why a webhook body was refused. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The body has more bytes than allowed.
    #[error("body of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// The body's size.
        bytes: usize,
        /// The limit that it exceeds.
        limit: usize,
    },
    /// The body has more alerts than allowed.
    #[error("more than {limit} alerts, the first too many at line {line} column {column}")]
    TooManyAlerts {
        /// The limit that it exceeds.
        limit: usize,
        /// Line of the first alert too many.
        line: usize,
        /// Column of the first alert too many.
        column: usize,
    },
    /// Objects and lists lie within each other deeper than allowed.
    #[error("nested deeper than {limit} levels at line {line} column {column}")]
    TooDeep {
        /// The limit that it exceeds.
        limit: usize,
        /// Line of the bracket that goes too deep.
        line: usize,
        /// Column of the bracket that goes too deep.
        column: usize,
    },
    /// The body is not JSON, or not a notification.
    #[error("{path}: {reason}, at line {line} column {column}")]
    Malformed {
        /// Where in the document, such as `alerts[3].labels.severity`; `.` is the document itself.
        path: String,
        /// What is wrong there.
        reason: String,
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
}

impl ParseError {
    /// Whether there was too much of it, rather than something wrong with it.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::TooManyAlerts { .. })
    }
}

impl Notification {
    /// Reads a webhook body, within the default [`Limits`].
    ///
    /// # Errors
    ///
    /// [`ParseError`], which says what is wrong and where.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        Self::parse_within(body, &Limits::default())
    }

    /// Reads a webhook body, within `limits`. A parsed body can take some ten times its size in memory.
    ///
    /// # Errors
    ///
    /// [`ParseError`], which says what is wrong and where.
    pub fn parse_within(body: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        if body.len() > limits.body_bytes_max {
            return Err(ParseError::TooLarge { bytes: body.len(), limit: limits.body_bytes_max });
        }
        Survey::default().check(body, limits)?;
        let mut json = serde_json::Deserializer::from_slice(body);
        let notification =
            serde_path_to_error::deserialize(&mut json).map_err(|error| malformed(&error))?;
        json.end().map_err(|error| at_top(&error))?;
        Ok(notification)
    }
}

fn malformed(error: &serde_path_to_error::Error<serde_json::Error>) -> ParseError {
    let path = shorten(&error.path().to_string(), REASON_CHARS_MAX).escape_debug().to_string();
    describe(path, error.inner())
}

fn at_top(error: &serde_json::Error) -> ParseError {
    describe(".".to_owned(), error)
}

fn describe(path: String, error: &serde_json::Error) -> ParseError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    ParseError::Malformed { path, reason: shorten(reason, REASON_CHARS_MAX), line, column }
}

/// The first pass: brackets and strings only. What is not JSON passes, for serde to complain about.
#[derive(Default)]
struct Survey {
    depth: usize,
    /// The last string seen at depth 1, quotes excluded: a key of the document if a colon follows.
    last_string: (usize, usize),
    /// Whether the value at hand is that of the key `alerts`.
    at_alerts: bool,
    /// Commas seen in the list of alerts.
    commas: usize,
}

impl Survey {
    fn check(mut self, body: &[u8], limits: &Limits) -> Result<(), ParseError> {
        let mut at = 0;
        while at < body.len() {
            match body[at] {
                b'"' => at = self.skip_string(body, at),
                b'{' | b'[' => self.open(body, at, limits)?,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b':' if self.depth == 1 => self.at_alerts = self.key_is_alerts(body),
                b',' if self.depth == 1 => self.at_alerts = false,
                b',' if self.depth == 2 && self.at_alerts => self.next_alert(body, at, limits)?,
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    /// The place of the closing quote of the string that opens at `open`, or of the last byte.
    fn skip_string(&mut self, body: &[u8], open: usize) -> usize {
        let mut at = open + 1;
        while at < body.len() && body[at] != b'"' {
            at += if body[at] == b'\\' { 2 } else { 1 };
        }
        let close = at.min(body.len());
        if self.depth == 1 {
            self.last_string = (open + 1, close);
        }
        close
    }

    fn open(&mut self, body: &[u8], at: usize, limits: &Limits) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth <= limits.depth_max {
            return Ok(());
        }
        let (line, column) = position(body, at);
        Err(ParseError::TooDeep { limit: limits.depth_max, line, column })
    }

    /// Keys may be written with escapes, so only a reader of JSON can tell.
    fn key_is_alerts(&self, body: &[u8]) -> bool {
        let (start, end) = self.last_string;
        let quoted = start.checked_sub(1).and_then(|open| body.get(open..=end));
        quoted.is_some_and(|key| {
            serde_json::from_slice::<String>(key).is_ok_and(|key| key == "alerts")
        })
    }

    fn next_alert(&mut self, body: &[u8], at: usize, limits: &Limits) -> Result<(), ParseError> {
        self.commas += 1;
        if self.commas < limits.alerts_max {
            return Ok(());
        }
        let (line, column) = position(body, at);
        Err(ParseError::TooManyAlerts { limit: limits.alerts_max, line, column })
    }
}

/// Line and column of byte `at`, both from 1.
fn position(body: &[u8], at: usize) -> (usize, usize) {
    let before = &body[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column =
        at - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALERT: &str =
        r#"{"status":"firing","labels":{"x":"[{,"},"startsAt":"2026-11-20T10:00:00Z"}"#;

    fn alerts(count: usize) -> String {
        format!(r#"{{"receiver":"r,[","alerts":[{}]}}"#, vec![ALERT; count].join(",\n"))
    }

    #[test]
    fn the_fault_is_located() {
        let body = alerts(3).replacen("\n{\"status\":\"firing\"", "\n{\"status\":5", 1);
        let error = Notification::parse(body.as_bytes()).unwrap_err();
        let ParseError::Malformed { path, line, column, .. } = &error else { panic!("{error:?}") };
        assert_eq!((path.as_str(), *line, *column), ("alerts[1].status", 2, 11), "{error}");
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "{\"alerts\":{}}",
            "{\"alerts\":[",
            "\u{feff}{}",
            "{'alerts':[]}",
        ] {
            let error = Notification::parse(body.as_bytes()).unwrap_err();
            assert!(matches!(error, ParseError::Malformed { .. }), "{body}: {error}");
        }
        assert!(Notification::parse(b"{\"alerts\":[],\"receiver\":\"\xff\"}").is_err());
        let trailing = Notification::parse(br#"{"alerts":[]} {"alerts":[]}"#).unwrap_err();
        assert_eq!(trailing.to_string(), ".: trailing characters, at line 1 column 15");
    }

    #[test]
    fn the_number_of_alerts_is_bounded_to_the_alert() {
        let limits = Limits { alerts_max: 3, ..Limits::default() };
        assert_eq!(
            Notification::parse_within(alerts(3).as_bytes(), &limits).unwrap().alerts.len(),
            3
        );
        let error = Notification::parse_within(alerts(4).as_bytes(), &limits).unwrap_err();
        assert!(matches!(error, ParseError::TooManyAlerts { limit: 3, line: 3, .. }), "{error}");
        assert!(error.is_too_large());
        let escaped = alerts(4).replace("\"alerts\"", "\"\\u0061lerts\"");
        assert!(
            Notification::parse_within(escaped.as_bytes(), &limits).unwrap_err().is_too_large()
        );
    }

    #[test]
    fn depth_is_bounded_to_the_level() {
        let nested = |levels: usize| {
            // The document itself is one level.
            let deep = levels - 1;
            format!(r#"{{"alerts":[],"x":{}{}}}"#, "[".repeat(deep), "]".repeat(deep))
        };
        assert!(Notification::parse(nested(32).as_bytes()).is_ok());
        let error = Notification::parse(nested(33).as_bytes()).unwrap_err();
        assert_eq!(error, ParseError::TooDeep { limit: 32, line: 1, column: 49 });
        assert!(Notification::parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn a_body_is_bounded_to_the_byte() {
        let body = alerts(1);
        let limits = |body_bytes_max| Limits { body_bytes_max, ..Limits::default() };
        assert!(Notification::parse_within(body.as_bytes(), &limits(body.len())).is_ok());
        let error =
            Notification::parse_within(body.as_bytes(), &limits(body.len() - 1)).unwrap_err();
        assert!(matches!(error, ParseError::TooLarge { .. }));
    }

    #[test]
    fn a_huge_word_is_not_repeated_in_full() {
        let body = alerts(1).replace("firing", &"x".repeat(100_000));
        assert!(Notification::parse(body.as_bytes()).unwrap_err().to_string().len() < 1_000);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            Notification::parse(&body).ok();
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0usize..400, byte: u8) {
            let mut body = alerts(3).into_bytes();
            let at = at % body.len();
            body[at] = byte;
            Notification::parse(&body).ok();
        }
    }
}
