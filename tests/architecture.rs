//! The direction of dependencies, as `cargo metadata` and `cargo tree` see it.
//!
//! An absence is the easiest invariant to lose, so it is what is tested here. A test that fails asks a question: is
//! the new arrow wanted? If it is, the table below is edited in the same commit, and the review sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

const CLIENTS: &[&str] = &["alertmanager-client", "charter-client"];
const STAGES: &[&str] =
    &["mapek-monitor", "mapek-analyze", "mapek-plan", "mapek-execute", "mapek-knowledge"];
/// Crates that compute: no runtime, no I/O.
const PURE: &[&str] = &["mapek-model", "mapek-signal", "mapek-analyze", "mapek-plan"];
/// What a member may use if it only tests or shows others.
const ANYTHING: &[&str] = &["*"];

/// Which of our own crates each member may need (normal dependencies, optional ones included).
const ARROWS: &[(&str, &[&str])] = &[
    ("mapek-model", &[]),
    ("alertmanager-client", &[]),
    ("charter-client", &[]),
    ("charter-sim", &["charter-client"]),
    ("mapek-signal", &["mapek-model"]),
    ("mapek-store", &["mapek-model"]),
    (
        "mapek-monitor",
        // The store keeps the inbox of webhooks; the clients are features.
        &["mapek-model", "mapek-signal", "mapek-store", "alertmanager-client", "charter-client"],
    ),
    ("mapek-analyze", &["mapek-model", "mapek-signal"]),
    ("mapek-plan", &["mapek-model"]),
    ("mapek-execute", &["mapek-model", "mapek-store", "charter-client"]),
    ("mapek-knowledge", &["mapek-model", "mapek-store"]),
    (
        "mapek-loop",
        &[
            "mapek-model",
            "mapek-monitor",
            "mapek-analyze",
            "mapek-plan",
            "mapek-execute",
            "mapek-knowledge",
        ],
    ),
    ("mapek-scrape", &["mapek-model", "mapek-monitor"]),
    // It knows no loop: any service may speak TLS by it.
    ("mapek-tls", &[]),
    ("mapek-server", &["mapek-model", "mapek-loop", "mapek-tls"]),
    // The executor's decisions and damages are in what the loop shows; the client is a feature.
    ("mapek-notify", &["mapek-model", "mapek-loop", "mapek-execute", "alertmanager-client"]),
    (
        "mapek",
        &[
            "mapek-model",
            "mapek-signal",
            "mapek-store",
            "mapek-monitor",
            "mapek-analyze",
            "mapek-plan",
            "mapek-execute",
            "mapek-knowledge",
            "mapek-loop",
            "mapek-scrape",
            "mapek-server",
            "mapek-notify",
            "mapek-tls",
            "alertmanager-client",
            "charter-client",
        ],
    ),
    ("mapek-testkit", &["mapek-model"]),
    // The binary composes: the facade, and the factories that choose between real and in-process.
    ("mapek-cli", &["mapek", "mapek-eval", "alertmanager-client", "charter-client", "charter-sim"]),
    (
        "mapek-eval",
        &[
            "mapek-model",
            // What correlates, for the baseline of the seed formulas.
            "mapek-signal",
            "mapek-loop",
            "mapek-monitor",
            "mapek-execute",
            "mapek-scrape",
            "charter-client",
            "charter-sim",
        ],
    ),
    (
        "mapek-dst",
        &[
            "mapek-model",
            "mapek-store",
            "mapek-monitor",
            "mapek-analyze",
            "mapek-plan",
            "mapek-execute",
            "mapek-knowledge",
            "mapek-loop",
        ],
    ),
    ("charter-simd", &["charter-sim", "mapek-tls"]),
    ("xtask", &[]),
    ("mapek-crash", ANYTHING),
    ("mapek-disk", &["mapek-model", "mapek-store"]),
    ("mapek-fuzz", ANYTHING),
    ("mapek-examples", ANYTHING),
    ("mapek-tests", ANYTHING),
];

/// The one member with unsafe code: SQLite's file system under test.
const UNSAFE: &str = "mapek-disk";

/// Packages that the workspace promises to build on, in real use.
const CARD: &[&str] = &[
    "tokio",
    "hyper",
    "serde_json",
    "async-trait",
    "prometheus-http-query",
    "tracing-subscriber",
    "mockall",
    "proptest",
];

