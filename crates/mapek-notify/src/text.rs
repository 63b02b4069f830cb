//! Texts of others, on their way into a chat.

/// Characters of one text: three screens of a phone.
const CHARS_MAX: usize = 1500;

/// A text that mentions nobody, links to nothing and looks like what it is, wherever a chat shows it: one line of printable
/// characters, with an invisible space in what chats take for mentions (`@channel`, `<!channel>`) and links. Long ones are cut.
///
/// ```
/// let text = mapek_notify::defused("<!channel> see https://evil.example\n@here");
/// assert!(!text.contains("<!") && !text.contains("://") && !text.contains("@here"));
/// assert_eq!(text.replace('\u{200b}', ""), "<!channel> see https://evil.example @here");
/// ```
#[must_use]
pub fn defused(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (kept, c) in text.chars().enumerate() {
        if kept == CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            c if c.is_control() || is_break(c) => out.push(' '),
            // What turns the direction of a text, or cannot be seen, only serves to deceive.
            c if is_invisible(c) => {}
            // Behind them stands a name, or where a link leads.
            '<' | '@' | '#' | ':' | ']' | '!' => {
                out.push(c);
                out.push(GAP);
            }
            c => out.push(c),
        }
    }
    out
}

/// The same for Slack, where `&`, `<` and `>` begin what is no text.
#[cfg(any(feature = "http", test))]
pub(crate) fn for_slack(text: &str) -> String {
    defused(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// It has no width, and ends words.
const GAP: char = '\u{200b}';

const fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_mentioned_and_nothing_is_linked() {
        for hostile in [
            "<!channel>",
            "<!here|here>",
            "<@U012AB3CD>",
            "<#C012AB3CD>",
            "<https://evil.example|your bank>",
            "https://evil.example",
            "mailto:eve@evil.example",
            "[your bank](https://evil.example)",
            "@all @channel @here",
            "#general",
            ":skull:",
        ] {
            let text = for_slack(hostile);
            for bad in ["<", ">", "@a", "@c", "@h", "://", "](", "#g", "<!", ":skull:", "mailto:e"]
            {
                assert!(!text.contains(bad), "{hostile}: {text:?} has {bad}");
            }
        }
    }

    #[test]
    fn a_text_is_one_line_of_what_can_be_seen() {
        let text = defused("one\r\ntwo\u{0}\u{1b}[31m\u{202e}live\u{2028}end\u{200d}");
        assert_eq!(text.replace(GAP, ""), "one  two  [31mlive end");
        let long = defused(&"x".repeat(5000));
        assert_eq!((long.chars().count(), long.chars().last()), (CHARS_MAX + 1, Some('…')));
    }

    proptest! {
        #[test]
        fn no_text_gets_through(text in "[<>@&!#:/a-c\\n\\u{200b}\\u{202e}]{0,40}") {
            let told = for_slack(&text);
            let bad = told.contains(['<', '>', '\n', '\u{202e}']);
            prop_assert!(!bad, "{told:?}");
            prop_assert!(!told.contains("://"));
            for (at, _) in told.match_indices(['@', '#', '!']) {
                prop_assert!(told[at + 1..].starts_with(GAP));
            }
            for (at, _) in told.match_indices('&') {
                let rest = &told[at..];
                prop_assert!(["&amp;", "&lt;", "&gt;"].iter().any(|it| rest.starts_with(it)));
            }
        }
    }
}
