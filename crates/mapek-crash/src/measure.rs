//! What measuring needs: time, memory, and the disk's own pace.

use std::{
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::BoxError;

/// The present moment, to measure from.
#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long a block of 4 KiB takes to the disk: half of them take at most so long, and 99 in 100.
pub(crate) fn disk(directory: &Path) -> Result<(Duration, Duration), BoxError> {
    const WRITES: u32 = 200;
    let path = directory.join("disk");
    let mut file = std::fs::File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..WRITES {
        let begun = now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    took.sort();
    Ok((quantile(&took, 0.5), quantile(&took, 0.99)))
}

/// What so large a share of sorted values is at most.
pub(crate) fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// The most memory that a process has held, and what it holds now, in bytes: its resident set.
pub(crate) fn memory(process: u32) -> Result<(u64, u64), BoxError> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.map(|it| it * 1024).ok_or_else(|| format!("the system does not tell {name}"))
    };
    Ok((of("VmHWM:")?, of("VmRSS:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(quantile(&sorted, 0.5), 50);
        assert_eq!(quantile(&sorted, 0.99), 99);
        assert_eq!((quantile(&sorted, 1.0), quantile(&sorted, 0.0)), (100, 1));
        assert_eq!(quantile::<u32>(&[], 0.5), 0);
    }

    #[test]
    fn this_process_holds_some_memory_and_this_disk_takes_some_time() {
        let (most, now) = memory(std::process::id()).unwrap();
        assert!(most >= now && now > 100_000, "{most} {now}");
        let directory = tempfile::tempdir().unwrap();
        let (half, most) = disk(directory.path()).unwrap();
        assert!(half <= most && most < Duration::from_secs(60));
    }
}
