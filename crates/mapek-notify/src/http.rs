//! Receivers behind HTTP.

mod address;
mod post;

use async_trait::async_trait;
use reqwest::Client;
use secrecy::SecretString;
use serde_json::json;

pub use self::address::{Address, InvalidAddress};
pub(crate) use self::post::post;
use crate::{Channel, Failed, Notice, Template, text::for_slack};

/// A program that takes a [`Notice`] as JSON, by `POST`.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    address: Address,
    token: Option<SecretString>,
}

impl Webhook {
    /// The one at `address`. The client brings a timeout, and follows no redirect: who is redirected does not know whom it tells.
    #[must_use]
    pub const fn new(client: Client, address: Address) -> Self {
        Self { client, address, token: None }
    }

    /// Shows a bearer token.
    #[must_use]
    pub fn with_token(self, token: SecretString) -> Self {
        Self { token: Some(token), ..self }
    }
}

#[async_trait]
impl Channel for Webhook {
    async fn tell(&self, notice: &Notice) -> Result<(), Failed> {
        post(&self.client, &self.address, self.token.as_ref(), &notice.id, notice).await
    }
}

/// A chat that takes what Slack's incoming webhooks take; Mattermost, Rocket.Chat and others do, too.
#[derive(Debug)]
pub struct Chat {
    client: Client,
    address: Address,
    template: Template,
}

impl Chat {
    /// The one at `address`; see [`Webhook::new`].
    #[must_use]
    pub const fn new(client: Client, address: Address, template: Template) -> Self {
        Self { client, address, template }
    }
}

#[async_trait]
impl Channel for Chat {
    async fn tell(&self, notice: &Notice) -> Result<(), Failed> {
        let text = self.template.fill(notice, for_slack);
        // Nothing is to be made of the text: no formatting, no names, no previews of links.
        let body = json!({
            "text": text, "mrkdwn": false, "parse": "none", "link_names": false,
            "unfurl_links": false, "unfurl_media": false,
        });
        post(&self.client, &self.address, None, &notice.id, &body).await
    }
}
