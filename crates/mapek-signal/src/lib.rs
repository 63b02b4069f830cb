//! Numbers over time: baselines, anomaly scores, change points, robust statistics.
