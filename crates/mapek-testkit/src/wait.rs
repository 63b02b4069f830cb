//! Waiting for a condition, with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use crate::Error;

/// How often a condition is looked at: often enough that nobody waits for it, rarely enough to cost nothing.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// Looks at `condition` every 10 ms until it is true.
///
/// `what` completes the sentence "… did not happen within 5s". A look that is under way when the deadline passes is
/// dropped, so the condition may hang.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mapek_testkit::Error> {
/// use std::time::Duration;
///
/// let mut looks = 0;
/// mapek_testkit::wait_until(Duration::from_secs(5), "the third look", async || {
///     looks += 1;
///     looks == 3
/// })
/// .await?;
/// assert_eq!(looks, 3);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::TimedOut`] when `deadline` passes first.
pub async fn wait_until(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<(), Error> {
    wait_for(deadline, what, async || condition().await.then_some(())).await
}

/// Looks every 10 ms until `look` finds something, and answers it.
///
/// # Errors
///
/// [`Error::TimedOut`] when `deadline` passes first.
pub async fn wait_for<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Error> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    within(deadline, || what.to_owned(), looking).await
}

/// The answer of `future`, or an error that names it.
pub(crate) async fn within<T>(
    deadline: Duration,
    what: impl FnOnce() -> String,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    let timed_out = |_| Error::TimedOut { what: what(), after: deadline, output: String::new() };
    tokio::time::timeout(deadline, future).await.map_err(timed_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_what_was_found() {
        let mut left = 3;
        let found = wait_for(Duration::from_secs(1), "zero", async || {
            left -= 1;
            (left == 0).then_some("zero")
        });
        assert_eq!(found.await.unwrap(), "zero");
    }

    #[tokio::test(start_paused = true)]
    async fn names_what_did_not_happen() {
        let error =
            wait_until(Duration::from_secs(2), "the end", async || false).await.unwrap_err();
        assert_eq!(error.to_string(), "the end did not happen within 2s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_is_dropped_at_the_deadline() {
        let error = wait_until(Duration::from_secs(1), "an answer", std::future::pending).await;
        assert!(matches!(error, Err(Error::TimedOut { .. })));
    }
}
