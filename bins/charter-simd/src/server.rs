//! From arguments to a running server.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::Pin;

use charter_sim::{AccessKeys, Driver, InProcess, PlantConfig, Server, serve};
use jiff::Timestamp;
use mapek_tls::{ServerFiles, ServerTls};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::args::Args;
use crate::tls::{self, TlsListener};

/// The key that may do everything, in the environment.
const KEY_VARIABLE: &str = "CHARTER_API_KEY";

type BoxError = Box<dyn Error>;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(args: &Args) -> Result<(), BoxError> {
    let plant = args.plant.as_deref().map_or_else(|| Ok(PlantConfig::default()), plant)?;
    let keys = keys(args)?;
    let charter = InProcess::try_new(plant, args.seed, clock())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_until_stopped(args, charter, keys))
}

async fn serve_until_stopped(
    args: &Args,
    charter: InProcess,
    keys: AccessKeys,
) -> Result<(), BoxError> {
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| context(&format!("listening on {} failed", args.listen), error))?;
    let mut server = Server::new(charter.clone()).with_keys(keys);
    if args.manual_time {
        server = server.with_manual_time();
    }
    let (stop, stopped) = watch::channel(false);
    let signals = stop_on_signal(stop)?;
    let tls = tls(args)?;
    announce(&listener, tls.is_some())?;
    let (router, end) = (server.router(), wait(stopped.clone()));
    let serving: Pin<Box<dyn Future<Output = io::Result<()>>>> = match tls.clone() {
        Some(tls) => Box::pin(serve(TlsListener::new(listener, tls)?, router, end)),
        None => Box::pin(serve(listener, router, end)),
    };
    let following = async {
        match tls {
            Some(tls) => tls::follow(tls, clock).await,
            None => std::future::pending().await,
        }
    };
    let background = async {
        let driver = (!args.manual_time).then(|| Driver::new(charter, args.speed));
        let driving = async {
            if let Some(driver) = driver {
                driver.run(clock, wait(stopped)).await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(driving, signals) } => {}
            () = following => {}
        }
        // Both are over once a signal came; the server still answers what is under way.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        () = background => Ok(()),
    }
}

/// Says where the server listens, on standard output, as the one line there: a parent process waits for it.
fn announce(listener: &TcpListener, tls: bool) -> io::Result<()> {
    let (address, scheme) = (listener.local_addr()?, if tls { "https" } else { "http" });
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {scheme}://{address}")?;
    out.flush()
}

fn stop_on_signal(stop: watch::Sender<bool>) -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
    })
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which ends the server as well.
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        tracing::debug!("nobody is left to stop the server");
    }
}

fn tls(args: &Args) -> Result<Option<ServerTls>, BoxError> {
    let (Some(certificate), Some(key)) = (args.tls_certificate.clone(), args.tls_key.clone())
    else {
        return Ok(None);
    };
    let client_ca = args.tls_client_ca.clone();
    let files = ServerFiles { certificate, key, client_ca, client_required: true };
    Ok(Some(ServerTls::open(files, clock())?))
}

fn keys(args: &Args) -> Result<AccessKeys, BoxError> {
    let mut keys = AccessKeys::new();
    let from_file = args.api_key_file.as_deref().map(read_key).transpose()?;
    let full = from_file.or_else(|| std::env::var(KEY_VARIABLE).ok());
    if let Some(key) = full {
        keys = keys.with_key(&key)?;
    }
    if let Some(path) = args.read_only_key_file.as_deref() {
        keys = keys.with_read_only_key(&read_key(path)?)?;
    }
    Ok(keys)
}

/// A key from a file, without the line feed at its end.
fn read_key(path: &Path) -> Result<String, BoxError> {
    let text = fs::read_to_string(path)
        .map_err(|error| context(&format!("reading key file {} failed", path.display()), error))?;
    Ok(text.trim().to_owned())
}

/// A plant from a file of JSON, and the trace that it names, relative to itself.
fn plant(path: &Path) -> Result<PlantConfig, BoxError> {
    let named = |error: &dyn std::fmt::Display| format!("plant file {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    let mut plant: PlantConfig = serde_json::from_str(&text).map_err(|error| named(&error))?;
    if let Some(file) = plant.arrivals.unread() {
        let trace = path.parent().unwrap_or(Path::new("")).join(file);
        let name = trace.display().to_string();
        let text = fs::read_to_string(&trace)
            .map_err(|error| context(&format!("reading the trace {name} failed"), error))?;
        plant.arrivals.fill(&text, &name)?;
    }
    Ok(plant)
}

fn context(what: &str, error: io::Error) -> BoxError {
    io::Error::new(error.kind(), format!("{what}: {error}")).into()
}

#[expect(clippy::disallowed_methods, reason = "this is where the clock is handed in")]
pub(crate) fn clock() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plant_plays_the_trace_beside_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plant.json");
        fs::write(&path, r#"{"arrivals": {"shape": "trace", "file": "day.csv"}}"#).unwrap();
        let missing = plant(&path).unwrap_err().to_string();
        assert!(missing.contains("day.csv failed"), "{missing}");
        let trace = directory.path().join("day.csv");
        fs::write(&trace, "0,300\n60,-1\n").unwrap();
        let wrong = plant(&path).unwrap_err().to_string();
        assert!(wrong.contains("day.csv:2:4: the rate is -1"), "{wrong}");
        fs::write(&trace, "0,300\n60,350\n").unwrap();
        assert!((plant(&path).unwrap().arrivals.rate(61.0) - 350.0).abs() < 1e-9);
    }
}
