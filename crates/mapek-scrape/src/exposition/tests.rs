use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Vec<ExposedSample>, ExpositionError> {
    parse_exposition(text, Format::Text, &ExpositionLimits::default())
}

fn read_open(text: &str) -> Result<Vec<ExposedSample>, ExpositionError> {
    parse_exposition(text, Format::OpenMetrics, &ExpositionLimits::default())
}

#[test]
fn a_text_as_targets_write_it() {
    let text = "# HELP http_requests_total All \\n requests.\n# TYPE http_requests_total counter\n\
        http_requests_total{method=\"post\",code=\"200\",} 1027 1395066363000\n\n\
        msdos_file_access{path=\"C:\\\\DIR\\\\F.TXT\",error=\"Cannot find:\\n\\\"F\\\"\"} 1.458e9\n\
        \tspaced { a = \"b\" , c=\"\" } -Inf\nrule:sum NaN\n# a comment\nlast +Inf";
    let samples = read(text).unwrap();
    assert_eq!(samples.len(), 5);
    assert_eq!(samples[0].at, Some(Timestamp::from_millisecond(1_395_066_363_000).unwrap()));
    assert_eq!(samples[0].labels.get("code"), Some("200"));
    assert_eq!(samples[1].labels.get("path"), Some(r"C:\DIR\F.TXT"));
    assert_eq!(samples[1].labels.get("error"), Some("Cannot find:\n\"F\""));
    assert_eq!(samples[2].labels.len(), 2, "an empty label is none: {}", samples[2].labels);
    assert!(samples[3].value.is_nan());
    assert_eq!(samples[4].value, f64::INFINITY);
}

#[test]
fn open_metrics_differs_where_it_does() {
    let text = "# TYPE a histogram\n# UNIT a_seconds seconds\n\
        a_bucket{le=\"1\"} 3 1.5 # {trace=\"x y\"} 0.5 1.4\na_count 3 # {} 1\na_created 1.25\n# EOF\n";
    let samples = read_open(text).unwrap();
    assert_eq!(samples[0].at, Some(Timestamp::from_millisecond(1_500).unwrap()));
    assert_eq!(samples[1].at, None);
    assert_eq!(samples[2].labels.get("__name__"), Some("a_created"));

    assert!(read_open("a 1\n").unwrap_err().reason.contains("EOF"));
    assert_eq!(read_open("a 1\n# EOF\nb 1\n").unwrap_err().line, 3);
    assert!(read("a 1 # {} 1\n").is_err(), "exemplars are OpenMetrics only");
    assert!(read("a 1 1.5\n").is_err(), "seconds are OpenMetrics only");
    assert!(read("a 1\n# EOF\nb 1\n").is_ok(), "a comment like any other");
}

