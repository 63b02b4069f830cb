//! Escapes of a Go string literal in double quotes ("String literals" in the Go specification).

/// The text that `quoted`, the part between the quotes, stands for; or the place of the fault, in bytes,
/// and what it is.
pub(super) fn unquote(quoted: &str) -> Result<String, (usize, &'static str)> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut at = 0;
    while let Some(char) = quoted[at..].chars().next() {
        match char {
            '\n' => return Err((at, "a line break must be written \\n")),
            '\\' => {
                let length =
                    escape(&quoted[at + 1..], &mut bytes).ok_or((at, "no such escape sequence"))?;
                at += 1 + length;
            }
            _ => {
                bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += char.len_utf8();
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| (0, "escapes do not make up UTF-8 text"))
}

/// Appends what the escape that begins `rest` (behind its backslash) stands for, and returns its length.
fn escape(rest: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let simple = match rest.chars().next()? {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        'x' => return byte(rest.get(1..3)?, 16, bytes).then_some(3),
        'u' => return code_point(rest.get(1..5)?, bytes).then_some(5),
        'U' => return code_point(rest.get(1..9)?, bytes).then_some(9),
        '0'..='7' => return byte(rest.get(..3)?, 8, bytes).then_some(3),
        _ => return None,
    };
    bytes.push(simple);
    Some(1)
}

fn number(digits: &str, radix: u32) -> Option<u32> {
    // `from_str_radix` takes a sign, an escape does not.
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

fn byte(digits: &str, radix: u32, bytes: &mut Vec<u8>) -> bool {
    let byte = number(digits, radix).and_then(|number| u8::try_from(number).ok());
    bytes.extend(byte);
    byte.is_some()
}

fn code_point(digits: &str, bytes: &mut Vec<u8>) -> bool {
    let char = number(digits, 16).and_then(char::from_u32);
    if let Some(char) = char {
        bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
    char.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_go() {
        assert_eq!(unquote(r#"\a\b\f\n\r\t\v\\\""#).unwrap(), "\x07\x08\x0c\n\r\t\x0b\\\"");
        assert_eq!(unquote(r"\x41\101\u00e9\U0001F600 é").unwrap(), "AAé😀 é");
        assert_eq!(unquote(r"\xc3\xa9").unwrap(), "é");
        assert_eq!(unquote("\0\r").unwrap(), "\0\r");
    }

    #[test]
    fn what_go_refuses() {
        for text in [
            r"\d",
            r"\'",
            r"\x4",
            r"\x+4",
            r"\400",
            r"\18",
            r"\ud800",
            r"\U00110000",
            r"\",
            "a\nb",
            r"\xff",
            r"\xé",
        ] {
            assert!(unquote(text).is_err(), "{text}");
        }
        assert_eq!(unquote(r"ab\q").unwrap_err().0, 2);
    }
}
