use mapek_model::later;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::cases;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn calendar(value: serde_json::Value) -> CalendarConfig {
    serde_json::from_value(value).unwrap()
}

fn nights(effect: &str, from: &str, to: &str) -> CalendarConfig {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let zone = "Europe/Berlin";
    let window = json!({"name": "nights", "days": days, "from": from, "to": to, "zone": zone, "effect": effect});
    calendar(json!({ "weekly": [window] }))
}

#[track_caller]
fn assert_closed(calendar: &CalendarConfig, closed: &[&str], open: &[&str]) {
    for moment in closed {
        assert!(calendar.closed_by(at(moment)).is_some(), "{moment}");
    }
    for moment in open {
        assert_eq!(calendar.closed_by(at(moment)), None, "{moment}");
    }
}

#[test]
fn a_window_goes_over_midnight_and_ends_before_its_end() {
    let friday =
        json!({"name": "x", "days": ["friday"], "from": "22:00", "to": "06:00", "zone": "+02:00"});
    let calendar = calendar(json!({ "weekly": [friday] }));
    // 2026-07-03 is a Friday; at two hours east of Greenwich 22:00 is 20:00.
    assert_closed(
        &calendar,
        &["2026-07-03T20:00:00Z", "2026-07-04T03:59:59Z"],
        &["2026-07-03T19:59:59Z", "2026-07-04T04:00:00Z", "2026-07-04T20:00:00Z"],
    );
    let opens = calendar.opens_after(at("2026-07-03T23:00:00Z"));
    assert_eq!(opens, Some(at("2026-07-04T04:00:00Z")));
}

#[test]
fn what_the_change_of_clocks_leaves_open_is_closed() {
    // On 2026-03-29 there is no 02:30 in Berlin: it is 01:30Z by the old offset, 00:30Z by the new one.
    let from_the_gap = nights("freeze", "02:30", "05:00");
    assert_closed(
        &from_the_gap,
        &["2026-03-29T00:30:00Z", "2026-03-29T02:59:59Z"],
        &["2026-03-29T00:29:59Z", "2026-03-29T03:00:00Z"],
    );
    // On 2026-10-25 there are two: 00:30Z and 01:30Z.
    let to_the_fold = nights("freeze", "01:00", "02:30");
    assert_closed(&to_the_fold, &["2026-10-25T01:29:59Z"], &["2026-10-25T01:30:00Z"]);
    let allowed = nights("allow", "02:30", "05:00");
    assert_closed(
        &allowed,
        &["2026-10-25T01:29:59Z", "2026-10-25T04:00:00Z"],
        &["2026-10-25T01:30:00Z", "2026-10-25T03:59:59Z"],
    );
}

#[test]
fn the_same_window_is_an_hour_earlier_in_summer() {
    let day = nights("allow", "09:00", "17:00");
    assert_closed(&day, &["2026-01-05T07:59:59Z"], &["2026-01-05T08:00:00Z"]);
    assert_closed(&day, &["2026-07-06T06:59:59Z"], &["2026-07-06T07:00:00Z"]);
}

