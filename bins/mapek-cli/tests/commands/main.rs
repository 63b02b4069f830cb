//! The commands of the binary, as a shell sees them.

#[cfg(test)]
#[path = "../support/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod analyze;
#[cfg(test)]
mod backtest;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod configure;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod listeners;
#[cfg(test)]
mod looking;
#[cfg(test)]
mod people;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod running;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod stages;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod tls;
