//! Turns violations into a diagnosis.