#[test]
fn a_freeze_wins_over_what_is_allowed_and_windows_that_allow_add_up() {
    let mut both = nights("allow", "09:00", "17:00");
    let once = |name: &str, from: &str, to: &str, effect: &str| -> OnceWindow {
        let window = json!({"name": name, "from": from, "to": to, "effect": effect});
        serde_json::from_value(window).unwrap()
    };
    both.once = vec![
        once("release", "2026-07-06T12:00:00Z", "2026-07-07T12:00:00Z", "freeze"),
        once("drill", "2026-07-05T22:00:00Z", "2026-07-05T23:00:00Z", "allow"),
    ];
    assert_closed(
        &both,
        &["2026-07-05T21:00:00Z", "2026-07-06T12:00:00Z", "2026-07-07T11:59:59Z"],
        &["2026-07-05T22:30:00Z", "2026-07-06T11:59:59Z", "2026-07-07T12:00:00Z"],
    );
    let why = both.closed_by(at("2026-07-06T12:00:00Z")).unwrap();
    assert_eq!(why, r#""release" forbids it"#);
    let why = both.closed_by(at("2026-07-05T20:00:00Z")).unwrap();
    assert_eq!(why, r#"only "nights" or "drill" allows it"#);
    assert_eq!(both.opens_after(at("2026-07-06T12:30:00Z")), Some(at("2026-07-07T12:00:00Z")));
    let never = nights("freeze", "00:00", "24:00");
    assert_eq!(never.opens_after(at("2026-07-06T12:30:00Z")), None);
}

#[test]
fn what_makes_no_sense_is_refused_where_it_is_read() {
    let weekly = |change: (&str, serde_json::Value)| {
        let mut window =
            json!({"name": "x", "days": ["friday"], "from": "09:00", "to": "17:00", "zone": "UTC"});
        window[change.0] = change.1;
        serde_json::from_value::<WeeklyWindow>(window).map_err(|error| error.to_string())
    };
    assert!(weekly(("name", json!("y"))).is_ok());
    for (key, value, told) in [
        ("days", json!([]), "it has no days"),
        ("days", json!(["someday"]), "someday"),
        ("from", json!("9:00"), "no time of day"),
        ("from", json!("25:00"), "no time of day"),
        ("to", json!("24:01"), "no time of day"),
        ("to", json!("+9:00"), "no time of day"),
        ("zone", json!("Europe/Bonn"), "no time zone"),
        ("zone", json!("CEST+2"), "no time zone"),
        ("effect", json!("maybe"), "maybe"),
        ("zoned", json!("UTC"), "zoned"),
    ] {
        let error = weekly((key, value)).unwrap_err();
        assert!(error.contains(told), "{key}: {error}");
    }
    let backwards =
        json!({"name": "x", "from": "2026-07-06T12:00:00Z", "to": "2026-07-06T12:00:00Z"});
    let error = serde_json::from_value::<OnceWindow>(backwards).unwrap_err().to_string();
    assert!(error.contains("ends before it begins"), "{error}");
}

#[test]
fn what_is_written_is_read_back() {
    let mut all = nights("allow", "09:00", "24:00");
    all.once = calendar(json!({"once": [{"name": "y", "from": "2026-07-06T12:00:00Z", "to": "2026-07-07T12:00:00+02:00"}]})).once;
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<CalendarConfig>(&text).unwrap(), all);
}

mod properties {
    use super::*;

    const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Pacific/Apia", "+05:30"];

    proptest! {
        #![proptest_config(cases(64))]

        /// One more freeze never lets anything happen, and what is said to be the end of waiting is one.
        #[test]
        fn a_freeze_never_opens_and_what_opens_is_open(
            (from, to) in (0..24_u8, 0..=24_u8),
            effects in prop::collection::vec(any::<bool>(), 0..3),
            zone in prop::sample::select(ZONES.to_vec()),
            hours in 0..20_000_u64,
        ) {
            let moment = later(at("2025-01-01T00:10:00Z"), std::time::Duration::from_secs(3600 * hours));
            let window = |n: usize, allows: bool| -> WeeklyWindow {
                let (from, to) = ((from + u8::try_from(5 * n).unwrap()) % 24, to);
                serde_json::from_value(json!({
                    "name": "x", "days": ["monday", "wednesday", "sunday"], "zone": zone,
                    "from": format!("{from:02}:30"), "to": format!("{to:02}:00"),
                    "effect": if allows { "allow" } else { "freeze" },
                })).unwrap()
            };
            let weekly: Vec<_> = effects.iter().enumerate().map(|(n, allows)| window(n, *allows)).collect();
            let before = CalendarConfig { weekly: weekly.clone(), once: Vec::new() };
            let after = CalendarConfig { weekly: [weekly, vec![window(3, false)]].concat(), once: Vec::new() };
            if after.closed_by(moment).is_none() {
                prop_assert_eq!(before.closed_by(moment), None);
            }
            if after.closed_by(moment).is_some() && let Some(opens) = after.opens_after(moment) {
                prop_assert!(opens > moment);
                prop_assert_eq!(after.closed_by(opens), None);
            }
        }
    }
}

#[test]
fn an_hour_has_sixty_minutes_and_a_day_ends_at_24_00() {
    for good in ["00:00", "09:59", "24:00"] {
        assert!(good.parse::<DayTime>().is_ok(), "{good}");
    }
    for bad in ["09:60", "24:01", "25:00", "9:00", "+9:00", "09:0", "0900", ""] {
        assert!(bad.parse::<DayTime>().is_err(), "{bad}");
    }
}
