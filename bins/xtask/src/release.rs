//! What takes too long for every change, and must hold before a release.

use crate::bench::{self, Options, RATIO_MAX};
use crate::error::Error;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{artifacts, coverage, dst, features, image, mutants, reliability, setup};

/// How often the loop is killed before a release.
const KILLS: u32 = 10_000;
/// How often the disk is in trouble before a release.
const TROUBLES: u32 = 5_000;
/// How many stories of the simulation are told before a release, from the first on that CI does not tell.
const SEEDS: [&str; 4] = ["--seeds", "20000", "--from", "1000"];

pub(crate) fn run(workspace: &Workspace, keep_going: bool) -> Result<(), Error> {
    let mut steps = Steps::new("cargo xtask release-check", keep_going);
    steps.step("coverage", || coverage::run(workspace))?;
    steps.step("features", || features::alone(workspace))?;
    let options = Options { compare: true, save: false, ratio_max: RATIO_MAX };
    steps.step("benchmarks", || bench::run(workspace, &options))?;
    steps.step("deterministic simulation", || dst::run(workspace, &SEEDS.map(str::to_owned)))?;
    let kills = ["--kills".to_owned(), KILLS.to_string()];
    steps.step("crash", || reliability::campaign(workspace, "crash", &kills))?;
    let power = [kills.as_slice(), &["--power-cuts".to_owned()]].concat();
    steps.step("power cuts", || reliability::campaign(workspace, "crash", &power))?;
    let troubles = ["--troubles".to_owned(), TROUBLES.to_string()];
    steps.step("disk", || reliability::campaign(workspace, "disk", &troubles))?;
    steps.step("intake", || reliability::measure(workspace, "intake", &["--long".to_owned()]))?;
    steps.step("recovery", || reliability::measure(workspace, "recovery", &[]))?;
    steps.step("streams", || reliability::streams(workspace))?;
    steps.step("static", || image::run(workspace, false))?;
    let seconds = ["--seconds", "180"].map(str::to_owned);
    steps.step("fuzz", || reliability::fuzz(workspace, &seconds))?;
    steps.step("mutants", || mutants::run(workspace, &[]))?;
    steps.step("unused dependencies", || unused(workspace))?;
    steps.step("artifacts", || artifacts::run(workspace, keep_going))?;
    steps.finish()
}

fn unused(workspace: &Workspace) -> Result<(), Error> {
    if setup::has_cargo_tool("machete") {
        return workspace.cmd("cargo machete").run();
    }
    println!("left out: cargo-machete is not installed (cargo install cargo-machete --locked)");
    Ok(())
}
