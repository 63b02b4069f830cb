//! A real browser: Chromium without a screen, steered by chromedriver.
//!
//! WebDriver is a dozen requests with JSON, so this is a client of its own: the libraries there are bring versions of theirs of half of Unicode, and
//! do not reach what the browser logs.

mod legible;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::service::{Service, Spec};
use crate::wait::wait_for;

/// How long a page may take to be what a test waits for; a build beside it takes all the processors.
const DEADLINE: Duration = Duration::from_secs(30);
/// Where answers of WebDriver keep the name of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const PORT_FLAG: &str = "--port";

/// A Chromium of one's own with one window; both it and chromedriver end with the value.
///
/// ```no_run
/// # async fn example() -> Result<(), mapek_testkit::Error> {
/// use mapek_testkit::Browser;
///
/// let browser = Browser::start().await?;
/// browser.goto("http://localhost:8001/").await?;
/// browser.wait_until("all is well", "return document.title === 'Now · mapek'").await?;
/// assert_eq!(browser.complaints().await?, Vec::<String>::new());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Browser {
    service: Service,
    session: String,
}

impl Browser {
    /// A browser that has been nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it is not installed, or what else keeps it from starting.
    pub async fn start() -> Result<Self, Error> {
        let dir = tempfile::tempdir().map_err(Error::io("making a directory"))?;
        let spec = Spec {
            program: "chromedriver",
            args: Box::new(|port| vec![format!("{PORT_FLAG}={port}")]),
            ready_path: "/status",
            tls: None,
        };
        let profile = dir.path().join("profile");
        let service = Service::start(spec, dir).await?;
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--window-size=1440,900",
        ];
        let profile = format!("--user-data-dir={}", profile.display());
        let args: Vec<_> = args.iter().copied().chain([profile.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let begun = service.post("/session", &wanted).await?;
        let session = begun["value"]["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(Self { service, session })
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn goto(&self, url: &str) -> Result<(), Error> {
        self.ask("/url", &json!({"url": url})).await.map(drop)
    }

    /// Runs the body of a function in the page, and answers what it returns.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] with what was thrown.
    pub async fn run(&self, script: &str, args: &[Value]) -> Result<Value, Error> {
        self.ask("/execute/sync", &json!({"script": script, "args": args})).await
    }

    /// The same for one that waits.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn run_async(&self, script: &str) -> Result<Value, Error> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done, (e) => done(String(e)));"
        );
        self.ask("/execute/async", &json!({"script": script, "args": []})).await
    }

    /// Waits until the body of a function returns something true.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if it does not in time.
    pub async fn wait_until(&self, what: &str, script: &str) -> Result<(), Error> {
        wait_for(DEADLINE, what, async || {
            // A page that is just being left has nothing to say.
            let so = self.run(script, &[]).await.ok()?;
            so.as_bool().filter(|so| *so)
        })
        .await
        .map(drop)
    }

    /// Clicks the first element that a CSS selector finds, as a person does.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if there is none, or it cannot be clicked.
    pub async fn click(&self, selector: &str) -> Result<(), Error> {
        let element = self.find(selector).await?;
        self.ask(&format!("/element/{element}/click"), &json!({})).await.map(drop)
    }

    /// Types into the first element that a CSS selector finds.
    ///
    /// # Errors
    ///
    /// As for [`click`](Self::click).
    pub async fn fill(&self, selector: &str, text: &str) -> Result<(), Error> {
        let element = self.find(selector).await?;
        self.ask(&format!("/element/{element}/value"), &json!({"text": text})).await.map(drop)
    }

    /// What is read in the first element that a CSS selector finds.
    ///
    /// # Errors
    ///
    /// As for [`click`](Self::click).
    pub async fn text(&self, selector: &str) -> Result<String, Error> {
        let element = self.find(selector).await?;
        let path = format!("/session/{}/element/{element}/text", self.session);
        let answer = self.service.get(&path, &[]).await?;
        Ok(answer["value"].as_str().unwrap_or_default().to_owned())
    }

    /// Presses keys one after the other, whatever has the focus.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn press(&self, keys: &str) -> Result<(), Error> {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let strokes: Vec<_> = strokes.collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.ask("/actions", &actions).await.map(drop)
    }

    /// Looks through a window of this size, with a preference for light or for dark.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn look(&self, width: u32, height: u32, dark: bool) -> Result<(), Error> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await?;
        let value = if dark { "dark" } else { "light" };
        let media = json!({"features": [
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", &media).await.map(drop)
    }

    /// A picture of the page as PNG, in base64: of all of it, or of what is in the window.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn picture(&self, whole: bool) -> Result<String, Error> {
        let wanted = json!({"format": "png", "captureBeyondViewport": whole});
        let answer = self.devtools("Page.captureScreenshot", &wanted).await?;
        Ok(answer["data"].as_str().unwrap_or_default().to_owned())
    }

    /// What the browser has complained about since it was asked last: errors of scripts, refused requests, violations of policies.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn complaints(&self) -> Result<Vec<String>, Error> {
        let entries = self.ask("/se/log", &json!({"type": "browser"})).await?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|it| it["level"] == "SEVERE" || it["level"] == "WARNING");
        Ok(bad.map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Forgets all cookies and what pages have stored.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn forget(&self) -> Result<(), Error> {
        self.devtools("Network.clearBrowserCookies", &json!({})).await.map(drop)
    }

    /// Calls the browser past WebDriver.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the browser cannot.
    pub async fn devtools(&self, command: &str, params: &Value) -> Result<Value, Error> {
        self.ask("/goog/cdp/execute", &json!({"cmd": command, "params": params})).await
    }

    async fn find(&self, selector: &str) -> Result<String, Error> {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = wait_for(DEADLINE, &format!("an element {selector}"), async || {
            self.ask("/element", &wanted).await.ok()
        })
        .await?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned())
    }

    async fn ask(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let mut answer =
            self.service.post(&format!("/session/{}{path}", self.session), body).await?;
        Ok(answer["value"].take())
    }
}

impl Drop for Browser {
    /// Chromedriver leaves its browser behind, whatever signal ends it, unless the session is ended before. Nothing can be awaited here.
    fn drop(&mut self) {
        let (session, port) = (&self.session, self.service.port());
        let request = format!(
            "DELETE /session/{session} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        );
        let ended = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.write_all(request.as_bytes())?;
            // The answer comes once the browser is gone.
            stream.read(&mut [0; 64])
        });
        drop(ended);
    }
}
