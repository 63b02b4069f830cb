//! Turns a diagnosis into ranked plans.
