//! Who tells people, from the configuration.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use mapek::{
    Clock,
    notify::{
        Address, Alerts, Channel, Chat, FileMemory, Heartbeat, Kind, Notifier, Template, Webhook,
    },
    server::Metrics,
};
use secrecy::SecretString;

use super::{BuildError, Tls};
use crate::{
    bounded,
    config::{Config, WebhookEntry, WebhookFormat},
    counted::CountedMessages,
};

/// How long a receiver may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What tells people, with what it counts in `metrics`. Nothing is sent yet.
pub(crate) fn notifier(
    config: &Config,
    tls: &Tls,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
) -> Result<Notifier, BuildError> {
    let section = &config.alertmanager.notify;
    let settings = mapek::notify::Config {
        repeat_interval: section.repeat_interval,
        burst: section.burst,
        refill: section.refill,
        link: section.link.clone(),
        ..mapek::notify::Config::default()
    };
    let mut notifier = Notifier::new(Arc::clone(&clock))
        .config(settings)
        .memory(Arc::new(FileMemory::in_directory(&config.execute.state_dir)))
        .meter(Arc::new(CountedMessages(metrics.notifications())));
    let mut names = BTreeSet::new();
    for entry in &section.webhooks {
        if !names.insert(&entry.name) {
            return Err(wrong(&entry.name, "two have this name; give each its own"));
        }
        let kinds = entry.kinds.clone().unwrap_or_else(|| Kind::ALL.to_vec());
        let key = format!("alertmanager.notify.webhooks.{}.tls", entry.name);
        let channel = channel(entry, tls.http_client(&key, &entry.tls, TIMEOUT)?)?;
        notifier = notifier.channel_for(entry.name.clone(), kinds, channel);
    }
    let heartbeat = &section.heartbeat;
    if section.alerts {
        let alerts = Alerts::new(super::alertmanager(config, tls, clock.as_ref())?);
        notifier = notifier.alerts(if heartbeat.alert { alerts.with_heartbeat() } else { alerts });
    } else if heartbeat.alert {
        let why = "its alert is posted with the others: set alertmanager.notify.alerts";
        return Err(wrong("heartbeat", why));
    }
    let address = address("heartbeat", heartbeat.url.as_deref(), heartbeat.url_file.as_deref())?;
    let client = tls.http_client("alertmanager.notify.heartbeat.tls", &heartbeat.tls, TIMEOUT)?;
    Ok(match address {
        Some(address) => notifier.heartbeat(Heartbeat::new(client, address, heartbeat.interval)),
        None => notifier,
    })
}

fn channel(entry: &WebhookEntry, client: reqwest::Client) -> Result<Arc<dyn Channel>, BuildError> {
    let name = &entry.name;
    let address = address(name.as_str(), entry.url.as_deref(), entry.url_file.as_deref())?
        .ok_or_else(|| wrong(name, "give url, or url_file where the address is a secret"))?;
    if entry.format == WebhookFormat::Slack && entry.token_file.is_some() {
        return Err(wrong(name, "token_file is for format: json; a chat knows us by its address"));
    }
    let token = entry.token_file.as_deref().map(|path| secret(name, path)).transpose()?;
    match (entry.format, &entry.template, token) {
        (WebhookFormat::Json, Some(_), _) => {
            Err(wrong(name, "template is for format: slack; JSON has a form of its own"))
        }
        (WebhookFormat::Json, None, None) => Ok(Arc::new(Webhook::new(client, address))),
        (WebhookFormat::Json, None, Some(token)) => {
            Ok(Arc::new(Webhook::new(client, address).with_token(token)))
        }
        (WebhookFormat::Slack, template, _) => {
            let template = template.as_deref().map(str::parse::<Template>).transpose();
            let template = template.map_err(|error| wrong(name, error))?.unwrap_or_default();
            Ok(Arc::new(Chat::new(client, address, template)))
        }
    }
}

