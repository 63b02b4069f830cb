//! The course of one watched value.

use mapek_model::{Answer, Direction, DoubtKind, Quality, Sample, Series, Timestamp, Trend, since};
use mapek_signal::{Z_TREND, median, theil_sen};

use crate::{
    MonitorConfig, WatchConfig,
    learned::{Baselines, Learned},
};

/// A trend moves a value by at least this share of its usual size over the window; less is not worth a word.
const CHANGE_MIN: f64 = 0.05;

/// What a watch shows.
#[derive(Debug)]
pub(crate) struct WatchReport {
    pub(crate) series: Vec<Series>,
    pub(crate) trends: Vec<Trend>,
    pub(crate) quality: Quality,
}

/// The series of a watch, where they are going, and how far that can be trusted.
pub(crate) fn watch(
    config: &MonitorConfig,
    watch: &WatchConfig,
    at: Timestamp,
    answer: Result<&Answer, String>,
    baselines: &mut Baselines,
    learning: bool,
) -> WatchReport {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            let quality = Quality::unreachable(&watch.name, why);
            return WatchReport { series: Vec::new(), trends: Vec::new(), quality };
        }
    };
    let mut quality = answer.quality.clone();
    if answer.series.is_empty() && watch.expected {
        quality = quality.with(DoubtKind::MissingSeries, &watch.name, "there is no series");
    }
    if answer.series.len() > config.series_max {
        let detail = format!("{} series, {} are kept", answer.series.len(), config.series_max);
        quality = quality.with(DoubtKind::Truncated, &watch.name, detail);
    }
    let series = lasting(config, watch, at, &answer.series);
    let series: Vec<Series> = series.into_iter().take(config.series_max).cloned().collect();
    for one in &series {
        quality = doubts(quality, config, watch, at, one);
    }
    let alone = series.len() == 1;
    let trend = |one| trend(config, watch, at, one, alone, baselines, learning);
    let trends = series.iter().filter_map(trend).collect();
    WatchReport { series, trends, quality }
}

/// The series that go on; all of them if none does. What ended while others beside it go on belonged to a part that is gone, and
/// there is nothing left to watch of it: whether it should be there is for sensors and rules to say.
fn lasting<'a>(
    config: &MonitorConfig,
    watch: &WatchConfig,
    at: Timestamp,
    series: &'a [Series],
) -> Vec<&'a Series> {
    let goes_on =
        |it: &&Series| it.last().is_some_and(|newest| !is_over(config, watch, at, newest.at));
    let lasting: Vec<_> = series.iter().filter(goes_on).collect();
    if lasting.is_empty() { series.iter().collect() } else { lasting }
}

/// Whether a series whose newest sample is of that time has ended.
fn is_over(config: &MonitorConfig, watch: &WatchConfig, at: Timestamp, newest: Timestamp) -> bool {
    since(at, newest) > config.scrape_interval * 2 + watch.step
}

fn doubts(
    quality: Quality,
    config: &MonitorConfig,
    watch: &WatchConfig,
    at: Timestamp,
    series: &Series,
) -> Quality {
    let Some(Sample { at: newest, value }) = series.last() else { return quality };
    if is_over(config, watch, at, newest) {
        let age = since(at, newest).as_secs_f64();
        let detail = format!("{} ended {age:.0} s ago", series.labels);
        quality.with(DoubtKind::StaleSample, &watch.name, detail)
    } else if !value.is_finite() {
        let detail = format!("{} is {value}", series.labels);
        quality.with(DoubtKind::NonFinite, &watch.name, detail)
    } else {
        quality
    }
}

