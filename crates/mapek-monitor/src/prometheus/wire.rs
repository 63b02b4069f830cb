//! What Prometheus answers, as it stands in the body.
//!
//! The client crate drops `warnings`, and partial data then looks complete. So the envelope is parsed here.

use mapek_model::{DoubtKind, Labels, Quality, Sample, Series, Timestamp};
use serde::Deserialize;

/// The envelope of all answers.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) status: Status,
    pub(super) data: Option<T>,
    #[serde(default, rename = "errorType")]
    pub(super) error_type: String,
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) infos: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Success,
    Error,
}

/// The result of a query.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Vector(Vec<VectorItem>),
    Matrix(Vec<MatrixItem>),
    Scalar(Point),
    String(serde::de::IgnoredAny),
}

/// A time in seconds, and a number as text: JSON knows no NaN.
#[derive(Debug, Deserialize)]
pub(super) struct Point(f64, String);

#[derive(Debug, Deserialize)]
pub(super) struct VectorItem {
    metric: Labels,
    value: Option<Point>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MatrixItem {
    metric: Labels,
    #[serde(default)]
    values: Vec<Point>,
    #[serde(default)]
    histograms: Vec<serde::de::IgnoredAny>,
}

/// The answer of `/api/v1/rules`, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    pub(super) groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RuleGroup {
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) query: String,
    /// Seconds; recording rules have none.
    #[serde(default)]
    pub(super) duration: f64,
}

impl Point {
    fn sample(&self) -> Result<Sample, String> {
        let value =
            self.1.parse().map_err(|_| format!("a value is no number: {:?}", cut(&self.1)))?;
        // Prometheus counts in milliseconds; the float is their rendering in seconds.
        let at = Timestamp::from_millisecond((self.0 * 1000.0).round() as i64)
            .map_err(|_| format!("a time is out of range: {}", self.0))?;
        Ok(Sample { at, value })
    }
}

impl Data {
    /// The series, in order of labels, and doubts about what could not be read.
    pub(super) fn series(self) -> Result<(Vec<Series>, Quality), String> {
        let mut quality = Quality::fresh();
        let mut series = Vec::new();
        match self {
            Self::Scalar(point) => {
                series.push(Series { labels: Labels::default(), samples: vec![point.sample()?] });
            }
            Self::String(_) => return Err("the expression answers a text".to_owned()),
            Self::Vector(items) => {
                for item in items {
                    match item.value {
                        Some(point) => series
                            .push(Series { labels: item.metric, samples: vec![point.sample()?] }),
                        None => quality = unread(quality, &item.metric),
                    }
                }
            }
            Self::Matrix(items) => {
                for item in items {
                    if !item.histograms.is_empty() {
                        quality = unread(quality, &item.metric);
                    }
                    let samples =
                        item.values.iter().map(Point::sample).collect::<Result<_, _>>()?;
                    series.push(Series { labels: item.metric, samples });
                }
            }
        }
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok((series, quality))
    }
}

fn unread(quality: Quality, labels: &Labels) -> Quality {
    quality.with(DoubtKind::Warning, labels.to_string(), "native histograms cannot be read")
}

/// The beginning of a text from outside, for a message.
pub(super) fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut start: String = text.chars().take(CHARS_MAX).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(Vec<Series>, Quality), String> {
        serde_json::from_str::<Data>(json).unwrap().series()
    }

    #[test]
    fn numbers_are_read_as_go_writes_them() {
        let values = ["1", "-0.5", "1e+06", "NaN", "+Inf", "-Inf"];
        let points: Vec<_> = values.iter().map(|it| format!(r#"[1.5,"{it}"]"#)).collect();
        let json = format!(
            r#"{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}"#,
            points.join(",")
        );
        let samples = &read(&json).unwrap().0[0].samples;
        let expected = [1.0, -0.5, 1e6, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert!(samples.iter().zip(expected).all(|(it, x)| it.value.total_cmp(&x).is_eq()));
        assert_eq!(samples[0].at.as_millisecond(), 1500);
    }

    #[test]
    fn what_is_no_number_or_no_time_is_an_error() {
        let text = read(r#"{"resultType":"scalar","result":[1,"many"]}"#).unwrap_err();
        assert!(text.contains("\"many\""), "{text}");
        assert!(read(r#"{"resultType":"scalar","result":[1e300,"1"]}"#).is_err());
        assert!(read(r#"{"resultType":"string","result":[1,"x"]}"#).is_err());
    }

    #[test]
    fn native_histograms_are_doubts_not_silence() {
        let json = r#"{"resultType":"vector","result":[
            {"metric":{"__name__":"h"},"histogram":[1,{"count":"2","sum":"3"}]},
            {"metric":{"__name__":"g"},"value":[1,"7"]}]}"#;
        let (series, quality) = read(json).unwrap();
        assert_eq!(series.len(), 1);
        assert_eq!(quality.doubts().len(), 1);
    }

    #[test]
    fn series_are_in_order_of_labels() {
        let json = r#"{"resultType":"vector","result":[
            {"metric":{"node":"b"},"value":[1,"1"]},{"metric":{"node":"a"},"value":[1,"2"]}]}"#;
        let names: Vec<_> = read(json)
            .unwrap()
            .0
            .iter()
            .map(|it| it.labels.get("node").unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a", "b"]);
    }
}
