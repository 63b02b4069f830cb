//! What a call is answered with, before any transport.

use charter_client::ETag;
use serde::Serialize;
use serde_json::Value;

/// A successful answer to a mutation, as it goes over the wire and as it is remembered under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The tag of the subject after the mutation.
    pub etag: ETag,
    /// Where the subject is, for what was created.
    pub location: Option<String>,
    /// Whether it is the remembered answer of an earlier request.
    pub replayed: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &impl Serialize, etag: ETag) -> Self {
        let body =
            serde_json::to_value(body).expect("wire types have string keys and finite numbers");
        Self { status, body, etag, location: None, replayed: false }
    }
}
