//! Fakes, fixtures and real services for the tests of the workspace.
