//! One request, made once and sent as often as needed: every attempt is the same, byte for byte, but for what the owner of the client adds.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::ConfigError;
use crate::{Call, CallOptions, Error, PolicyId, headers};

/// A request that is ready to send.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    /// Whether a mutation carries an idempotency key.
    pub(super) keyed: bool,
}

impl Request {
    /// A request for a call; `id` fills the `{id}` of its path.
    pub(super) fn new(call: Call, base: &Url, id: Option<&PolicyId>) -> Self {
        let (method, template) = call.route();
        let method = if method == "POST" { Method::POST } else { Method::GET };
        let url = url_of(base, template, id);
        let headers = HeaderMap::new();
        Self { call, method, url, headers, body: None, keyed: false }
    }

    /// Adds a JSON body.
    pub(super) fn with_body(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::not_built(self.call, error))?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(body);
        Ok(self)
    }

    /// Adds what protects a mutation.
    pub(super) fn with_options(mut self, options: &CallOptions) -> Result<Self, Error> {
        if let Some(key) = &options.idempotency_key {
            self.insert(HeaderName::from_static(headers::IDEMPOTENCY_KEY), key.as_str())?;
            self.keyed = true;
        }
        if let Some(etag) = &options.if_match {
            self.insert(IF_MATCH, etag.as_str())?;
        }
        if let Some(epoch) = options.epoch {
            self.insert(HeaderName::from_static(headers::EPOCH), &epoch.to_string())?;
        }
        Ok(self)
    }

    fn insert(&mut self, name: HeaderName, value: &str) -> Result<(), Error> {
        let value = HeaderValue::from_str(value).map_err(|e| Error::not_built(self.call, e))?;
        self.headers.insert(name, value);
        Ok(())
    }
}

/// Appends the path of a call to the base URL. Segments are percent-encoded one by one, so an id with a
/// slash stays one segment.
fn url_of(base: &Url, template: &str, id: Option<&PolicyId>) -> Url {
    let mut url = base.clone();
    url.path_segments_mut()
        .expect("an http URL has path segments; the configuration admits no other")
        .pop_if_empty()
        .extend(template.split('/').skip(1).map(|segment| match (segment, id) {
            ("{id}", Some(id)) => id.as_str(),
            _ => segment,
        }));
    url
}

/// The header that carries the bearer key, marked so that nothing prints it.
pub(super) fn authorization(key: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Refuses a key that is empty or cannot be a header, without saying what it is.
pub(super) fn check_key(key: Option<&SecretString>) -> Result<(), ConfigError> {
    match key {
        Some(key) if key.expose_secret().is_empty() => Err(ConfigError::new("api_key", "is empty")),
        Some(key) if !key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(ConfigError::new("api_key", "holds something else than visible ASCII"))
        }
        _ => Ok(()),
    }
}

/// Adds the bearer key to a request's headers.
pub(super) fn authorise(headers: &mut HeaderMap, key: Option<&SecretString>) {
    if let Some(value) = key.and_then(authorization) {
        headers.insert(AUTHORIZATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn paths_go_below_the_prefix() {
        for prefix in ["http://host/charter", "http://host/charter/"] {
            let request = Request::new(Call::Committee, &base(prefix), None);
            assert_eq!(request.url.as_str(), "http://host/charter/api/v1/committee/state");
        }
        let request = Request::new(Call::Health, &base("http://host"), None);
        assert_eq!(request.url.as_str(), "http://host/health");
    }

    proptest! {
        /// No id can leave its segment, whatever it holds.
        #[test]
        fn an_id_is_one_segment(id in "\\PC{1,40}") {
            let Ok(id) = PolicyId::try_new(id) else { return Ok(()) };
            let request = Request::new(Call::Rollback, &base("http://host/x"), Some(&id));
            let segments: Vec<_> = request.url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 6, "{}", request.url);
            prop_assert_eq!(segments[5], "rollback");
            prop_assert_eq!(request.url.query(), None);
            prop_assert_eq!(request.url.fragment(), None);
        }
    }
}
