//! The figures that tables have, in order.

use super::{
    Figures, Spread,
    words::{NONE, plain, ratio, seconds, share},
};

/// A column of a table.
pub(super) struct Column {
    /// Its head.
    pub(super) head: &'static str,
    /// What it is, in a line.
    #[cfg_attr(not(feature = "html"), expect(dead_code, reason = "a terminal has no room for it"))]
    pub(super) about: &'static str,
    /// How early it goes where there is little room: 0 never.
    pub(super) spare: u8,
    /// What it says.
    pub(super) cell: fn(&Figures) -> String,
}

pub(super) const COLUMNS: &[Column] = &[
    column("mitigated", "objective met and held before the horizon", 0, |it| {
        of(it.mitigated_share, share)
    }),
    column("cause@1", "first guess at the cause right", 1, |it| of(it.cause_at_1, share)),
    column("cause@3", "true cause among the first three", 9, |it| of(it.cause_at_3, share)),
    column("seen", "share of the faulty runs in which anything was seen", 11, |it| {
        of(it.detected_share, share)
    }),
    column("seen in", "time to detect, median", 5, |it| of(middle(it.time_to_detect_s), seconds)),
    column("p90", "time to detect, nine in ten", 12, |it| of(slow(it.time_to_detect_s), seconds)),
    column("healed in", "time to mitigate, median", 3, |it| {
        of(middle(it.time_to_mitigate_s), seconds)
    }),
    column("p90", "time to mitigate, nine in ten", 10, |it| {
        of(slow(it.time_to_mitigate_s), seconds)
    }),
    column("/oracle", "objective lost, against the oracle, median", 1, |it| {
        of(it.loss_vs_oracle_median, ratio)
    }),
    column("/rules", "objective lost, against static rules, median", 4, |it| {
        of(it.loss_vs_static_rules_median, ratio)
    }),
    column("/seed", "objective lost, against the seed formulas, median", 5, |it| {
        of(it.loss_vs_seed_formulas_median, ratio)
    }),
    column("/nothing", "objective lost, against doing nothing, median", 7, |it| {
        of(it.loss_vs_nothing_median, ratio)
    }),
    column("acts", "actions taken", 2, |it| it.actions.to_string()),
    column("harmful", "actions without which less would have been lost, left standing", 2, |it| {
        it.harmful_actions.map_or_else(|| NONE.to_owned(), |it| it.to_string())
    }),
    column("needless", "actions that nobody who knows the fault would take", 6, |it| {
        it.needless_actions.to_string()
    }),
    column("undone", "actions taken back", 8, |it| it.undone_actions.to_string()),
    column("told", "times that people were told", 8, |it| it.escalations.to_string()),
    column("brier", "Brier score of the stated confidences", 10, |it| of(it.brier, plain)),
];

const fn column(
    head: &'static str,
    about: &'static str,
    spare: u8,
    cell: fn(&Figures) -> String,
) -> Column {
    Column { head, about, spare, cell }
}

/// In words, if there is a number.
pub(super) fn of(value: Option<f64>, words: fn(f64) -> String) -> String {
    value.filter(|it| !it.is_nan()).map_or_else(|| NONE.to_owned(), words)
}

fn middle(spread: Option<Spread>) -> Option<f64> {
    spread.map(|it| it.median)
}

fn slow(spread: Option<Spread>) -> Option<f64> {
    spread.map(|it| it.p90)
}
