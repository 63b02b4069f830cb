//! Labels, as in Prometheus.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

/// Label names and values, sorted by name.
///
/// Names and values are whatever the source said: any UTF-8, hostile texts included. Nothing that takes labels may put
/// them into a query, a path, a page or a raw log line unescaped.
///
/// ```
/// use mapek_model::Labels;
///
/// let labels = Labels::from_iter([("severity", "critical"), ("alertname", "TooSlow")]);
/// assert_eq!(labels.get("severity"), Some("critical"));
/// assert_eq!(labels.to_string(), r#"{alertname="TooSlow", severity="critical"}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
#[cfg_attr(
    feature = "schemars",
    derive(schemars::JsonSchema),
    schemars(with = "BTreeMap<String, String>")
)]
pub struct Labels(
    // Sorted by name, one of each. Labels are compared and copied all the time and hardly ever changed, so they lie side by side and are
    // shared.
    #[serde(serialize_with = "as_map")] Arc<[Label]>,
);

type Label = (Arc<str>, Arc<str>);

impl Labels {
    /// The value of `name`, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.place(name).ok()?;
        Some(&self.0[place].1)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(at, _)| at.as_ref().cmp(name))
    }

    /// Sets `name`, and answers what it was.
    pub fn insert(&mut self, name: impl AsRef<str>, value: impl Into<Arc<str>>) -> Option<String> {
        let (name, value) = (name.as_ref(), value.into());
        let mut labels = self.0.to_vec();
        let before = match self.place(name) {
            Ok(place) => Some(std::mem::replace(&mut labels[place].1, value)),
            Err(place) => {
                labels.insert(place, (name.into(), value));
                None
            }
        };
        self.0 = labels.into();
        before.map(|value| value.as_ref().to_owned())
    }

    /// Removes `name`, and answers what it was.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let place = self.place(name).ok()?;
        let mut labels = self.0.to_vec();
        let (_, before) = labels.remove(place);
        self.0 = labels.into();
        Some(before.as_ref().to_owned())
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Those whose names are `wanted`. Names and values are shared with these.
    ///
    /// ```
    /// use mapek_model::Labels;
    ///
    /// let labels = Labels::from_iter([("job", "charter"), ("node", "a")]);
    /// assert_eq!(labels.filtered(|name| name == "node").to_string(), r#"{node="a"}"#);
    /// ```
    #[must_use]
    pub fn filtered(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| wanted(name)).cloned().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn as_map<S: Serializer>(labels: &Arc<[Label]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())))
}

/// Of several values of one name the last counts.
impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut labels: Vec<Label> = pairs.collect();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        // Of equal names the sort keeps the order, and what comes later is taken into what is kept.
        labels.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                std::mem::swap(&mut next.1, &mut kept.1);
            }
            same
        });
        Self(labels.into())
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(map: BTreeMap<String, String>) -> Self {
        // A map is sorted, and has one of each.
        Self(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for Labels {
    /// As Prometheus writes them, with values escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{}={value:?}", name.escape_debug())?;
        }
        f.write_str("}")
    }
}
