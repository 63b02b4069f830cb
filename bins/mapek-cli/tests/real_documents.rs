//! Documents are run: each block `sh` and `console` in order, beside a real loop, and each query against a real Prometheus.
//!
//! What stands behind the language of a block is for this test:
//!
//! - `no-run: reason` leaves it out;
//! - `until: words` runs it again until its output has one of the words, which are divided by `|`; ` *` stands for any room.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
#[path = "support/queries.rs"]
mod queries;
#[cfg(test)]
mod support;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use charter_sim::{Fault, FaultKind};
use mapek_testkit::{Prometheus, wait_until};
use serde_json::Value;
use support::{DEADLINE, Plant, free_port, mapek, ran};
use tokio::process::{Child, Command};

/// How long one block may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// Documents whose commands are run, from the root of the repository.
const DOCUMENTS: [&str; 11] = [
    "CONTRIBUTING.md",
    "docs/cli.md",
    "docs/deployment.md",
    "docs/embedding.md",
    "docs/integration.md",
    "docs/notifications.md",
    "docs/operations.md",
    "docs/performance.md",
    "docs/runbook.md",
    "docs/troubleshooting.md",
    "docs/tutorial.md",
];

/// Runs on its own, beside nothing that is there already.
const TUTORIAL: &str = "docs/tutorial.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A block in a fence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// The line of its fence, from 1.
    line: usize,
    language: String,
    /// What stands behind the language.
    marker: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (i, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => {
                let (language, marker) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(Block {
                    line: i + 1,
                    language: language.to_owned(),
                    marker: marker.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is never closed");
    blocks
}

impl Block {
    /// What a shell has to run; nothing if it is no command, or says why it is not run.
    fn script(&self) -> Option<String> {
        if self.marker.starts_with("no-run: ") {
            return None;
        }
        match self.language.as_str() {
            "sh" => Some(self.text.clone()),
            "console" => {
                let lines = self.text.lines();
                Some(
                    lines.filter_map(|line| line.strip_prefix("$ ")).collect::<Vec<_>>().join("\n"),
                )
            }
            _ => None,
        }
    }

    /// Any of these has to be in its output.
    fn until(&self) -> Vec<String> {
        let words = self.marker.strip_prefix("until: ");
        words.into_iter().flat_map(|it| it.split('|')).map(str::to_owned).collect()
    }
}

/// Whether a text has the words of a marker, however much room is between them.
fn has(text: &str, words: &str) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.contains(&words.replace(" *", " "))
}

/// A directory in which the files of the repository are, and what blocks write.
struct Desk {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    /// What is written in documents, such as ports and paths, and what it is here.
    words: Vec<(&'static str, String)>,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["config", "deploy", "tests", "docs", "examples"] {
            std::os::unix::fs::symlink(root().join(name), directory.path().join(name)).unwrap();
        }
        Self { directory, variables: Vec::new(), words: Vec::new() }
    }

    async fn shell(&self, script: &str) -> support::Ran {
        let mut script = script.to_owned();
        for (word, here) in &self.words {
            script = script.replace(word, here);
        }
        let script = in_background(&script);
        let programs = Path::new(env!("CARGO_BIN_EXE_mapek")).parent().unwrap();
        let mut command = Command::new("bash");
        // What a block leaves running has no output that would be waited for.
        command.args(["-euo", "pipefail", "-c", &script]).current_dir(self.directory.path());
        command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
        command.envs(self.variables.iter().cloned()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ran(command, "").await
    }

    /// Runs the blocks of a document; answers how many those were.
    async fn run(&mut self, document: &str) -> usize {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let mut done = 0;
        for block in blocks(&text) {
            let Some(script) = block.script() else { continue };
            let place = format!("{document}:{}", block.line);
            let until = block.until();
            if until.is_empty() {
                let told = self.shell(&script).await;
                assert_eq!(told.code, Some(0), "{place}: {script}\n{}{}", told.out, told.err);
            } else {
                let well = async || {
                    // A shell and a program each time: other tests want to run, too.
                    tokio::time::sleep(Duration::from_millis(250)).await;
                    let told = self.shell(&script).await;
                    until.iter().any(|words| has(&told.out, words))
                };
                if wait_until(PATIENCE, &place, well).await.is_err() {
                    let told = self.shell(&script).await;
                    panic!("{place}: none of {until:?} in\n{}{}", told.out, told.err);
                }
            }
            // What a block sets, those after it know.
            for line in script.lines().filter_map(|line| line.strip_prefix("export ")) {
                for (name, value) in line.split_whitespace().filter_map(|it| it.split_once('=')) {
                    let name: &'static str = name.to_owned().leak();
                    let mut value = value.to_owned();
                    for (word, here) in &self.words {
                        value = value.replace(word, here);
                    }
                    self.variables.push((name, value));
                }
            }
            done += 1;
        }
        done
    }
}

/// What is left running says which process it is, and holds nobody's output open.
fn in_background(script: &str) -> String {
    let line = |line: &str| match line.strip_suffix(" &") {
        Some(command) => {
            let name = command.split_whitespace().next().unwrap_or_default();
            format!("{command} < /dev/null > {name}.out 2>&1 & echo $! >> pids\n")
        }
        None => format!("{line}\n"),
    };
    script.lines().map(line).collect()
}

impl Drop for Desk {
    fn drop(&mut self) {
        let pids = std::fs::read_to_string(self.directory.path().join("pids")).unwrap_or_default();
        for pid in pids.split_whitespace() {
            drop(std::process::Command::new("kill").arg(pid).status());
        }
    }
}

/// A loop beside a Charter that is simulated.
struct Beside {
    plant: Plant,
    child: Child,
    desk: Desk,
    url: String,
}

impl Beside {
    async fn start() -> Self {
        let plant = Plant::start(10.0).await;
        let mut desk = Desk::new();
        let args = ["token", "new", "--name", "ada", "--role", "admin", "--json"];
        let made: Value = serde_json::from_str(&ran(mapek(&args), "").await.out).unwrap();
        let (api, d) = (free_port(), desk.directory.path().display().to_string());
        let text = format!(
            "orchestrator: {{loop_interval: 1s}}\n\
             monitor: {{scrape_interval: 1s, targets: [{{url: 'http://{0}/metrics', job: charter}}]}}\n\
             plan: {{pace: 0.1}}\n\
             execute: {{charter_url: 'http://{0}', state_dir: '{d}/state'}}\n\
             alertmanager: {{enabled: false, notify: {{webhooks: [{{name: pager, url: 'http://127.0.0.1:1/'}}]}}}}\n\
             knowledge: {{sqlite_path: '{d}/knowledge.db'}}\n\
             api: {{port: {api}, requests_per_second: 1000, auth: {{tokens: [{{name: ada, role: admin, sha256: {1}}}]}}}}\n\
             logging: {{file: '{d}/loop.log'}}\n",
            plant.address, made["entry"]["sha256"],
        );
        let path = desk.directory.path().join("loop.yaml");
        std::fs::write(&path, text).unwrap();
        let child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
        let url = format!("http://127.0.0.1:{api}");
        let token = made["token"].as_str().unwrap().to_owned();
        desk.variables = vec![("MAPEK_URL", url.clone()), ("MAPEK_TOKEN", token)];
        desk.words = vec![
            ("/etc/mapek/mapek.yaml", path.display().to_string()),
            ("/var/backups/", format!("{d}/backups/")),
        ];
        let beside = Self { plant, child, desk, url };
        wait_until(DEADLINE, "a loop that is ready", async || {
            beside.desk.shell("mapek status").await.code == Some(0)
        })
        .await
        .unwrap();
        beside
    }
}

impl Beside {
    /// A plan is approved, carried out and judged, and the next one is held back: there is something to count, and to tell people.
    async fn something_happens(&self) {
        let drift = || Fault::new(FaultKind::ConfigurationDrift);
        self.plant.charter.inject(drift()).unwrap();
        self.until("mapek plans list", "approved by 0 of 1").await;
        let approve = "plan=$(mapek plans list | awk '/approved by 0/ {print $1; exit}')\n\
                       mapek plans approve \"$plan\" --yes --reason documents";
        assert_eq!(self.desk.shell(approve).await.code, Some(0));
        self.until("mapek outcomes", "VERDICT").await;
        let paused = self.desk.shell("mapek pause --reason documents").await;
        assert_eq!(paused.code, Some(0), "{paused:?}");
        self.plant.charter.inject(drift()).unwrap();
    }

    /// What is forbidden is read, and a policy is wrong; the loop is paused, and lets it be.
    fn more_is_wrong(&self) {
        for kind in [FaultKind::Attack, FaultKind::PolicyMisconfiguration] {
            self.plant.charter.inject(Fault::new(kind)).unwrap();
        }
    }

    async fn until(&self, script: &str, words: &str) {
        let said = async || has(&self.desk.shell(script).await.out, words);
        wait_until(PATIENCE, words, said).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_documents_run() {
    let mut beside = Beside::start().await;
    let mut told = String::new();
    for document in DOCUMENTS.iter().filter(|it| **it != TUTORIAL) {
        let count = beside.desk.run(document).await;
        writeln!(told, "{document}: {count}").unwrap();
    }
    assert!(
        told.contains("docs/runbook.md: 6")
            && told.contains("docs/cli.md: 3")
            && told.contains("docs/operations.md: 6"),
        "{told}"
    );
    beside.child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_runs_from_beginning_to_end() {
    let mut desk = Desk::new();
    desk.words = vec![("8000", free_port().to_string()), ("8001", free_port().to_string())];
    let charter = Path::new(env!("CARGO_BIN_EXE_mapek")).with_file_name("charter-simd");
    assert!(charter.is_file(), "build it first: cargo build -p charter-simd");
    let done = desk.run(TUTORIAL).await;
    assert!(done >= 10, "{done}");
}

/// Queries of boards that nothing here can answer, with the reason.
const UNANSWERED: [(&str, &str); 2] =
    [("ALERTS", "no alert fires"), ("mape_k_time_to_remediate_seconds", "no plan has succeeded")];

#[tokio::test(flavor = "multi_thread")]
async fn queries_in_documents_boards_and_rules_answer_something() {
    let mut beside = Beside::start().await;
    beside.something_happens().await;
    beside.more_is_wrong();
    let prometheus = Prometheus::builder()
        .scrape("charter", [beside.plant.address])
        .scrape("mapek", [beside.url.trim_start_matches("http://")])
        .scrape_interval(Duration::from_secs(1))
        .start()
        .await
        .unwrap();
    let mut asked = 0;
    let mut documents = DOCUMENTS.to_vec();
    documents.extend(["docs/metrics.md", "README.md"]);
    for document in documents {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for block in blocks(&text).iter().filter(|block| block.language == "promql") {
            let place = format!("{document}:{}: {}", block.line, block.text.trim());
            prometheus.wait_for(block.text.trim(), DEADLINE).await.expect(&place);
            asked += 1;
        }
    }
    assert!(asked >= 19, "{asked}");
    // Each family that the process shows is documented, whoever of its parts counts it.
    let shown =
        reqwest::get(format!("{}/metrics", beside.url)).await.unwrap().text().await.unwrap();
    let families = shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let families: BTreeSet<_> = families.map(|(name, _)| name).collect();
    assert!(families.len() >= 19, "{families:?}");
    let reference = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    for name in families {
        let rows = [format!("| `{name}` "), format!("| `{name}_total` ")];
        assert!(rows.iter().any(|row| reference.contains(row)), "{name} is not in docs/metrics.md");
    }
    let (boards, rules) = (queries::boards(), queries::rules());
    assert!(boards.len() >= 60 && rules.len() == 19, "{} {}", boards.len(), rules.len());
    let unanswered = |text: &str| UNANSWERED.iter().any(|(name, _)| text.contains(name));
    // Every name, with every label that anything goes by, is in what the processes show.
    let series: BTreeSet<_> =
        boards.iter().chain(&rules).flat_map(|it| queries::series(&it.expression)).collect();
    for selector in series.iter().filter(|it| !unanswered(it)) {
        prometheus.wait_for(selector, DEADLINE).await.expect(selector);
    }
    for query in boards.iter().filter(|it| !unanswered(&it.expression)) {
        prometheus.wait_for(&query.expression, DEADLINE).await.expect(&query.place);
    }
    beside.child.kill().await.unwrap();
}

#[test]
fn the_series_of_an_expression_have_the_labels_that_it_goes_by() {
    let found = queries::series(r#"sum by (a) (rate(x{b="c"}[5m])) / on () max(y) or absent(z)"#);
    let expected = [r#"x{a!="",b!=""}"#, "y{}", "z{}"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn every_block_that_is_not_run_says_why() {
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for block in blocks(&text) {
            let place = format!("{document}:{}", block.line);
            let marker = block.marker.as_str();
            let reason = marker.strip_prefix("no-run: ").or(marker.strip_prefix("until: "));
            assert!(marker.is_empty() || reason.is_some_and(|it| !it.is_empty()), "{place}");
            assert!(block.language != "bash" && block.language != "shell", "{place}: write sh");
        }
    }
}

#[test]
fn figures_are_those_of_the_benchmarks() {
    let measured = std::fs::read_to_string(root().join("docs/benchmarks.json")).unwrap();
    let measured: Value = serde_json::from_str(&measured).unwrap();
    let text = std::fs::read_to_string(root().join("docs/performance.md")).unwrap();
    let mut held = 0;
    for part in text.split('`').collect::<Vec<_>>().windows(2) {
        let (name, rest) = (part[0], part[1]);
        let Some(nanos) = measured["median_ns"][name].as_f64() else { continue };
        let written: f64 = rest.split_whitespace().next().unwrap().parse().unwrap();
        assert!(rest.trim_start().contains(" ms"), "{name}: {rest}");
        let millis = nanos / 1e6;
        assert!(
            (written / millis - 1.0).abs() < 0.05,
            "{name}: {written} ms, measured {millis} ms"
        );
        held += 1;
    }
    assert!(held >= 20, "{held}");
}

#[test]
fn blocks_are_read_with_their_markers() {
    let text =
        "a\n```sh\nx\n```\n  ```console no-run: why\n$ a\nb\n  ```\n```sh until: y *z|w\nv\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 3);
    assert_eq!((found[0].line, found[0].script().as_deref()), (2, Some("x\n")));
    assert_eq!(found[1].script(), None);
    assert_eq!(found[2].until(), ["y *z", "w"]);
    assert!(has("a y    z b", "y *z") && !has("yz", "y *z"));
    let console =
        Block { language: "console".to_owned(), marker: String::new(), ..found[1].clone() };
    assert_eq!(console.script().as_deref(), Some("a"));
}
