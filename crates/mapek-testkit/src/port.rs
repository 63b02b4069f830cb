//! Ports for what is told where to listen before it does.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use crate::Error;

/// Below what systems give to whoever asks for any port (from 32 768 on with Linux, from 49 152 on with others).
const PORTS: std::ops::Range<u16> = 20_000..32_768;
/// How many are tried.
const ATTEMPTS: u16 = 100;

/// A port of this host that was free a moment ago, and that no test gets which asks for any: whoever still calls a service that has been
/// stopped must not reach another test.
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
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
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
    fn ports_are_free_and_none_that_the_system_would_give() {
        for _ in 0..100 {
            let port = free_port().unwrap();
            assert!(PORTS.contains(&port), "{port}");
        }
        let port = free_port().unwrap();
        assert_eq!(
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap().local_addr().unwrap().port(),
            port
        );
    }
}
