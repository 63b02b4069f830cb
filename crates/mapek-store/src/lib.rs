//! Durable files: a writer thread, group commit, migrations, a file lock and an epoch.
