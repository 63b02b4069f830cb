//! Metrics and alerts in, an observation out.
