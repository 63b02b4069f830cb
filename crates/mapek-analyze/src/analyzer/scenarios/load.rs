//! Too much to do, too little, or done badly: slowness, overload, retries, load that is uneven.

use super::*;

#[test]
fn slow_validation_is_validation_latency() {
    first(&Scene::healthy().slow().diagnose(), "validation-latency");
}

#[test]
fn an_alert_on_latency_alone_is_validation_latency() {
    let seen =
        observation(NOW, vec![violation("validation-latency-sla", None, Severity::Warning, NOW)]);
    first(&diagnose(&seen), "validation-latency");
}

#[test]
fn what_was_measured_before_it_happened_says_nothing_of_it() {
    let seen = |ago| {
        let scene = Scene::healthy().episode("high-validation-latency", Severity::Critical, ago);
        // As usual, since it is as old as that.
        scene.reads("arrivals_per_replica", 500.0).observation()
    };
    let (early, later) = (seen(14), seen(15));
    assert!(analyzer().is_premature(&early) && !analyzer().is_premature(&later));
    let told = diagnose(&early);
    assert!(told.causes.is_empty() && told.unexplained.len() == 1, "{told:#?}");
    first(&diagnose(&later), "validation-latency");
    let unmeasured = Observation { series: BTreeMap::new(), ..early };
    assert!(!analyzer().is_premature(&unmeasured), "who measures nothing waits for nothing");
}

#[test]
fn the_retries_of_what_is_slow_are_neither_overload_nor_a_cascade() {
    let scene = Scene::healthy()
        .slow()
        .episode("high-failure-rate", Severity::Critical, 40)
        .episode("low-throughput", Severity::Warning, 35)
        .is("failure_rate", 20.0)
        .is("throughput", -9.0)
        .reads("retry_share", 0.17);
    first(&scene.diagnose(), "validation-latency");
    // More first attempts, and it is an overload, even if hardly anything is served in time.
    let more = scene.is("arrivals_per_replica", 20.0).grows("arrivals_per_replica", 1.6);
    first(&more.diagnose(), "overload");
}

#[test]
fn much_that_is_repeated_and_less_served_in_a_burst_is_a_retry_cascade() {
    let scene = Scene::healthy()
        .slow()
        .episode("high-failure-rate", Severity::Critical, 35)
        .episode("low-throughput", Severity::Warning, 28)
        .reads("retry_share", 0.8)
        .is("throughput", -6.0)
        .is("failure_rate", 20.0);
    first(&scene.diagnose(), "retry-cascade");
}

#[test]
fn more_arrivals_are_overload() {
    let scene = Scene::healthy()
        .slow()
        .is("arrivals_per_replica", 12.0)
        .is("throughput", 5.0)
        .episode("high-failure-rate", Severity::Warning, 10);
    first(&scene.diagnose(), "overload");
}

#[test]
fn more_arrivals_than_just_before_are_overload_though_there_were_as_many_in_the_morning() {
    let slow = Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    let arrivals = "arrivals_per_replica";
    first(&slow.is(arrivals, 0.8).leaps(arrivals, 1.3).diagnose(), "overload");
    // What it goes on doing is no news.
    let slow = Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    first(&slow.is(arrivals, 0.8).leaps(arrivals, 1.0).diagnose(), "validation-latency");
}

#[test]
fn who_is_slow_serves_no_more_than_before() {
    let slow = || Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    first(&slow().diagnose(), "validation-latency");
    let told = slow().leaps("throughput", 1.3).diagnose();
    let sure = told.causes.iter().find(|it| it.confidence.get() >= 0.85);
    assert_eq!(sure, None, "a rate over a minute does not show yet that more arrives");
    let told = slow().leaps("throughput", 1.3).leaps("arrivals_per_replica", 1.3).diagnose();
    first(&told, "overload");
}

#[test]
fn uneven_load_is_a_hot_spot_and_is_placed() {
    let scene = Scene::healthy()
        .is("load_skew", 15.0)
        .is("validation_latency", 6.0)
        .episode_on("high-validation-latency", Some("validator-3"), Severity::Warning, 90)
        .episode_on("high-failure-rate", Some("validator-3"), Severity::Warning, 20);
    let skewed = |times: f64| {
        let mut seen = scene.observation();
        let skew = seen.trends.iter_mut().find(|it| it.name == "load_skew").unwrap();
        skew.value = times;
        diagnose(&seen)
    };
    first(&skewed(1.6), "hot-spot");
    assert_eq!(place(&skewed(1.6)), "validator-3");
    // However steady it was before, a twentieth more is no hot spot.
    first(&skewed(1.05), "validation-latency");
}

#[test]
fn little_to_do_is_idle_capacity() {
    let scene = Scene::healthy()
        .episode("low-throughput", Severity::Info, 60)
        .is("arrivals_per_replica", -8.0)
        .is("throughput", -8.0);
    first(&scene.diagnose(), "idle-capacity");
}