#[test]
fn our_own_arrows_are_those_of_the_table() {
    let metadata = metadata();
    let table: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = vec![];
    for (name, needs) in own_arrows(&metadata) {
        let Some(allowed) = table.get(name.as_str()) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        let may = |need: &String| *allowed == ANYTHING || allowed.contains(&need.as_str());
        wrong
            .extend(needs.iter().filter(|need| !may(need)).map(|need| format!("{name} -> {need}")));
    }
    let members: BTreeSet<_> = members(&metadata).map(|member| member.name.to_string()).collect();
    let stale = table.keys().filter(|name| !members.contains(**name));
    wrong.extend(stale.map(|name| format!("{name} is in the table only")));
    none(wrong);
}

#[test]
fn stages_never_depend_on_each_other() {
    let arrows = own_arrows(&metadata());
    for stage in STAGES {
        let wrong = arrows[*stage].iter().filter(|need| STAGES.contains(&need.as_str()));
        none(wrong.map(|other| format!("{stage} -> {other}")));
    }
}

#[test]
fn clients_serve_people_who_have_no_loop() {
    let arrows = own_arrows(&metadata());
    for client in CLIENTS {
        let wrong = arrows[*client].iter().filter(|need| need.starts_with("mapek"));
        none(wrong.map(|other| format!("{client} -> {other}")));
    }
}

#[test]
fn what_computes_has_no_runtime() {
    for name in PURE {
        let tree = tree(&["-p", name, "--all-features"]);
        none(below(&tree, &["tokio", "hyper", "reqwest", "async-std", "smol"], name));
    }
}

#[test]
fn the_loop_knows_no_managed_system_and_no_metric_source() {
    let tree = tree(&["-p", "mapek-loop", "--all-features"]);
    assert!(tree.contains("mapek-monitor"), "cargo tree shows no tree");
    none(below(&tree, &["prometheus", "alertmanager", "charter"], "mapek-loop"));
}

#[test]
fn the_facade_without_charter_pulls_in_no_charter() {
    let others: Vec<_> = facade_features().into_iter().filter(|name| name != "charter").collect();
    assert!(others.iter().any(|name| name == "prometheus"), "{others:?}");
    let without = facade(&others.join(","));
    none(below(&without, &["charter"], "mapek without `charter`"));
    assert!(facade("charter").contains("charter-client"), "the feature brings nothing");
}

#[test]
fn the_facade_without_features_is_the_loop_alone() {
    let tree = facade("");
    assert!(tree.contains("mapek-loop"), "cargo tree shows no tree");
    let foreign =
        ["charter", "prometheus", "alertmanager", "rusqlite", "hyper", "reqwest", "tsink"];
    none(below(&tree, &foreign, "mapek without features"));
}

#[test]
fn who_embeds_the_loop_gets_no_system_of_ours() {
    let embed = ["-p", "mapek-examples", "--no-default-features", "--features", "embed"];
    let tree = tree(&embed);
    assert!(tree.contains("mapek-loop"), "cargo tree shows no tree");
    let foreign = ["charter", "prometheus", "alertmanager", "hyper", "reqwest"];
    none(below(&tree, &foreign, "the example embed_loop"));
}

/// A build of all packages at once has the code of them, so nobody but the simulation may ask for it. There is none
/// until code puts one in.
#[test]
fn only_the_simulation_asks_for_defects() {
    let metadata = metadata();
    let asks = |member: &&Package| {
        let needs = member.dependencies.iter().flat_map(|need| &need.features);
        let forwards = member.features.values().flatten();
        needs.chain(forwards).any(|it| it.rsplit('/').next() == Some("defects"))
    };
    let all: Vec<_> =
        members(&metadata).filter(asks).map(|member| member.name.to_string()).collect();
    assert_eq!(all, ["mapek-dst"]);
}

#[test]
fn only_programs_install_a_subscriber() {
    let metadata = metadata();
    let libraries = members(&metadata).filter(|member| directory(member).starts_with("crates"));
    let wrong = libraries.filter(|member| {
        let normal = |kind| kind == DependencyKind::Normal;
        member
            .dependencies
            .iter()
            .any(|need| need.name == "tracing-subscriber" && normal(need.kind))
    });
    none(wrong.map(|member| format!("{} -> tracing-subscriber", member.name)));
}

