//! The nouns of a MAPE-K loop: ids, units, statuses.
