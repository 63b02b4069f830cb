//! A MAPE-K control loop for systems watched by Prometheus and Alertmanager.