#[test]
fn every_promised_package_is_in_real_use() {
    let metadata = metadata();
    let sources: Vec<_> = members(&metadata).map(|member| (member, code(member))).collect();
    let unused = CARD.iter().filter(|package| {
        let path = format!("{}::", package.replace('-', "_"));
        !sources.iter().any(|(member, code)| {
            let is_direct = member.dependencies.iter().any(|need| need.name == **package);
            is_direct && mentions(code, &path)
        })
    });
    none(unused.map(|package| format!("no member that depends on {package} uses it")));
}

#[test]
fn manifests_inherit_what_the_workspace_sets() {
    let metadata = metadata();
    let mut wrong = vec![];
    for member in members(&metadata) {
        let text = read(member.manifest_path.as_std_path());
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for key in ["version", "edition", "rust-version", "license", "repository", "authors"] {
            if !lines.contains(&format!("{key}.workspace = true").as_str()) {
                wrong.push(format!("{}: {key} is not inherited", member.name));
            }
        }
        let inherits = lines.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]);
        if member.name == UNSAFE {
            let lints = lints(&read(&root().join("Cargo.toml")));
            let own = lints.iter().filter(|lint| *lint != "unsafe_code = \"forbid\"");
            let missing = own.filter(|lint| !lines.contains(&lint.as_str()));
            wrong.extend(missing.map(|lint| format!("{UNSAFE}: without the lint {lint}")));
        } else if !inherits {
            wrong.push(format!("{}: lints are not inherited", member.name));
        }
        let own = own_requirements(&lines);
        wrong.extend(own.map(|line| format!("{}: not from the workspace: {line}", member.name)));
    }
    none(wrong);
}

/// Unsafe code is needed for one thing, and nothing that is shipped knows of it.
#[test]
fn unsafe_code_is_in_one_crate_that_nobody_ships() {
    let metadata = metadata();
    let lints = lints(&read(&root().join("Cargo.toml")));
    assert!(lints.iter().any(|lint| lint == "unsafe_code = \"forbid\""), "{lints:?}");
    let member = members(&metadata).find(|member| member.name == UNSAFE).expect("it is a member");
    assert_eq!(member.publish, Some(vec![]), "{UNSAFE} is published");
    let arrows = own_arrows(&metadata);
    let who =
        arrows.iter().filter(|(name, needs)| needs.contains(UNSAFE) && **name != "mapek-crash");
    none(who.map(|(name, _)| format!("{name} -> {UNSAFE}")));
}