/// Where a series is going; `None` without a finite value.
fn trend(
    config: &MonitorConfig,
    watch: &WatchConfig,
    at: Timestamp,
    series: &Series,
    alone: bool,
    baselines: &mut Baselines,
    learning: bool,
) -> Option<Trend> {
    let points: Vec<(f64, f64)> = series
        .samples
        .iter()
        .filter(|sample| sample.value.is_finite())
        .map(|sample| (-since(at, sample.at).as_secs_f64(), sample.value))
        .collect();
    let (_, value) = *points.last()?;
    let key = format!("watch/{}{}", watch.name, series.labels);
    let fresh = || Learned::try_new(watch.baseline, watch.season.as_ref());
    let deviation = baselines.score(&key, at, value, fresh, learning).unwrap_or(0.0);
    let (slope, direction) = course(&points, watch);
    let name = if alone { watch.name.clone() } else { format!("{}{}", watch.name, series.labels) };
    let component = config.component(None, &series.labels);
    Some(Trend { name, component, direction, slope, value, deviation })
}

/// The slope per second, and which way that goes if it is neither chance nor trifling.
fn course(points: &[(f64, f64)], watch: &WatchConfig) -> (f64, Direction) {
    let Some(line) = theil_sen(points) else { return (0.0, Direction::Steady) };
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let size = median(&values).unwrap_or(0.0).abs();
    let change = line.slope * watch.window.as_secs_f64();
    // Of a series that has just begun nobody knows where it goes.
    let begun = points.first().is_none_or(|(at, _)| -at < watch.window.as_secs_f64() / 2.0);
    let direction = if begun || line.z.abs() < Z_TREND || change.abs() < size * CHANGE_MIN {
        Direction::Steady
    } else if change > 0.0 {
        Direction::Rising
    } else {
        Direction::Falling
    };
    (line.slope, direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::{Duration, Labels, earlier, later};

    fn at() -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(100_000))
    }

    fn answer(values: impl DoubleEndedIterator<Item = f64>) -> Answer {
        let samples = values.rev().enumerate().map(|(i, value)| Sample {
            at: earlier(at(), Duration::from_secs(30 * i as u64)),
            value,
        });
        let mut samples: Vec<_> = samples.collect();
        samples.reverse();
        let series = Series { labels: Labels::default(), samples };
        Answer { series: vec![series], quality: Quality::fresh() }
    }

    fn look(answer: &Answer) -> WatchReport {
        let watch_config = WatchConfig::new("load", "load").unwrap();
        let mut baselines = Baselines::default();
        let config = MonitorConfig::default();
        watch(&config, &watch_config, at(), Ok(answer), &mut baselines, true)
    }

    #[test]
    fn a_course_has_a_direction_if_it_is_neither_chance_nor_trifling() {
        let direction = |answer: &Answer| look(answer).trends[0].direction;
        let rising = answer((0..40).map(|i| 10.0 + f64::from(i)));
        assert_eq!(direction(&rising), Direction::Rising);
        assert!((look(&rising).trends[0].slope - 1.0 / 30.0).abs() < 1e-9);
        assert_eq!(direction(&answer((0..40).map(|i| -f64::from(i)))), Direction::Falling);
        let trifling = answer((0..40).map(|i| 1e6 + f64::from(i)));
        assert_eq!(direction(&trifling), Direction::Steady);
        assert_eq!(direction(&answer([1.0].into_iter())), Direction::Steady);
    }

    #[test]
    fn what_is_missing_ended_or_no_number_is_doubted() {
        let kinds =
            |answer: &Answer| look(answer).quality.doubts().map(|it| it.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&Answer::default()), [DoubtKind::MissingSeries]);
        let nan = answer([1.0, 2.0, f64::NAN].into_iter());
        assert_eq!(kinds(&nan), [DoubtKind::NonFinite]);
        assert!((look(&nan).trends[0].value - 2.0).abs() < 1e-9, "the newest number");
        let mut ended = answer((0..40).map(f64::from));
        ended.series[0].samples.truncate(30);
        assert_eq!(kinds(&ended), [DoubtKind::StaleSample]);
        let mut both = answer((0..40).map(f64::from));
        both.series.append(&mut ended.series);
        assert_eq!(kinds(&both), [], "a part that is gone is no doubt about the others");
        let report = look(&both);
        assert_eq!((report.series.len(), report.trends.len()), (1, 1));
    }
}
