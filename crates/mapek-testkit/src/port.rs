//! Ports for what is told where to listen before it does.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Below what systems give to whoever asks for any port (from 32 768 on with Linux, from 49 152 on with others).
const PORTS: std::ops::Range<u16> = 20_000..32_768;
/// How many are tried.
const ATTEMPTS: u16 = 100;

/// What keeps ports for this process: the same port of UDP, which nobody uses. It goes with the process.
static KEPT: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port of this host that is free, and that no other test gets before this process ends, whether it asks here or for any: whoever still
/// calls a service that has been stopped must not reach another test.
///
/// # Errors
///
/// If a hundred of them are taken.
pub fn free_port() -> Result<u16, Error> {
    let random = RandomState::new();
    let wanted = (0..ATTEMPTS).map(|attempt| {
        let drawn = random.hash_one(attempt) % u64::from(PORTS.end - PORTS.start);
        PORTS.start + u16::try_from(drawn).unwrap_or_default()
    });
    let mut taken = None;
    for port in wanted {
        let kept = UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        match kept.and_then(|it| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|_| it)) {
            Ok(kept) => {
                KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
                return Ok(port);
            }
            Err(error) => taken = Some(error),
        }
    }
    Err(Error::io("looking for a free port")(
        taken.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_each_is_given_once_and_none_that_the_system_would_give() {
        let mut ports: Vec<_> = (0..500).map(|_| free_port().unwrap()).collect();
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        TcpListener::bind((Ipv4Addr::LOCALHOST, ports[0])).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 500);
    }
}
