//! An embedded metric source: scrapes targets into an in-process store and answers PromQL.
//!
//! For a demo, a simulation or a small system that has no Prometheus server: a [`Scraper`] reads text expositions, over HTTP
//! or from a registry in this process, into a [`MetricStore`], and an [`EmbeddedSource`] answers the PromQL of rules from it
//! through the same [`MetricSource`](mapek_monitor::MetricSource) as a real server would.
//!
//! ```
//! use mapek_model::Query;
//! use mapek_scrape::{conforms, parse_promql};
//!
//! assert!(parse_promql("rate(hits[5m]) > 1").is_ok());
//! assert_eq!(parse_promql("rate(hits[5m] > 1").unwrap_err().to_string(), "line 1, column 5: `(` is never closed");
//!
//! let refused = conforms(&Query::try_new("day_of_week() > 5")?).unwrap_err();
//! assert_eq!(refused.feature, "day_of_week");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - Time is handed in, everywhere; nothing runs in the background. In virtual time it does what it does in real time.
//! - What is answered is what Prometheus 2.42 answers; a test compares them. What is not is refused, never approximated:
//!   ask [`conforms`] when rules are loaded. `docs/promql.md` lists what is covered.
//! - Bodies, lines, series, samples, and the work of a query are bounded.
//!
//! # Caveats
//!
//! Samples live in memory and are gone with the process. Native histograms are not read.
mod error;

mod exposition;
mod fetch;
mod promql;
mod scraper;
mod source;
mod store;
mod target;

pub use error::{
    AppendError, BoxError, ConfigError, ExpositionError, NotConforming, Position, PromqlError,
    ScrapeError,
};
pub use exposition::{ExposedSample, ExpositionLimits, Format, parse_exposition};
pub use promql::{conforms, parse as parse_promql};
pub use scraper::{ScrapeReport, Scraper, ScraperBuilder, TargetReport};
pub use source::EmbeddedSource;
pub use store::{MetricStore, StoreConfig};
pub use target::{Exposition, Target};
