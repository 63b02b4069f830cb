//! Client, fixtures and OpenAPI document say the same.

mod fixture;
mod openapi;
mod payloads;
