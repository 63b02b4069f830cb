//! Certificates, kept up with files that change, and watched for their end.

use std::{collections::BTreeMap, sync::Arc};

use mapek::{
    Clock,
    model::{Duration, Timestamp, later},
    tls::{Look, Validity, Watched},
};
use tracing::{error, info, warn};

use crate::{command::output::chain, compose::Tls};

/// How often files are looked at. A change is taken at the second look that sees it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All that the process speaks TLS with.
#[derive(Debug, Clone)]
pub struct Certificates {
    parts: Vec<(String, Arc<dyn Watched>)>,
    clock: Arc<dyn Clock>,
}

/// How near the end of a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Far,
    Near,
    Past,
}

impl End {
    fn of(validity: Validity, now: Timestamp) -> Self {
        match () {
            () if now > validity.to => Self::Past,
            () if validity.ends_soon(now) => Self::Near,
            () => Self::Far,
        }
    }
}

impl Certificates {
    pub(crate) fn new(tls: &Tls, clock: Arc<dyn Clock>) -> Self {
        Self { parts: tls.parts(), clock }
    }

    /// Takes what is in the files at this moment. What cannot be used is told, and changes nothing.
    pub(crate) fn look_now(&self) {
        self.look(|part, now| part.look_now(now));
    }

    /// Looks at the files for as long as it runs; ends at once if there are none.
    pub(crate) async fn follow(self) {
        if self.parts.is_empty() {
            return;
        }
        let mut told = BTreeMap::new();
        loop {
            self.tell_ends(&mut told);
            self.clock.sleep_until(later(self.clock.now(), LOOK_EVERY)).await;
            self.look(|part, now| part.look(now));
        }
    }

    fn look(&self, look: impl Fn(&dyn Watched, Timestamp) -> Look) {
        for (key, part) in &self.parts {
            match look(part.as_ref(), self.clock.now()) {
                Look::Same => {}
                Look::Renewed => info!(key, "certificates were read anew"),
                Look::Refused(refused) => {
                    let (error, remedy) = (chain(&refused), refused.remedy());
                    error!(key, error, remedy, "certificates stay as they were");
                }
            }
        }
    }

    /// Says once of each certificate that its end is near, and once that it is past.
    fn tell_ends(&self, told: &mut BTreeMap<String, (Validity, End)>) {
        let now = self.clock.now();
        for (key, part) in &self.parts {
            let Some(validity) = part.validity() else { continue };
            let end = End::of(validity, now);
            if told.insert(key.clone(), (validity, end)) == Some((validity, end)) {
                continue;
            }
            let at = validity.to;
            match end {
                End::Far => {}
                End::Near => warn!(key, %at, "the certificate ends soon: renew it"),
                End::Past => error!(key, %at, "the certificate has expired: renew it"),
            }
        }
    }
}
