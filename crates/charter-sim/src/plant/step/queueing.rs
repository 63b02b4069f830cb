//! The steady state, against the formulas of queueing theory.
//!
//! What the plant is: by default each request is sent to a replica at random, so that a Poisson stream of rate λ splits into c independent
//! ones of λ/c (Kingman, *Poisson Processes*, 1993, ch. 5.1), and each replica is a queue of its own: c × M/M/1, *not* M/M/c. There, by
//! PASTA, a request waits with probability ρ = λ/(cμ), and for ρ/(μ(1−ρ)) on the mean (Kleinrock, *Queueing Systems* I, 1975, ch. 3.2):
//! Erlang's C formula at c = 1. Replicas that share one line would be M/M/c, with C(c, λ/μ) and C/(cμ−λ) (ibid., ch. 3.5). Under
//! `least_loaded` each request joins the shortest line, and stays there: worse than one shared line, which never leaves a server idle
//! while somebody waits, and better than chance (Winston, *Optimality of the shortest line discipline*, J. Appl. Prob. 14, 1977). So
//! M/M/c is a bound there, and is met exactly by one replica.
//!
//! How near a mean of samples must come: waiting times in a queue are correlated, and a mean of n of them has the variance σ²/n with
//! σ² = ρ(2 + 5ρ − 4ρ² + ρ³)/(1−ρ)⁴ in units of 1/μ² for M/M/1 (Daley, *The serial correlation coefficients of waiting times in a stationary
//! single server queue*, J. Austral. Math. Soc. 8, 1968), which independent queues do not change. For other means the standard error is
//! estimated from [`RUNS`] runs under seeds of their own. Four standard errors are allowed: of a hundred such comparisons one fails by
//! chance in two hundred trials; seeds are fixed, so that it either does or does not.

use jiff::Timestamp;

use super::super::arrivals::Arrivals;
use super::super::config::{Clients, PlantConfig};
use super::super::machine::Plant;
use super::super::replica::Ending;

/// Independent runs for each comparison.
const RUNS: u64 = 24;
/// Requests of each run.
const REQUESTS: u32 = 40_000;
/// Requests per second that a replica serves.
const MU: f64 = 100.0;
/// Left out at the start, in seconds: a queue forgets that it began empty within some 1/(μ(1−√ρ)²), which is below 2 s at ρ = 0.85.
const UNSETTLED_S: f64 = 20.0;

/// Erlang's C: the probability that all of `c` servers are busy at an offered load of `a`, below `c`, by way of Erlang's B and its recursion.
fn erlang_c(c: u32, a: f64) -> f64 {
    let b = (1..=c).fold(1.0, |b, n| a * b / (f64::from(n) + a * b));
    let rho = a / f64::from(c);
    b / (1.0 - rho * (1.0 - b))
}

/// Mean time in line of M/M/c, in seconds.
fn erlang_wait(c: u32, rho: f64) -> f64 {
    let c_mu = f64::from(c) * MU;
    erlang_c(c, rho * f64::from(c)) / (c_mu * (1.0 - rho))
}

/// What came of several runs: a mean of each.
struct Means(Vec<f64>);

impl Means {
    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn standard_error(&self) -> f64 {
        let (n, mean) = (self.0.len() as f64, self.mean());
        let squares: f64 = self.0.iter().map(|it| (it - mean).powi(2)).sum();
        (squares / (n - 1.0) / n).sqrt()
    }

    #[track_caller]
    fn must_be(&self, expected: f64, standard_error: f64, what: &str) {
        let (mean, allowed) = (self.mean(), 4.0 * standard_error);
        assert!((mean - expected).abs() < allowed, "{what}: {mean} is not {expected} ± {allowed}");
        assert!(allowed < 0.12 * expected, "{what}: ± {allowed} proves nothing about {expected}");
    }
}

