//! The API, its metrics and its server, over real sockets.

mod documents;
mod metrics;
mod routes;
mod sample;
mod sockets;
mod whole_loop;