/// A build of what is shipped turns on no feature that only a harness asks for.
#[test]
fn what_is_built_unasked_is_what_is_shipped() {
    let manifest = read(&root().join("Cargo.toml"));
    let line =
        manifest.lines().find(|line| line.starts_with("default-members")).unwrap_or_default();
    assert_eq!(line, r#"default-members = ["bins/mapek-cli", "bins/charter-simd"]"#);
}

#[test]
fn every_member_says_what_it_is_for() {
    let metadata = metadata();
    let silent = members(&metadata)
        .filter(|member| member.description.as_ref().is_none_or(String::is_empty));
    none(silent.map(|member| format!("{} has no description", member.name)));
}

/// A registry shows the README, and documentation begins with the library: both say the same of what it is.
#[test]
fn who_is_published_introduces_itself_as_its_documentation_does() {
    let metadata = metadata();
    let published =
        members(&metadata).filter(|member| member.publish.as_ref().is_none_or(|it| !it.is_empty()));
    none(published.filter_map(|member| {
        let directory = root().join(directory(member));
        let library = read(&directory.join("src/lib.rs"));
        let said = library.lines().next().unwrap_or_default().trim_start_matches("//! ");
        let heading = format!("# {}\n\n{said}\n", member.name);
        let readme = std::fs::read_to_string(directory.join("README.md")).unwrap_or_default();
        let well = readme.starts_with(&heading);
        (!well).then(|| format!("README.md of {} does not begin with: {heading}", member.name))
    }));
}

#[test]
fn the_directory_of_a_library_is_its_name() {
    let metadata = metadata();
    let wrong = members(&metadata).filter(|member| {
        let directory = directory(member);
        directory.starts_with("crates")
            && directory != Path::new("crates").join(member.name.as_str())
    });
    none(wrong.map(|member| format!("{} is in {}", member.name, directory(member).display())));
}

#[test]
fn the_helpers_can_tell() {
    assert!(mentions("let x = tokio::spawn(y);", "tokio::"));
    assert!(!mentions("// tokio::spawn\n//! tokio::x", "tokio::"), "a comment is no use");
    assert!(!mentions("my_tokio::spawn(y)", "tokio::"), "another crate is no use");
    let tree = BTreeSet::from(["tokio-util".to_owned(), "serde".to_owned()]);
    assert_eq!(below(&tree, &["tokio"], "x"), ["x -> … -> tokio-util"]);
    let lines = ["[dependencies]", "a.workspace = true", "b = \"1\"", "[features]", "c = []"];
    assert_eq!(own_requirements(&lines).collect::<Vec<_>>(), ["b = \"1\""]);
    let lines = ["[target.'cfg(unix)'.dependencies]", "a.workspace = true", "d = \"2\""];
    assert_eq!(own_requirements(&lines).collect::<Vec<_>>(), ["d = \"2\""]);
}

/// What the workspace's manifest says of lints, line by line.
fn lints(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let of = |line: &&str| {
        if line.starts_with('[') {
            inside = line.starts_with("[workspace.lints.");
        }
        inside && line.contains('=')
    };
    manifest.lines().filter(of).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a workspace").into()
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo metadata reads the workspace that it has just built")
}

fn members(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.packages.iter()
}

/// The normal dependencies of each member on other members.
fn own_arrows(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let needs = |member: &Package| {
        let normal = member.dependencies.iter().filter(|need| need.kind == DependencyKind::Normal);
        normal.filter(|need| need.path.is_some()).map(|need| need.name.clone()).collect()
    };
    members(metadata).map(|member| (member.name.to_string(), needs(member))).collect()
}

/// Where a member lives, from the root of the workspace.
fn directory(member: &Package) -> PathBuf {
    let manifest = member.manifest_path.as_std_path();
    let path = manifest.strip_prefix(root()).expect("members are inside the workspace");
    path.parent().expect("a manifest is in a directory").into()
}

/// The names of all packages that a selection is built from: normal dependencies, on this system.
fn tree(selection: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let done = command.args(selection).current_dir(root()).output().expect("cargo can be run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8_lossy(&done.stdout);
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn facade(features: &str) -> BTreeSet<String> {
    tree(&["-p", "mapek", "--no-default-features", "--features", features])
}

fn facade_features() -> Vec<String> {
    let metadata = metadata();
    let facade = members(&metadata).find(|member| member.name == "mapek");
    let features = facade.expect("the facade is a member").features.keys();
    features.filter(|name| *name != "default").cloned().collect()
}

/// What a tree holds although it must not: packages whose names start like one of these.
fn below(tree: &BTreeSet<String>, forbidden: &[&str], who: &str) -> Vec<String> {
    let is_forbidden = |name: &str| forbidden.iter().any(|start| name.starts_with(start));
    let found = tree.iter().filter(|name| is_forbidden(name));
    found.map(|name| format!("{who} -> … -> {name}")).collect()
}

/// The lines of a manifest that require a package otherwise than from the workspace.
fn own_requirements<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut is_requirement = false;
    lines.iter().copied().filter(move |line| {
        if line.starts_with('[') {
            is_requirement = line.ends_with("dependencies]");
            return false;
        }
        is_requirement
            && line.contains('=')
            && !line.starts_with('#')
            && !line.contains("workspace = true")
    })
}

/// All Rust files of a member, one after the other.
fn code(member: &Package) -> String {
    let mut code = String::new();
    let mut open = vec![root().join(directory(member))];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a directory of ours can be read");
            open.extend(entries.flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code += &read(&path);
        }
    }
    code
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether code, not a comment, names a path.
fn mentions(code: &str, path: &str) -> bool {
    let lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    lines.into_iter().any(|line| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

#[track_caller]
fn none(wrong: impl IntoIterator<Item = String>) {
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}
