use std::{fmt, future::Future, pin::Pin};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, select},
};

/// When a cycle stops waiting: a future that is handed in, so that nothing here reads a clock.
pub(crate) struct Deadline<'a> {
    over: BoxFuture<'a, ()>,
    passed: bool,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(over: impl Future<Output = ()> + Send + 'a) -> Self {
        Self { over: over.boxed(), passed: false }
    }

    /// What `work` answers if it does so before the deadline. After it, `work` gets one look, so that what needs no waiting
    /// still comes through.
    pub(crate) async fn race<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        if self.passed {
            return work.now_or_never();
        }
        let over: Pin<&mut (dyn Future<Output = ()> + Send)> = self.over.as_mut();
        match select(work.as_mut(), over).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => {
                self.passed = true;
                None
            }
        }
    }
}

impl fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("passed", &self.passed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn work_that_is_done_wins_and_what_hangs_does_not() {
        let mut never = Deadline::new(pending());
        assert_eq!(never.race(ready(1)).await, Some(1));
        let mut now = Deadline::new(ready(()));
        assert_eq!(now.race(ready(2)).await, Some(2));
        assert_eq!(now.race(pending::<u8>()).await, None);
        assert_eq!(now.race(ready(3)).await, Some(3), "needs no waiting");
        assert_eq!(now.race(pending::<u8>()).await, None, "the deadline is not asked twice");
    }
}
