//! How an extra page looks.

use maud::{Markup, html};

use super::{Button, Choice, Item, Place, Section, Sheet};
use crate::console::{
    cx::Cx,
    parts::{badge, nothing, when},
};

/// What stands under the title.
pub(super) fn sheet(cx: &Cx, place: &Place, sheet: &Sheet) -> Markup {
    html! {
        @for text in &sheet.intro { p.intro { (text) } }
        @for one in &sheet.sections { (section(cx, place, one)) }
    }
}

fn section(cx: &Cx, place: &Place, section: &Section) -> Markup {
    let title = format!("{}-title", section.id);
    html! {
        section id=(section.id) data-live aria-labelledby=(title) {
            h2 id=(title) { (section.title) }
            @if !section.intro.is_empty() { p.intro { (section.intro) } }
            @match section.act {
                None => (items(cx, section, None)),
                Some(act) => (form(cx, place, act, section)),
            }
        }
    }
}

/// Disabled as long as nobody, or not this person, may press its buttons; with the reason in words.
fn form(cx: &Cx, place: &Place, act: &str, section: &Section) -> Markup {
    let refused = cx.is(place.least()).err().or_else(|| section.closed.clone());
    let why = format!("{}-why", section.id);
    let told = refused.as_ref().map(|_| why.as_str());
    html! {
        form.act.extra method="post" action=(cx.href(&format!("{}/{act}", place.path()))) data-act=(act) data-done="Done." {
            @if let Some(text) = &refused { p.why id=(why) { (text) } }
            @if !section.choices.is_empty() {
                div.settings { @for one in &section.choices { (choice(section.id, one, told)) } }
            }
            output.answer role="status" {}
            (items(cx, section, Some(Form { told })))
        }
    }
}

fn choice(section: &str, choice: &Choice, told: Option<&str>) -> Markup {
    let id = format!("{section}-{}", choice.name);
    html! {
        div {
            label for=(id) { (choice.label) }
            select id=(id) name=(choice.name) disabled[told.is_some()] aria-describedby=[told] {
                @for (place, (value, text)) in choice.options.iter().enumerate() { option value=(value) selected[place == 0] { (text) } }
            }
        }
    }
}

/// What buttons belong to, with the id of what says why they cannot be pressed, if so.
#[derive(Debug, Clone, Copy)]
struct Form<'a> {
    told: Option<&'a str>,
}

/// The list; without a form it has no buttons.
fn items(cx: &Cx, section: &Section, form: Option<Form<'_>>) -> Markup {
    html! {
        @if section.items.is_empty() { (nothing(&section.nothing)) }
        @else { ul.items { @for one in &section.items { li {
            div {
                h3 { (one.title) @if let Some((tone, word)) = &one.badge { " " (badge(*tone, word)) } }
                (said(cx, one))
            }
            @if let (Some(button), Some(Form { told })) = (&one.button, form) { (press(one, button, told)) }
        } } } }
    }
}

fn said(cx: &Cx, item: &Item) -> Markup {
    html! {
        @for text in &item.text { p { (text) } }
        @if let Some(since) = item.since { p.sub { (when(since, cx.now)) } }
    }
}

/// Many buttons of a list read the same to the eye, and not to the ear.
fn press(item: &Item, button: &Button, told: Option<&str>) -> Markup {
    html! {
        button class=(button.look.class()) type="submit" name="item" value=(button.value) disabled[told.is_some()] aria-describedby=[told] {
            (button.label) span.hidden { ": " (item.title) }
        }
    }
}
