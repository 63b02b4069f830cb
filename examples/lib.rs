//! One runnable file for each idea; this library is empty.
