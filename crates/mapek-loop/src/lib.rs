//! The MAPE-K loop: order, cadence, wake-ups and shutdown.
