//! Runs a plan as a saga: do, log, undo.
