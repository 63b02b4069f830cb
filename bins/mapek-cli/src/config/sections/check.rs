//! What values must satisfy, beyond their types.

use mapek::{
    execute::{BlastRadiusConfig, OthersConfig},
    model::Duration,
    tls::SpiffeId,
};

pub(super) fn at_least_a_second(value: &Duration, (): &()) -> garde::Result {
    if *value < Duration::from_secs(1) {
        return Err(garde::Error::new("must be at least one second"));
    }
    Ok(())
}

pub(super) fn at_least_an_hour(value: &Duration, (): &()) -> garde::Result {
    if *value < Duration::from_secs(3600) {
        return Err(garde::Error::new("must be at least one hour"));
    }
    Ok(())
}

pub(super) fn optional_at_least_a_second(value: &Option<Duration>, context: &()) -> garde::Result {
    value.as_ref().map_or(Ok(()), |value| at_least_a_second(value, context))
}

pub(super) fn finite(value: &Option<f64>, (): &()) -> garde::Result {
    match value {
        Some(value) if !value.is_finite() => Err(garde::Error::new("must be a finite number")),
        _ => Ok(()),
    }
}

/// A limit of nothing is not what anybody means: that is the profile `observe`.
pub(super) fn some_of_it(limits: &BlastRadiusConfig, (): &()) -> garde::Result {
    if limits.nodes == Some(0) {
        return Err(garde::Error::new("nodes must be 1 or more, or null for no limit"));
    }
    match limits.percent {
        Some(percent) if !(1..=100).contains(&percent) => {
            Err(garde::Error::new("percent must be 1 to 100, or null for no limit"))
        }
        _ => Ok(()),
    }
}

/// As many as are remembered.
pub(super) fn countable(others: &OthersConfig, (): &()) -> garde::Result {
    if !(1..=16).contains(&others.reversals) {
        return Err(garde::Error::new("reversals must be 1 to 16"));
    }
    Ok(())
}

pub(super) fn http_url(value: &(impl AsRef<str> + ?Sized), (): &()) -> garde::Result {
    let value = value.as_ref();
    let explain = |why: &str| {
        Err(garde::Error::new(format!("must be a URL such as http://localhost:9090: {why}")))
    };
    match reqwest::Url::parse(value) {
        Err(error) => explain(&error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            explain("the scheme must be http or https")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            explain("it must not hold a password; give it in a file or the environment")
        }
        Ok(_) => Ok(()),
    }
}

pub(super) fn optional_http_url(value: &Option<String>, context: &()) -> garde::Result {
    value.as_deref().map_or(Ok(()), |value| http_url(value, context))
}

pub(super) fn optional_spiffe_id(value: &Option<String>, (): &()) -> garde::Result {
    match value.as_deref().map(str::parse::<SpiffeId>) {
        Some(Err(error)) => Err(garde::Error::new(error)),
        _ => Ok(()),
    }
}

pub(super) fn absolute_path(value: &str, (): &()) -> garde::Result {
    if value.starts_with('/') && !value.contains(['?', '#', ' ']) {
        Ok(())
    } else {
        Err(garde::Error::new("must be an absolute path such as /webhooks/alerts"))
    }
}
