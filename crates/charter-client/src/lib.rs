//! The HTTP API of Charter, typed.