/// Where somebody is, if the configuration says so.
fn address(
    name: &str,
    url: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Address>, BuildError> {
    let text = match (url, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(wrong(name, "give either url or url_file")),
        (Some(url), None) => url.to_owned(),
        (None, Some(path)) => read(name, path)?,
    };
    text.parse().map(Some).map_err(|error| wrong(name, error))
}

fn secret(name: impl std::fmt::Display, path: &Path) -> Result<SecretString, BuildError> {
    Ok(SecretString::from(read(name, path)?.trim().to_owned()))
}

fn read(name: impl std::fmt::Display, path: &Path) -> Result<String, BuildError> {
    bounded::read(path).map_err(|error| {
        let what = format!("alertmanager.notify, {name}: {}", path.display());
        BuildError::new(what, error).with_help("check the path, and that this user may read it")
    })
}

fn wrong(
    name: impl std::fmt::Display,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BuildError {
    BuildError::new(format!("alertmanager.notify, {name}"), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn built(notify: &str) -> Result<Notifier, String> {
        let text = format!("alertmanager: {{notify: {notify}}}");
        let config = parse(&text, "x").map_err(|error| error.to_string())?;
        let clock = super::super::system_clock();
        notifier(&config, &Tls::new(clock.now()), clock, &Metrics::new()).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", source.unwrap_or_default())
        })
    }

    #[test]
    fn who_cannot_be_told_is_named_with_the_reason() {
        let hook = "name: a, url: 'http://x/'";
        for (notify, words) in [
            ("{webhooks: [{name: a}]}", "notify, a cannot be set up: give url"),
            ("{webhooks: [{name: A b, url: 'http://x'}]}", "1 to 32 of a-z"),
            ("{webhooks: [{name: a, url: 'ftp://x'}]}", "must be a URL"),
            (&format!("{{webhooks: [{{{hook}, url_file: x}}]}}"), "either url or url_file"),
            (&format!("{{webhooks: [{{{hook}}}, {{{hook}}}]}}"), "two have this name"),
            (&format!("{{webhooks: [{{{hook}, template: x}}]}}"), "template is for format: slack"),
            (
                &format!("{{webhooks: [{{{hook}, format: slack, template: '{{titel}}'}}]}}"),
                "no field {titel}",
            ),
            (
                &format!("{{webhooks: [{{{hook}, format: slack, token_file: x}}]}}"),
                "token_file is for",
            ),
            (&format!("{{webhooks: [{{{hook}, token_file: /nowhere/t}}]}}"), "/nowhere/t"),
            (&format!("{{webhooks: [{{{hook}, kinds: [pause]}}]}}"), "paused"),
            (&format!("{{webhooks: [{{{hook}, tls: {{ca_file: /nowhere/ca}}}}]}}"), "/nowhere/ca"),
            (&format!("{{webhooks: [{{{hook}, tls: {{server_id: x}}}}]}}"), "spiffe://"),
            ("{heartbeat: {tls: {key_file: /nowhere/k}}}", "a key without a certificate"),
            ("{heartbeat: {alert: true}}", "set alertmanager.notify.alerts"),
            ("{heartbeat: {url_file: /nowhere/u}}", "/nowhere/u"),
            ("{repeat_interval: 0}", "at least one second"),
        ] {
            let told = built(notify).unwrap_err();
            assert!(told.contains(words), "{notify}: {told}");
        }
    }

    #[test]
    fn an_address_in_a_file_is_used_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("url");
        std::fs::write(&file, "https://hooks.example/T0/hunter2\n").unwrap();
        let entry = format!("{{name: chat, format: slack, url_file: '{}'}}", file.display());
        let notifier =
            built(&format!("{{webhooks: [{entry}], alerts: true, heartbeat: {{alert: true}}}}"));
        let shown = format!("{:?}", notifier.unwrap());
        assert!(shown.contains("hooks.example") && !shown.contains("hunter2"), "{shown}");
        std::fs::write(&file, "hunter2").unwrap();
        let told = built(&format!("{{webhooks: [{entry}]}}")).unwrap_err();
        assert!(told.ends_with("it is no URL that begins with http:// or https://"), "{told}");
    }
}
