//! The recipes of images: what they copy is there, and what they run is understood.

use serde_json::Value;

use crate::{
    files::{root, text, tool},
    support::{mapek, ran},
};

/// One instruction with its arguments; lines that go on are put together.
pub(crate) fn instructions(file: &str) -> Vec<(String, String)> {
    let joined = text(file).replace("\\\n", " ");
    let lines =
        joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect()
}

fn arguments(of: &str, file: &str) -> Vec<String> {
    instructions(file).into_iter().filter(|(name, _)| name == of).map(|(_, rest)| rest).collect()
}

fn only(of: &str, file: &str) -> String {
    let mut all = arguments(of, file);
    assert_eq!(all.len(), 1, "{file}: {of}");
    all.remove(0)
}

/// A list of words, as `CMD` has it.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
}

const MAPE_K: &str = "Dockerfile.mape-k";
const CHARTER: &str = "Dockerfile.charter";

#[test]
fn images_hold_a_static_program_and_run_it_as_nobody() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let version = version.trim_matches('"');
    for (file, program) in [(MAPE_K, "mapek"), (CHARTER, "charter-simd")] {
        let from = arguments("FROM", file);
        assert_eq!(from, [format!("rust:{version}-slim-bookworm AS build"), "scratch".to_owned()]);
        let build = arguments("RUN", file).join("\n");
        for needed in [
            "-C target-feature=+crt-static".to_owned(),
            format!("--bin {program}"),
            "--locked --release --target \"$target\"".to_owned(),
            format!("/root-of-image/{program}"),
        ] {
            assert!(build.contains(&needed), "{file}: no {needed} in {build}");
        }
        assert_eq!(only("USER", file), "65532:65532");
        assert_eq!(words(&only("ENTRYPOINT", file)), [format!("/{program}")]);
        let copies = arguments("COPY", file);
        assert_eq!(copies[..2], [". .", "--from=build /root-of-image/ /"], "{file}");
        // What is written to belongs to who writes.
        let state = "/root-of-image/var/lib/mape-k /var/lib/mape-k";
        let owned = (file == MAPE_K).then(|| format!("--from=build --chown=65532:65532 {state}"));
        assert_eq!(copies.get(2), owned.as_ref(), "{file}");
    }
    // Keys and passwords of a machine (`deploy/.env`) are in no image, and in no commit.
    for (file, names) in [
        (".dockerignore", &["target", ".git", "**/.env"][..]),
        (".gitignore", &["/target", ".env"]),
    ] {
        let ignored = std::fs::read_to_string(root().join(file)).unwrap();
        for name in names {
            assert!(ignored.lines().any(|line| line == *name), "{file}: {name}");
        }
    }
}

#[test]
fn what_an_image_copies_from_the_repository_is_there() {
    for word in arguments("RUN", MAPE_K).join(" ").split_whitespace() {
        if word.starts_with("config/") {
            assert!(root().join(word).is_file(), "{word}");
        }
    }
    let variable = only("ENV", MAPE_K);
    let (name, path) = variable.split_once('=').unwrap();
    assert_eq!(name, "MAPEK_CONFIG");
    let copied =
        format!("cp config/mape_k_config.yaml /root-of-image{}", path.rsplit_once('/').unwrap().0);
    assert!(arguments("RUN", MAPE_K).join(" ").contains(&copied), "{copied}");
    // `cargo xtask static` tries the program among the same files.
    let tried = std::fs::read_to_string(root().join("bins/xtask/src/image.rs")).unwrap();
    for file in
        ["etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt", "etc/mape-k/mape_k_config.yaml"]
    {
        let parent = file.rsplit_once('/').unwrap().0;
        assert!(
            arguments("RUN", MAPE_K).join(" ").contains(&format!("/root-of-image/{parent}")),
            "{file}"
        );
        assert!(tried.contains(file), "{file}");
    }
}

#[tokio::test]
async fn images_ask_themselves_how_they_are_and_say_where_they_listen() {
    let checks = only("HEALTHCHECK", MAPE_K);
    let check = words(&checks);
    assert_eq!(check[0], "/mapek");
    let check: Vec<_> = check[1..].iter().map(String::as_str).chain(["--help"]).collect();
    let told = ran(mapek(&check), "").await;
    assert!(told.code == Some(0) && told.out.contains("Usage: mapek health"), "{told:?}");
    let run = words(&only("CMD", MAPE_K));
    let run: Vec<_> = run.iter().map(String::as_str).chain(["--help"]).collect();
    assert!(ran(mapek(&run), "").await.out.contains("Usage: mapek run"));

    let charter = charter();
    let check = words(&only("HEALTHCHECK", CHARTER));
    assert_eq!(check[0], "/charter-simd");
    let check: Vec<_> = check[1..].iter().map(String::as_str).chain(["--help"]).collect();
    let told = tool(&charter, &check).await;
    assert!(told.code == Some(0) && told.out.contains("--url <URL>"), "{told:?}");
    let listen = words(&only("CMD", CHARTER));
    let port = listen.last().unwrap().rsplit(':').next().unwrap();
    assert_eq!(only("EXPOSE", CHARTER), port);
    assert!(told.out.contains(&format!("[default: http://127.0.0.1:{port}]")), "{}", told.out);
    // Every flag that it is started with is known, and none is missing a value.
    let mut known: Vec<_> = listen.iter().map(String::as_str).collect();
    known.push("--help");
    assert_eq!(tool(&charter, &known).await.code, Some(0));

    let show = ran(mapek(&["config", "show", "--json"]), "").await;
    let config: Value = serde_json::from_str(&show.out).unwrap();
    let ports: Vec<_> =
        only("EXPOSE", MAPE_K).split(' ').map(|it| it.parse::<u16>().unwrap()).collect();
    let (api, webhook) = (&config["api"]["port"], &config["alertmanager"]["webhook_port"]);
    assert_eq!([Value::from(ports[0]), Value::from(ports[1])], [api.clone(), webhook.clone()]);
}

/// The other program; it is built with all tests.
pub(crate) fn charter() -> std::path::PathBuf {
    let charter = std::path::Path::new(env!("CARGO_BIN_EXE_mapek")).with_file_name("charter-simd");
    assert!(charter.is_file(), "build it first: cargo build -p charter-simd");
    charter
}
