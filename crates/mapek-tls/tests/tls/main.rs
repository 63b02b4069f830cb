//! Files on a disk, and real connections made with what is in them.

#[cfg(test)]
mod connections;
#[cfg(test)]
mod files;
#[cfg(test)]
mod support;
#[cfg(test)]
mod swapped;
