//! A deterministic Charter: a queueing system under control, and a thin HTTP server over it.
