//! Signal alone: what is usual, what is not, and when a value changed for good. Pure arithmetic on one value at a time.
//!
//! `cargo run -p mapek-examples --example signal_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use mapek_signal::{Baseline, BaselineConfig, Change, Cusum, CusumConfig, median};

/// A latency in seconds around `level`, with a wobble that repeats.
fn latency(level: f64, n: u32) -> f64 {
    level + f64::from(n * 7 % 5) * 0.004
}

fn main() -> Result<(), Box<dyn Error>> {
    // What is usual is learned from the recent past: median and median absolute deviation.
    let mut baseline = Baseline::try_new(BaselineConfig::default())?;
    assert_eq!(baseline.score(0.2), None, "without a past there is no opinion");
    for n in 0..60 {
        baseline.learn(latency(0.2, n));
    }
    let (usual, spread) = baseline.usual().ok_or("60 values are enough")?;
    println!("usually {usual:.3} s, give or take {spread:.3} s");

    // How many robust standard deviations a value lies off. A monitor calls 5 an anomaly unless told otherwise.
    let scores = [0.204, 0.23, 0.4].map(|value| (value, baseline.score(value).unwrap_or_default()));
    for (value, score) in scores {
        println!("{value} s: {score:+.1} deviations");
    }
    assert!(scores[0].1.abs() < 2.0);
    assert!(scores[2].1 > 5.0);

    // One wild value is an anomaly and no change. A small shift that stays is no anomaly, and a change.
    let mut cusum = Cusum::try_new(CusumConfig::default())?;
    for n in 0..50 {
        assert_eq!(cusum.learn(latency(0.2, n)), None);
    }
    assert_eq!(cusum.learn(0.4), None, "one value alone");
    let shifted = (0..30).find_map(|n| cusum.learn(latency(0.21, n)).map(|change| (n, change)));
    let (after, change) = shifted.ok_or("ten milliseconds more, for good, are noticed")?;
    println!("a shift of 10 ms was noticed after {} values: {change:?}", after + 1);
    assert_eq!(change, Change::Up);

    // All of it bears NaN: what is not finite says nothing.
    baseline.learn(f64::NAN);
    assert_eq!(baseline.len(), 60);
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    Ok(())
}
