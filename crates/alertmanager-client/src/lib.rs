//! Alertmanager: API v2 client, webhook receiver and alert router.
