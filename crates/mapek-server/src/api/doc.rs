//! What a route says of itself: what [`openapi`](super::openapi) is made of.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The shape of something, once a generator is there that gathers the shapes that it refers to.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a route takes and answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doc {
    /// In a line.
    pub(super) summary: &'static str,
    /// The status of a success.
    pub(super) status: u16,
    /// What a success holds.
    pub(super) answer: Content,
    /// What is sent; absent if nothing is.
    pub(super) body: Option<Shape>,
    /// What may stand behind the question mark.
    pub(super) query: &'static [Param],
    /// What else it may answer, besides what all may.
    pub(super) problems: &'static [u16],
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Json(Shape),
    /// Any JSON object.
    Document,
    Events,
    Text,
}

/// Something behind the question mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) shape: Shape,
}

pub(super) fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Doc {
    const fn of(summary: &'static str, answer: Content) -> Self {
        Self { summary, status: 200, answer, body: None, query: &[], problems: &[] }
    }

    /// It answers this, as JSON.
    pub(super) const fn json<T: JsonSchema>(summary: &'static str) -> Self {
        Self::of(summary, Content::Json(shape::<T>))
    }

    /// It answers something else.
    pub(super) const fn other(summary: &'static str, answer: Content) -> Self {
        Self::of(summary, answer)
    }

    /// It takes this, as JSON.
    pub(super) const fn taking<T: JsonSchema>(self) -> Self {
        Self { body: Some(shape::<T>), ..self }
    }

    pub(super) const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(super) const fn query(self, query: &'static [Param]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn problems(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }
}
