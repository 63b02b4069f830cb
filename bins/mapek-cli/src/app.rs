//! The running process: the loop, its API, its webhook, and what has to be scraped for it.

use std::{net::SocketAddr, sync::Arc};

use charter_sim::InProcess;
use mapek::{
    Clock, Loop, LoopHandle,
    alertmanager::{WebhookConfig, WebhookService},
    model::{Duration, later},
    monitor::{AlertInbox, InboxIntake},
    notify::Notifier,
    scrape::Scraper,
    server::{
        Access, Metrics, MetricsRecorder, Options, Server, ServerConfig, metrics_router, router,
        webhook_router,
    },
    tls::ServerTls,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    certificates::Certificates,
    compose::{self, BuildError, Charter, Tls},
    config::Config,
    counted::{CountedInbox, TimedCharter, WakingIntake},
    mischief::Mischief,
    people,
};

/// How often the reference server in this process is moved on.
const PLANT_STEP: Duration = Duration::from_millis(500);

/// Everything that `mapek run` runs, listening but not yet serving.
#[derive(Debug)]
pub struct App {
    looped: Loop,
    clock: Arc<dyn Clock>,
    api: Server,
    metrics_server: Option<Server>,
    metrics: Metrics,
    recorder: MetricsRecorder,
    webhook: Option<Webhook>,
    access: Access,
    notifier: Notifier,
    people: Config,
    certificates: Certificates,
    scraper: Option<Scraper>,
    scrape_interval: Duration,
    plant: Option<InProcess>,
    simulate_failures: bool,
}

/// Alertmanager's way in.
#[derive(Debug)]
struct Webhook {
    server: Server,
    service: WebhookService<WakingIntake<InboxIntake>>,
    access: Access,
}

impl App {
    /// Puts everything together and binds the listeners. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the part that cannot be set up.
    pub async fn build(config: &Config) -> Result<Self, BuildError> {
        Self::build_beside(config, Tls::new(compose::system_clock().now()), Metrics::new()).await
    }

    /// The same beside others that speak TLS and are counted.
    pub(crate) async fn build_beside(
        config: &Config,
        tls: Tls,
        metrics: Metrics,
    ) -> Result<Self, BuildError> {
        let clock = compose::system_clock();
        let charter = compose::charter_over(config, &tls, clock.as_ref())?;
        let timer = metrics
            .client_timer("charter_api_response_duration_seconds", "Calls to Charter.")
            .map_err(BuildError::of("the metrics"))?;
        let timed = TimedCharter::new(charter.api(), Arc::clone(&clock), timer);
        let (source, scraper) = compose::metrics(config, &tls)?;
        let (mut outside, inbox) =
            compose::outside(config, &tls, Arc::clone(&clock), Arc::new(timed), source)?;
        let inbox = inbox.map(|inbox| inbox as Arc<dyn AlertInbox>);
        outside.inbox = inbox.clone().map(|inbox| {
            Arc::new(CountedInbox::new(inbox, metrics.alerts_processed())) as Arc<dyn AlertInbox>
        });
        let (builder, recovery) = compose::builder(config, outside)?;
        for execution in &recovery.resumed {
            info!(%execution, "goes on where it was");
        }
        for execution in &recovery.unattended {
            warn!(%execution, "its target is not configured any more; nobody goes on with it");
        }
        for execution in &recovery.needs_operator {
            warn!(%execution, "needs an operator");
        }
        let looped = builder.build().map_err(BuildError::of("the loop"))?;
        let access = compose::access(config, Arc::clone(&clock))?;
        let api_tls = compose::api_tls(config, &tls)?;
        let webhook = match inbox {
            Some(inbox) => {
                let access = compose::webhook_access(config, Arc::clone(&clock))?;
                let tls = compose::webhook_tls(config, &tls)?;
                Some(webhook(config, inbox, &looped.handle(), &metrics, access, tls).await?)
            }
            None => None,
        };
        let host = &config.api.host;
        let metrics_server = match config.api.metrics_port {
            Some(port) => Some(listen(host, port, api_tls.as_ref()).await?),
            None => None,
        };
        let notifier = compose::notifier(config, &tls, Arc::clone(&clock), &metrics)?;
        Ok(Self {
            // Everything that has certificates is made by now.
            certificates: Certificates::new(&tls, Arc::clone(&clock)),
            clock,
            api: listen(host, config.api.port, api_tls.as_ref()).await?,
            access,
            notifier,
            people: config.clone(),
            metrics_server,
            recorder: metrics.recorder(),
            metrics,
            webhook,
            scraper,
            scrape_interval: config.monitor.scrape_interval,
            plant: match charter {
                Charter::InProcess(plant) => Some(plant),
                Charter::Http(_) => None,
            },
            simulate_failures: config.staging.simulate_failures,
            looped,
        })
    }

