//! Label sets, and the fingerprint that Alertmanager derives from them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The label that names the alerting rule. Prometheus sets it always; other senders may leave it out.
pub const ALERTNAME: &str = "alertname";

/// Names and values, in order of name. Also holds annotations, which have the same shape.
///
/// Names and values are any UTF-8 text (Alertmanager 0.28 lifted the older limit on names), NUL and line
/// breaks included: escape them before they reach a terminal, a page or a store that minds. A label with
/// an empty value means the same as a missing one. `null` reads as the empty set, which is how Go
/// writes a map that was never made.
///
/// ```
/// use alertmanager_client::Labels;
///
/// let labels = Labels::from([("alertname", "Latency"), ("severity", "critical")]);
/// assert_eq!(labels.get("severity"), Some("critical"));
/// assert_eq!(labels.value("team"), "");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Option<BTreeMap<String, String>>")]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of label `name`, or `None` where there is no such label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of label `name` as a matcher sees it: a missing label is the empty string.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The name of the alerting rule, if the sender gave one that is not empty.
    #[must_use]
    pub fn alertname(&self) -> Option<&str> {
        self.get(ALERTNAME).filter(|name| !name.is_empty())
    }

    /// Sets label `name`, and returns the value that it had.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(name.into(), value.into())
    }

    /// Names and values, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many labels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same set without labels whose value is empty, as Alertmanager keeps it.
    #[must_use]
    pub fn without_empty(mut self) -> Self {
        self.0.retain(|_, value| !value.is_empty());
        self
    }

    /// The labels that have the same value in every one of `sets`; of no set at all, none.
    #[must_use]
    pub fn common<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sets = sets.into_iter();
        let mut common = sets.next().cloned().unwrap_or_default();
        for set in sets {
            common.0.retain(|name, value| set.get(name) == Some(value));
        }
        common
    }

    /// The fingerprint by which Alertmanager knows an alert with these labels: 16 hexadecimal digits.
    ///
    /// It is the 64-bit FNV-1a hash over each name and value in order of name, each followed by the byte
    /// 0xff, which no UTF-8 text holds (`LabelSet.Fingerprint` of `prometheus/common`).
    ///
    /// ```
    /// use alertmanager_client::Labels;
    ///
    /// assert_eq!(Labels::new().fingerprint(), "cbf29ce484222325");
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> String {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let separated = |text: &str| text.bytes().chain([0xff]).collect::<Vec<u8>>();
        let bytes = self.0.iter().flat_map(|(name, value)| [separated(name), separated(value)]);
        let hash = bytes
            .flatten()
            .fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        format!("{hash:016x}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

impl From<Option<BTreeMap<String, String>>> for Labels {
    fn from(labels: Option<BTreeMap<String, String>>) -> Self {
        Self(labels.unwrap_or_default())
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        Self(labels)
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl<N: Into<String>, V: Into<String>, const COUNT: usize> From<[(N, V); COUNT]> for Labels {
    fn from(labels: [(N, V); COUNT]) -> Self {
        labels.into_iter().collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_the_empty_set_and_other_types_are_refused() {
        assert_eq!(serde_json::from_str::<Labels>("null").unwrap(), Labels::new());
        assert!(serde_json::from_str::<Labels>("[]").is_err());
        assert!(serde_json::from_str::<Labels>(r#"{"replicas": 3}"#).is_err());
    }

    #[test]
    fn any_utf8_name_and_nul_in_a_value_survive() {
        let json = r#"{"größe\n":"a\u0000b","":"empty name"}"#;
        let labels: Labels = serde_json::from_str(json).unwrap();
        assert_eq!(labels.get("größe\n"), Some("a\0b"));
        let again: Labels = serde_json::from_str(&serde_json::to_string(&labels).unwrap()).unwrap();
        assert_eq!(again, labels);
    }

    #[test]
    fn an_empty_alertname_is_a_missing_one() {
        assert_eq!(Labels::from([("alertname", "")]).alertname(), None);
        assert_eq!(Labels::from([("job", "api")]).alertname(), None);
        assert_eq!(Labels::from([("alertname", "Down")]).alertname(), Some("Down"));
    }

    #[test]
    fn only_equal_values_are_common() {
        let first = Labels::from([("job", "api"), ("node", "a"), ("only", "here")]);
        let second = Labels::from([("job", "api"), ("node", "b")]);
        assert_eq!(Labels::common([&first, &second]), Labels::from([("job", "api")]));
        assert_eq!(Labels::common([]), Labels::new());
    }

    #[test]
    fn names_and_values_do_not_run_into_each_other() {
        let fingerprint = |name: &str, value: &str| Labels::from([(name, value)]).fingerprint();
        assert_ne!(fingerprint("ab", "c"), fingerprint("a", "bc"));
        assert_eq!(fingerprint("a", "b").len(), 16);
    }
}
