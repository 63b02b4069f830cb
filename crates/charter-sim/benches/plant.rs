//! What a step of the plant costs, and what a scrape of it does, at 1, 5 and 20 replicas.
use std::hint::black_box;

use charter_sim::{Arrivals, Plant, PlantConfig};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

/// Requests per second and replica: three quarters of what one serves, as in the default plant.
const RATE: f64 = 83.0;

/// A plant that has settled: windows and histograms are full.
fn settled(replicas: u32) -> Plant {
    let config = PlantConfig {
        arrivals: Arrivals::Constant { rate: RATE * f64::from(replicas) },
        replicas,
        ..PlantConfig::default()
    };
    let mut plant = Plant::try_new(config, 7, Timestamp::UNIX_EPOCH).expect("it makes sense");
    plant.advance(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(5));
    plant
}

/// Elements per second are steps: 250 ms of virtual time each, with all requests that arrive in it.
fn step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plant/step");
    group.throughput(Throughput::Elements(1));
    for replicas in [1, 5, 20] {
        let mut plant = settled(replicas);
        let mut to = plant.now();
        group.bench_function(BenchmarkId::from_parameter(replicas), |bencher| {
            bencher.iter(|| {
                to += SignedDuration::from_millis(250);
                plant.advance(black_box(to));
            });
        });
    }
    group.finish();
}

fn exposition(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plant/exposition");
    for replicas in [1, 5, 20] {
        let plant = settled(replicas);
        group.throughput(Throughput::Bytes(plant.metrics().len() as u64));
        group.bench_function(BenchmarkId::from_parameter(replicas), |bencher| {
            bencher.iter(|| black_box(&plant).metrics());
        });
    }
    group.finish();
}

criterion_group!(benches, step, exposition);
criterion_main!(benches);
