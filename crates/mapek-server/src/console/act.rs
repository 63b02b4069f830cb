//! Forms by which people act. A script sends them to the API as JSON and says what came of it; the API decides.

use maud::{Markup, html};

use super::cx::Cx;
use crate::Role;

/// Something that people may do.
#[derive(Debug)]
pub(super) struct Act<'a> {
    /// Names it on its page; a word.
    pub(super) name: &'a str,
    /// Where it is sent.
    pub(super) path: String,
    /// Who may.
    pub(super) least: Role,
    /// What is on the button.
    pub(super) label: &'a str,
    /// How the button looks: `go`, `stop`, `plain`.
    pub(super) look: &'static str,
    /// What is said when it is done.
    pub(super) done: &'a str,
    /// What a reason is called that people give.
    pub(super) reason: &'a str,
    /// Whether a reason must be given; it may be in any case.
    pub(super) needs_reason: bool,
    /// What else is sent.
    pub(super) fields: &'a [(&'a str, String)],
}

impl Act<'_> {
    /// The form; disabled for whom it is not, with the reason in words.
    pub(super) fn form(&self, cx: &Cx) -> Markup {
        let refused = cx.may(self.least).err();
        let (reason, why) = (format!("{}-reason", self.name), format!("{}-why", self.name));
        html! {
            form.act method="post" action=(cx.href(&self.path)) data-act=(self.name) data-done=(self.done) {
                @for (name, value) in self.fields {
                    input type="hidden" name=(name) value=(value);
                }
                label for=(reason) {
                    (self.reason)
                    @if !self.needs_reason { span.optional { " (optional)" } }
                }
                div.line {
                    input #(reason) name="reason" type="text" maxlength="2000" autocomplete="off"
                        required[self.needs_reason] disabled[refused.is_some()]
                        aria-describedby=[refused.as_ref().map(|_| &why)];
                    button class=(self.look) type="submit" disabled[refused.is_some()] { (self.label) }
                }
                @if let Some(text) = &refused { p.why id=(why) { (text) } }
                output.answer role="status" {}
            }
        }
    }
}
