//! Processes that leak, are down, or break and heal.

use super::*;

#[test]
fn latency_that_goes_on_rising_is_a_leak() {
    let scene = Scene::healthy().slow().rises("validation_latency", 9.0);
    first(&scene.diagnose(), "validation-latency"); // at first every jump is a rise
    let scene = scene.episode("high-failure-rate", Severity::Warning, 400);
    first(&scene.diagnose(), "leak");
    let memory = Scene::healthy()
        .episode_on("high-memory-usage", Some("validator-2"), Severity::Warning, 60)
        .rises("memory", 6.0)
        .diagnose();
    first(&memory, "leak");
    assert_eq!(place(&memory), "validator-2");
}

#[test]
fn of_many_processes_the_one_that_holds_ever_more_leaks() {
    let memory = |node: &str, deviation| Trend {
        component: Some(Component::try_new(node).unwrap()),
        ..trend(&format!("memory{{node={node:?}}}"), Direction::Steady, deviation)
    };
    let mut seen = Scene::healthy().slow().observation();
    seen.trends.extend([memory("a", 0.3), memory("b", 9.0), memory("c", -0.2)]);
    let told = diagnose(&seen);
    first(&told, "leak");
    let place = told.causes[0].cause.component.as_ref();
    assert_eq!(place.map(|it| it.as_str()), Some("b"));
    seen.trends.push(memory("d", 7.0));
    let told = diagnose(&seen);
    assert_eq!(told.causes[0].cause.component, None, "two do");
    seen.trends.retain(|it| it.deviation < 5.0);
    first(&diagnose(&seen), "validation-latency");
}

#[test]
fn fewer_healthy_nodes_than_replicas_are_a_node_down() {
    let mut committee = resource("committee", "committee", "degraded", NOW - 60);
    committee.attributes =
        BTreeMap::from([("replicas".into(), json!(6)), ("healthy_nodes".into(), json!(4))]);
    let node = resource("node", "validator-1", "down", NOW - 60);
    let diagnosis = Scene::healthy().slow().with(committee).with(node).diagnose();
    first(&diagnosis, "node-down");
    assert_eq!(place(&diagnosis), "validator-1");
    let target = Scene::healthy().episode_on("instance-down", Some("db"), Severity::Critical, 5);
    let diagnosis = target.diagnose();
    assert_eq!(diagnosis.causes.len(), 0, "the committee says that all nodes are well");
    let unseen = observation(NOW, target.open);
    first(&diagnose(&unseen), "node-down");
}

#[test]
fn what_breaks_and_heals_again_and_again_is_instability() {
    let analyzer = analyzer();
    let mut state = AnalyzerState::default();
    let scene = Scene::healthy().slow();
    for i in 0..3 {
        let began = NOW - 400 + i * 120;
        let mut over = violation("high-validation-latency", None, Severity::Warning, began);
        over.closed = Some(at(began + 30));
        let mut seen = Scene::healthy().observation();
        seen.at = at(began + 60);
        seen.closed = vec![over];
        assert!(analyzer.diagnose(&mut state, &seen, id()).is_healthy());
    }
    first(&analyzer.diagnose(&mut state, &scene.observation(), id()), "instability");
}