/// Mean time in line, in seconds, and share of those who wait at all.
fn run(replicas: u32, rho: f64, least_loaded: bool) -> (Means, Means) {
    let runs = (1..=RUNS).map(|seed| {
        let rate = rho * MU * f64::from(replicas);
        let config = PlantConfig {
            arrivals: Arrivals::Constant { rate },
            replicas,
            service_rate: MU,
            queue_limit: 100_000,
            clients: Clients { attempts_max: 1, ..Clients::default() },
            ..PlantConfig::default()
        };
        let mut plant = Plant::try_new(config, seed, Timestamp::UNIX_EPOCH).unwrap();
        if least_loaded {
            plant.effects.strategy = charter_client::RebalanceStrategy::LeastLoaded;
        }
        let (mut waited, mut waits, mut requests) = (0, 0.0, 0);
        while requests < REQUESTS {
            plant.serve();
            for departure in plant.departures.drain(..) {
                assert_eq!(departure.ending, Ending::Answered);
                if departure.op.arrived < UNSETTLED_S {
                    continue;
                }
                // Sums of times that differ in the last digits are taken for equal.
                let served = f64::from(departure.op.work) / MU;
                let wait = departure.at - departure.op.arrived - served;
                requests += 1;
                waits += wait;
                waited += u32::from(wait > 1e-9);
            }
        }
        (waits / f64::from(requests), f64::from(waited) / f64::from(requests))
    });
    let (waits, shares) = runs.unzip();
    (Means(waits), Means(shares))
}

#[test]
fn erlangs_formula_gives_known_numbers() {
    // With one server ρ wait. With two at a = 1: (a²/2)·2 / (1 + a + (a²/2)·2), a third. The last: ten at 8 erlang, by the sum itself.
    assert!((erlang_c(1, 0.7) - 0.7).abs() < 1e-12);
    assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
    assert!((erlang_c(10, 8.0) - 0.409_18).abs() < 1e-5);
}

#[test]
fn requests_sent_at_random_wait_as_in_so_many_single_queues() {
    for rho in [0.3_f64, 0.6, 0.85] {
        // Waiting times of Daley's formula, in units of the mean service time.
        let sigma2 = rho * (2.0 + 5.0 * rho - 4.0 * rho * rho + rho.powi(3)) / (1.0 - rho).powi(4);
        let of_waits = (sigma2 / (RUNS as f64 * f64::from(REQUESTS))).sqrt() / MU;
        for replicas in [1, 5, 20] {
            let (waits, shares) = run(replicas, rho, false);
            let what = format!("{replicas} replicas at {rho}");
            waits.must_be(erlang_wait(1, rho), of_waits, &format!("{what}: wait"));
            shares.must_be(erlang_c(1, rho), shares.standard_error(), &format!("{what}: share"));
            let ratio = waits.standard_error() / of_waits;
            assert!((0.5..2.0).contains(&ratio), "{what}: runs scatter {ratio} times too much");
        }
    }
}

#[test]
fn one_replica_is_erlangs_queue_whatever_the_strategy() {
    let (waits, shares) = run(1, 0.6, true);
    waits.must_be(erlang_wait(1, 0.6), waits.standard_error(), "wait");
    shares.must_be(erlang_c(1, 0.6), shares.standard_error(), "share");
}

#[test]
fn the_shortest_line_is_worse_than_one_line_for_all_and_better_than_chance() {
    for rho in [0.3, 0.6, 0.85] {
        for replicas in [2, 5, 20] {
            let (waits, shares) = run(replicas, rho, true);
            let (mean, share) = (waits.mean(), shares.mean());
            let (best, chance) = (erlang_wait(replicas, rho), erlang_wait(1, rho));
            let slack = 4.0 * waits.standard_error();
            let what = format!("{replicas} replicas at {rho}: {mean} s, {share} wait");
            assert!(mean + slack > best, "{what}: better than one line for all, {best}");
            assert!(mean < 0.6 * chance, "{what}: hardly better than chance, {chance}");
            assert!(share < rho - 4.0 * shares.standard_error(), "{what}: more than by chance");
        }
    }
}
