//! The corpus, and all that was ever found, tried once more; and some mutations, always the same.

use mapek_fuzz::{Bench, Target, inputs, run};

/// Mutations of each target: enough to see that the driver works.
const MUTATIONS: u64 = 300;

#[test]
fn whoever_reads_what_comes_from_outside_answers_or_refuses() {
    let bench = Bench::new().unwrap();
    for target in Target::ALL {
        let corpus = inputs(target).unwrap().len() as u64;
        assert!(corpus > 3, "{target}: {corpus}");
        let tally = run(&bench, target, 1, |tried| tried < corpus + MUTATIONS).unwrap();
        assert_eq!(tally.tried, corpus + MUTATIONS);
        assert!(tally.found.is_empty(), "{target}: {:#?}", tally.found);
        assert!(tally.shapes > 10, "{target}: {} shapes: it does not get far", tally.shapes);
    }
}
