//! What is scraped.

use std::{fmt, sync::Arc};

use mapek_model::Labels;

use crate::ConfigError;

/// A registry of metrics in this process. A closure is one, too.
///
/// # Contract
///
/// Called once a scrape, one call at a time; it should take milliseconds, as nothing can interrupt it. The text is in the
/// Prometheus format, or in OpenMetrics if it ends with `# EOF`.
pub trait Exposition: Send + Sync {
    /// All metrics, as text.
    fn expose(&self) -> String;
}

const _: Option<&dyn Exposition> = None; // stays usable as a trait object

impl<F: Fn() -> String + Send + Sync> Exposition for F {
    fn expose(&self) -> String {
        self()
    }
}

/// Where the text of a target comes from.
#[derive(Clone)]
pub(crate) enum Origin {
    Http(reqwest::Url),
    Process(Arc<dyn Exposition>),
}

/// Something that shows metrics, and the labels that its series get.
///
/// ```
/// use mapek_scrape::Target;
///
/// let remote = Target::http("charter", "http://10.0.0.7:8080/metrics")?;
/// assert_eq!((remote.job(), remote.instance()), ("charter", "10.0.0.7:8080"));
/// let local = Target::in_process("loop", "self", || "cycles_total 3\n".to_owned());
/// assert_eq!(local.instance(), "self");
/// # Ok::<(), mapek_scrape::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Target {
    job: String,
    instance: String,
    labels: Labels,
    pub(crate) origin: Origin,
}

impl Target {
    /// A target that is scraped over HTTP; its instance is host and port of `url`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if `url` is no URL with `http` or `https` and a host.
    pub fn http(job: impl Into<String>, url: &str) -> Result<Self, ConfigError> {
        let fault = |reason: String| ConfigError::new("the url of a target", reason);
        let url = reqwest::Url::parse(url).map_err(|error| fault(error.to_string()))?;
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or_else(|| fault("expected http:// or https:// and a host".into()))?;
        let instance = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
        Ok(Self::new(job.into(), instance, Origin::Http(url)))
    }

    /// A registry in this process.
    pub fn in_process(
        job: impl Into<String>,
        instance: impl Into<String>,
        registry: impl Exposition + 'static,
    ) -> Self {
        Self::new(job.into(), instance.into(), Origin::Process(Arc::new(registry)))
    }

    fn new(job: String, instance: String, origin: Origin) -> Self {
        Self { job, instance, labels: Labels::default(), origin }
    }

    /// Calls the instance something else.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = instance.into();
        self
    }

    /// Adds a label to all series of the target.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The label `job`.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// The label `instance`.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// All labels that its series get.
    pub(crate) fn labels(&self) -> Labels {
        let mut labels = self.labels.clone();
        labels.insert("job", self.job.clone());
        labels.insert("instance", self.instance.clone());
        labels
    }

    /// The labels of a series of it. The target's own labels win; what the text says otherwise is kept as `exported_…`, as
    /// Prometheus does without `honor_labels`.
    pub(crate) fn label(own: &Labels, exposed: Labels) -> Labels {
        let mut all = exposed;
        for (name, value) in own.iter() {
            let Some(displaced) = all.insert(name, value) else { continue };
            let mut kept = format!("exported_{name}");
            while all.get(&kept).is_some() {
                kept.insert_str(0, "exported_");
            }
            all.insert(kept, displaced);
        }
        all
    }
}

impl fmt::Debug for Target {
    /// Without the URL, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("job", &self.job)
            .field("instance", &self.instance)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_the_target_win() {
        let target =
            Target::http("web", "http://localhost/metrics").unwrap().with_label("zone", "a");
        assert_eq!(target.instance(), "localhost:80");
        let exposed = Labels::from_iter([
            ("__name__", "hits"),
            ("job", "theirs"),
            ("exported_job", "older"),
            ("path", "/"),
        ]);
        let all = Target::label(&target.labels(), exposed);
        let wanted = [
            ("__name__", "hits"),
            ("exported_exported_job", "theirs"),
            ("exported_job", "older"),
            ("instance", "localhost:80"),
            ("job", "web"),
            ("path", "/"),
            ("zone", "a"),
        ];
        assert_eq!(all, Labels::from_iter(wanted));
    }

    #[test]
    fn a_url_must_be_one() {
        for bad in ["", "localhost:80", "ftp://host/x", "data:text/plain,a"] {
            assert!(Target::http("web", bad).is_err(), "{bad:?} passed");
        }
        let shown = format!("{:?}", Target::http("web", "http://me:secret@host/").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
