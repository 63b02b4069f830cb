//! Pages that an embedding service adds to the console.
//!
//! A service says in plain data what there is and what can be done about it; the console draws it. So a page of somebody else's keeps what
//! all pages keep: nothing in it becomes markup, it is live, it fits on a telephone, and what it does goes by `POST`, from pages of this
//! origin, in somebody's name, as far as their role goes. Handing in markup or a router would leave all of that to each service.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mapek_server::{
//!     Options, Role,
//!     extra::{Asked, Button, Extra, Item, Look, Place, Section, Sheet},
//! };
//!
//! #[derive(Debug)]
//! struct Lamps;
//!
//! impl Extra for Lamps {
//!     fn place(&self) -> Place {
//!         Place::try_new("/lamps", "Lamps", 'l', Role::Operator).expect("a place of its own")
//!     }
//!
//!     fn sheet(&self) -> Sheet {
//!         let button = Button { label: "Switch off".to_owned(), value: "hall".to_owned(), look: Look::Plain };
//!         let hall = Item { title: "In the hall".to_owned(), button: Some(button), ..Item::default() };
//!         let lit = Section { id: "lit", title: "Lit".to_owned(), act: Some("off"), items: vec![hall], ..Section::default() };
//!         Sheet { intro: vec!["What is lit.".to_owned()], sections: vec![lit] }
//!     }
//!
//!     fn act(&self, asked: &Asked<'_>) -> Result<String, String> {
//!         Ok(format!("{} is off, {}.", asked.item, asked.person))
//!     }
//! }
//!
//! let options = Options { extras: vec![Arc::new(Lamps)], ..Options::default() };
//! # let _ = options;
//! ```

mod ask;
mod draw;
mod place;
mod sheet;

use std::{fmt, sync::Arc};

use axum::routing::{MethodRouter, get, post};

use super::{cx::Cx, layout::Page};
use crate::api::App;

pub use super::parts::Tone;
pub use ask::Asked;
pub use place::{InvalidPlace, Place};
pub use sheet::{Button, Choice, Item, Look, Section, Sheet};

/// A page that an embedding service adds to the console.
///
/// Both methods are called on the threads that answer requests, so they must not wait. Neither is called at the same time as itself only by
/// chance: what they share is theirs to guard.
pub trait Extra: fmt::Debug + Send + Sync {
    /// Where it is. Asked once, when the router is made.
    fn place(&self) -> Place;

    /// What it says at this moment.
    fn sheet(&self) -> Sheet;

    /// Does what somebody asks for with a button, and answers in a sentence what was done. It is only asked for what the
    /// [sheet](Self::sheet) offers at this moment, by people who have the role that the [place](Self::place) asks for.
    ///
    /// # Errors
    ///
    /// Why it was not done, in a sentence.
    fn act(&self, asked: &Asked<'_>) -> Result<String, String>;
}

const _: Option<&dyn Extra> = None;

/// An extra page where it is.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) place: Place,
    extra: Arc<dyn Extra>,
}

impl Mounted {
    /// All of them, in their order; of two at one path the first.
    pub(crate) fn all(extras: Vec<Arc<dyn Extra>>) -> Arc<[Self]> {
        let mut all: Vec<Self> = Vec::new();
        for extra in extras {
            let place = extra.place();
            if all.iter().all(|it| it.place.path() != place.path()) {
                all.push(Self { place, extra });
            }
        }
        all.into()
    }

    /// The page.
    pub(crate) fn page(&self) -> MethodRouter<App> {
        let Self { place, extra } = self.clone();
        get(move |cx: Cx| async move {
            let body = draw::sheet(&cx, &place, &extra.sheet());
            Page { title: place.name(), view: place.path(), body }.show(&cx)
        })
    }

    /// Where its acts are sent.
    pub(crate) fn acts_path(&self) -> String {
        format!("{}/{{act}}", self.place.path())
    }

    /// Its acts.
    pub(crate) fn acts(&self) -> MethodRouter<App> {
        let extra = Arc::clone(&self.extra);
        post(move |acting, act, said| async move { ask::answer(&*extra, acting, act, said) })
    }
}