#[test]
fn errors_say_where() {
    for (text, line, column, part) in [
        ("a 1\nb x\n", 2, 3, "number"),
        ("a", 1, 2, "number"),
        ("<html>", 1, 1, "name of a metric"),
        ("1a 1", 1, 1, "digit"),
        ("a{b=\"c\"", 1, 8, "`}`"),
        ("a{b=c} 1", 1, 5, "`\"`"),
        ("a{b=\"c", 1, 7, "not closed"),
        ("a{b=\"c\\", 1, 8, "not closed"),
        ("a{1=\"c\"} 1", 1, 3, "digit"),
        ("a{b=\"1\",b=\"2\"} 1", 1, 9, "twice"),
        ("a{__name__=\"x\"} 1", 1, 3, "twice"),
        ("a 1 soon", 1, 5, "timestamp"),
        ("a 1 99999999999999999", 1, 5, "timestamp"),
        ("a 1 2 3", 1, 7, "unexpected"),
        ("a{é=\"c\"} 1", 1, 3, "name of a label"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
        assert!(error.reason.contains(part), "{text:?}: {error}");
    }
    assert!(read_open("a 1 NaN\n# EOF").is_err());
    assert!(read_open("a 1 1e300\n# EOF").is_err());
}

#[test]
fn a_series_is_named_up_to_the_end_of_its_labels() {
    for (line, series) in [
        ("a 1", "a"),
        (" a\t1", " a"),
        ("a {b=\"}\"} 1", "a {b=\"}\"}"),
        ("a{b=\"\\\"}\",c=\"d\"} 1", "a{b=\"\\\"}\",c=\"d\"}"),
        ("a{b=\"", "a{b=\""),
        ("a", "a"),
    ] {
        assert_eq!(&line[..series_len(line)], series);
    }
}

#[test]
fn limits_hold() {
    let limits =
        ExpositionLimits { bytes_max: 60, line_bytes_max: 20, samples_max: 3, labels_max: 1 };
    let read = |text: &str| parse_exposition(text, Format::Text, &limits);
    assert!(read("a 1\na 1\na 1\n").is_ok());
    assert_eq!(read("a 1\na 1\na 1\na 1\n").unwrap_err().line, 4);
    assert!(read("a{b=\"c\",d=\"e\"} 1").unwrap_err().reason.contains("labels"));
    assert!(read(&format!("# {}", "x".repeat(19))).unwrap_err().reason.contains("20 bytes"));
    assert!(read(&"a 1\n".repeat(16)).unwrap_err().reason.contains("60 bytes"));
}

#[test]
fn content_types_are_told_apart() {
    let of = |header| Format::of_content_type(Some(header));
    assert_eq!(of("text/plain; version=0.0.4; charset=utf-8"), Ok(Format::Text));
    assert_eq!(of("application/openmetrics-text; version=1.0.0"), Ok(Format::OpenMetrics));
    assert_eq!(Format::of_content_type(None), Ok(Format::Text));
    assert_eq!(of("text/html; charset=utf-8"), Err("text/html".to_owned()));
}

/// As a target would write them.
fn render(samples: &[ExposedSample], format: Format) -> String {
    let mut text = String::new();
    for sample in samples {
        text.push_str(sample.labels.get("__name__").unwrap());
        let labels: Vec<_> = sample
            .labels
            .iter()
            .filter(|(name, _)| *name != "__name__")
            .map(|(name, value)| {
                let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
                format!("{name}=\"{value}\"")
            })
            .collect();
        write!(text, "{{{}}} {:?}", labels.join(","), sample.value).unwrap();
        match (sample.at.map(|at| at.as_millisecond()), format) {
            (None, _) => {}
            (Some(ms), Format::Text) => write!(text, " {ms}").unwrap(),
            (Some(ms), Format::OpenMetrics) => {
                write!(text, " {}.{:03}", ms / 1000, ms % 1000).unwrap();
            }
        }
        text.push('\n');
    }
    text.push_str("# EOF\n");
    text
}

fn any_sample() -> impl Strategy<Value = ExposedSample> {
    let labels = proptest::collection::btree_map("[a-z][a-z0-9_]{0,5}", "\\PC{1,8}|\n|\\\\n", 0..4);
    // Whole quarters of a second, which a float holds exactly.
    let at = proptest::option::of((0..4_000_000_000_i64).prop_map(|quarter| quarter * 250));
    ("[a-zA-Z_:][a-zA-Z0-9_:]{0,9}", labels, any::<f64>(), at).prop_map(
        |(name, labels, value, ms)| {
            let mut labels = Labels::from_iter(labels);
            labels.insert("__name__", name);
            let at = ms.map(|ms| Timestamp::from_millisecond(ms).unwrap());
            ExposedSample { labels, value, at }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        samples in proptest::collection::vec(any_sample(), 0..8), open in any::<bool>(),
    ) {
        let format = if open { Format::OpenMetrics } else { Format::Text };
        let text = render(&samples, format);
        let read = parse_exposition(&text, format, &ExpositionLimits::default()).unwrap();
        prop_assert_eq!(read.len(), samples.len());
        for (a, b) in read.iter().zip(&samples) {
            prop_assert_eq!(&a.labels, &b.labels);
            prop_assert_eq!(a.at, b.at);
            prop_assert!(a.value.to_bits() == b.value.to_bits() || a.value.is_nan());
        }
    }

    #[test]
    fn what_follows_the_series_can_be_read_alone(sample in any_sample(), open in any::<bool>()) {
        let format = if open { Format::OpenMetrics } else { Format::Text };
        let text = render(std::slice::from_ref(&sample), format);
        let line = text.lines().next().unwrap();
        let len = series_len(line);
        let (number, at) = value(line, len, format).unwrap();
        prop_assert_eq!(at, sample.at);
        prop_assert!(number.to_bits() == sample.value.to_bits() || number.is_nan());
        let other = format!("{} 7", &line[..len]);
        let other = parse_exposition(&other, Format::Text, &ExpositionLimits::default()).unwrap();
        prop_assert_eq!(&other[0].labels, &sample.labels);
    }

    #[test]
    fn no_text_can_hurt(text in "[a-z{}=\",\\\\ #\n0-9é]{0,60}") {
        for format in [Format::Text, Format::OpenMetrics] {
            drop(parse_exposition(&text, format, &ExpositionLimits::default()));
        }
    }
}
