//! Files as others put them there: links that are swapped, as Kubernetes does with volumes, and files that are moved over others.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use mapek_tls::{ClientFiles, Look, ServerFiles, Watched};

use crate::support::*;

/// A certificate, its key, and who signed it.
const NAMES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

/// A volume as the kubelet makes it: each file is a link into `..data`, which is a link to a directory with a name of its own.
struct Volume {
    files: Files,
    version: u32,
}

impl Volume {
    /// One with files as cert-manager names them.
    fn holding(pair: &Pair, ca: &Authority) -> Self {
        let mut volume = Self { files: Files::new(), version: 0 };
        volume.hold(pair, ca);
        for name in NAMES {
            symlink(PathBuf::from("..data").join(name), volume.files.path(name)).unwrap();
        }
        volume
    }

    /// Holds something else from one moment to the next; what was before is gone.
    fn hold(&mut self, pair: &Pair, ca: &Authority) {
        let (before, link) = (format!("..{}", self.version), self.files.path("..data_tmp"));
        self.version += 1;
        let now = format!("..{}", self.version);
        fs::create_dir(self.files.path(&now)).unwrap();
        for (name, text) in NAMES.iter().zip([&pair.certificate, &pair.key, &ca.pem()]) {
            self.files.write(&format!("{now}/{name}"), text);
        }
        symlink(&now, &link).unwrap();
        fs::rename(&link, self.files.path("..data")).unwrap();
        if self.version > 1 {
            fs::remove_dir_all(self.files.path(&before)).unwrap();
        }
    }
}

fn renewed(tls: &impl Watched) {
    assert!(matches!(tls.look(now()), Look::Same), "not before two looks agree");
    let look = tls.look(now());
    assert!(matches!(look, Look::Renewed), "{look:?}");
    assert!(matches!(tls.look(now()), Look::Same));
}

#[tokio::test]
async fn a_volume_whose_link_is_swapped_is_followed_by_both_sides() {
    let (one, two) = (authority("one"), authority("two"));
    let named = |by: &Authority| Pair::of(by, vec![uri("spiffe://prod/mapek"), dns("localhost")]);
    let first = named(&one);
    let mut volume = Volume::holding(&first, &one);
    let [certificate, key, ca] = NAMES.map(|name| volume.files.path(name));
    let server = opened(ServerFiles {
        certificate: certificate.clone(),
        key: key.clone(),
        client_ca: Some(ca.clone()),
        client_required: true,
    });
    let client = calling(ClientFiles {
        ca: Some(ca),
        certificate: Some(certificate),
        key: Some(key),
        ..ClientFiles::default()
    });
    let ours = server.clone();
    let (address, mut told, _serving) = listen(move || ours.config()).await;
    let stream = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&stream), der(&first.certificate));
    assert_eq!(told.recv().await.unwrap().unwrap().1, Some(der(&first.certificate)));

    // Another authority, too: each side has to believe what the other shows from then on.
    let second = named(&two);
    volume.hold(&second, &two);
    renewed(&server);
    renewed(&client);
    let stream = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&stream), der(&second.certificate));
    assert_eq!(told.recv().await.unwrap().unwrap().1, Some(der(&second.certificate)));

    // A link that leads nowhere is told, and takes nothing away.
    fs::remove_file(volume.files.path("..data")).unwrap();
    server.look(now());
    let Look::Refused(error) = server.look(now()) else { panic!("it is refused") };
    assert!(names(&error.to_string(), &volume.files.path("tls.crt")), "{error}");
    call(client.config(), address, "localhost").await.unwrap();
}

#[tokio::test]
async fn files_that_are_moved_over_others_are_followed() {
    let (ca, files) = (authority("ca"), Files::new());
    let server = opened(files.server(&Pair::of(&ca, vec![dns("localhost")]), None));
    let client = calling(files.client(&ca));
    let ours = server.clone();
    let (address, _told, _serving) = listen(move || ours.config()).await;
    let next = Pair::of(&ca, vec![dns("localhost")]);
    let beside = files.pair("beside", &next);
    fs::rename(beside.0, files.path("server.pem")).unwrap();
    assert!(matches!(server.look(now()), Look::Same), "one of two is there");
    fs::rename(beside.1, files.path("server.key")).unwrap();
    renewed(&server);
    let stream = call(client.config(), address, "localhost").await.unwrap();
    assert_eq!(shown(&stream), der(&next.certificate));
}