    /// Steers the loop.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        self.looped.handle()
    }

    /// What it speaks TLS with.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// Where the API listens.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.api.local_addr()
    }

    /// Where the webhook listens, if there is one.
    #[must_use]
    pub fn webhook_address(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().map(|webhook| webhook.server.local_addr())
    }

    /// Runs until `shutdown` is cancelled; then lets the running cycle and the requests in progress finish.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { looped, clock, api, metrics_server, metrics, recorder, webhook, access, .. } =
            self;
        let tasks = TaskTracker::new();
        // Servers outlive the loop: what it ends with can still be seen, and webhooks are still taken.
        let stop = CancellationToken::new();
        let states = looped.handle().watch();
        // It would follow for as long as anybody holds a handle.
        tasks.spawn(stop.clone().run_until_cancelled_owned(recorder.follow(states.clone())));
        let people = people::follow(self.people, access.identities.clone(), Arc::clone(&clock));
        tasks.spawn(stop.clone().run_until_cancelled_owned(people));
        tasks.spawn(stop.clone().run_until_cancelled_owned(self.certificates.follow()));
        tasks.spawn(self.notifier.follow(states.clone(), stop.clone()));
        // What was before is for people who look back; the loop waits for nobody who reads it.
        tasks.spawn(recall(looped.handle()));
        let own = metrics_server.is_none().then(|| metrics.clone());
        let options = Options {
            metrics: own,
            handle: Some(looped.handle()),
            access: access.clone(),
            ..Options::default()
        };
        let routes = router(states, options);
        info!(address = %api.local_addr(), "API");
        tasks.spawn(served("API", api.serve(routes, stop.clone().cancelled_owned())));
        if let Some(server) = metrics_server {
            info!(address = %server.local_addr(), "metrics");
            let routes = metrics_router(metrics, access);
            tasks.spawn(served("metrics", server.serve(routes, stop.clone().cancelled_owned())));
        }
        if let Some(webhook) = webhook {
            let Webhook { server, service, access } = webhook;
            info!(address = %server.local_addr(), "webhook");
            let routes = webhook_router(service, access);
            tasks.spawn(served("webhook", server.serve(routes, stop.clone().cancelled_owned())));
        }
        if let Some(scraper) = self.scraper {
            let every = self.scrape_interval;
            tasks.spawn(scrape(scraper, every, Arc::clone(&clock), stop.clone()));
        }
        if let Some(plant) = self.plant {
            let mischief = self.simulate_failures.then(|| Mischief::beginning(clock.now()));
            tasks.spawn(live(plant, mischief, clock, stop.clone()));
        }
        looped.run(shutdown.cancelled_owned()).await;
        info!("the loop has stopped");
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

async fn recall(handle: LoopHandle) {
    match tokio::task::spawn_blocking(move || handle.recall()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(
                error = &error as &dyn std::error::Error,
                "history begins now: the journal cannot be read back"
            );
        }
        Err(error) => warn!(%error, "history begins now: reading the journal back has panicked"),
    }
}

async fn webhook(
    config: &Config,
    inbox: Arc<dyn AlertInbox>,
    handle: &LoopHandle,
    metrics: &Metrics,
    access: Access,
    tls: Option<ServerTls>,
) -> Result<Webhook, BuildError> {
    let section = &config.alertmanager;
    let intake = WakingIntake {
        inner: InboxIntake::new(inbox),
        waker: handle.waker(),
        received: metrics.alerts_received(),
    };
    let address = resolve(&section.webhook_host, section.webhook_port).await?;
    let server = Server::bind(address)
        .await
        .map_err(|error| taken("the webhook", "alertmanager.webhook_port", error))?;
    let limits =
        WebhookConfig { path: Some(section.webhook_path.clone()), ..WebhookConfig::default() };
    let server = server.with_config(ServerConfig {
        body_bytes_max: limits.limits.body_bytes_max,
        // The service itself gives up on a body before, and says so in a way that Alertmanager understands.
        request_timeout: limits.read_timeout * 2,
        ..ServerConfig::default()
    });
    let server = match tls {
        Some(tls) => server.with_tls(tls),
        None => server,
    };
    let service = WebhookService::with_config(intake, limits);
    Ok(Webhook { server, service, access })
}

async fn listen(host: &str, port: u16, tls: Option<&ServerTls>) -> Result<Server, BuildError> {
    let address = resolve(host, port).await?;
    let server =
        Server::bind(address).await.map_err(|error| taken("the API", "api.port", error))?;
    Ok(match tls {
        Some(tls) => server.with_tls(tls.clone()),
        None => server,
    })
}

fn taken(
    what: &str,
    key: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BuildError {
    BuildError::new(what, error).with_help(format!("choose another port with {key}"))
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, BuildError> {
    let what = || format!("the address {host}:{port}");
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| BuildError::new(what(), error))?;
    found.next().ok_or_else(|| BuildError::new(what(), "it names no address"))
}

async fn served<E: std::error::Error>(
    what: &'static str,
    serving: impl Future<Output = Result<(), E>>,
) {
    if let Err(error) = serving.await {
        error!(%error, what, "a server ended badly");
    }
}

/// Scrapes now, and then at every interval.
async fn scrape(scraper: Scraper, every: Duration, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        let now = clock.now();
        for target in scraper.scrape(now).await.targets {
            if let Some(error) = target.error {
                warn!(%error, job = target.job, instance = target.instance, "cannot be scraped");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(later(now, every)) => {}
        }
    }
}

/// Lets time pass for the reference server in this process, and breaks something if that is wanted.
async fn live(
    plant: InProcess,
    mut mischief: Option<Mischief>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let now = clock.now();
        plant.advance_to(now);
        if let Some(mischief) = &mut mischief {
            mischief.act(&plant, now);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(later(now, PLANT_STEP)) => {}
        }
    }
}
