//! Stores outcomes and answers with experience.
