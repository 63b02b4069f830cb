//! The files of `deploy`, against the programs that they are for: promtool, amtool, helm, Prometheus, Alertmanager, and ours.

#[cfg(test)]
mod chart;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod files;
#[cfg(test)]
mod images;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod together;

#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod support;
