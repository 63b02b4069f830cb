//! Where a request says that it goes, and where from.
//!
//! A page in a browser can make any name mean this address (DNS rebinding), and can have the browser send requests here in its user's
//! name. It cannot choose what the headers `Host` and `Origin` say.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, Method, Uri, header, uri::Authority};

/// What allows every name.
const ANY: &str = "*";

/// The authority that a request is addressed to, if there is exactly one and it is one.
pub(super) fn authority(uri: &Uri, headers: &HeaderMap) -> Result<Authority, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    // HTTP/2 and absolute targets name it in the request line, which then counts (RFC 9112, section 3.2.2).
    let named = match (uri.authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) => return Err("there are several Host headers"),
        (Some(authority), _, None) => authority.clone(),
        (None, Some(host), None) => {
            Authority::try_from(host.as_bytes()).map_err(|_| "the Host header names no host")?
        }
        (None, None, None) => return Err("there is no Host header"),
    };
    if named.as_str().contains('@') || named.host().is_empty() {
        return Err("the Host header names no host");
    }
    Ok(named)
}

/// Whether a host is one of ours: a loopback name or address, the address that the connection came in on, or an allowed name.
pub(super) fn is_ours(
    authority: &Authority,
    local: Option<SocketAddr>,
    allowed: &BTreeSet<String>,
) -> bool {
    let host = authority.host().to_ascii_lowercase();
    if allowed.contains(ANY) || allowed.contains(&host) || host == "localhost" {
        return true;
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let local = local.map(|local| local.ip().to_canonical());
    address.is_ok_and(|it| it.is_loopback() || Some(it.to_canonical()) == local)
}

/// Where a request goes to: what its origin is compared with.
#[derive(Debug)]
pub(super) struct Here {
    /// The host that it names.
    pub(super) authority: Authority,
    /// Whether it came by TLS. Then a page that came in clear text is not from here, but from whoever stands between.
    /// Without, a proxy may speak TLS for us.
    pub(super) tls: bool,
}

/// Whether a request comes from a page that may send it, or from no page at all.
pub(super) fn may_come_from(
    method: &Method,
    headers: &HeaderMap,
    here: &Here,
    allowed: &BTreeSet<String>,
) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (_, Some(_)) => return false,
        (Some(origin), None) => {
            let Ok(origin) = origin.to_str() else { return false };
            return is_own(origin, here) || allowed.contains(&origin.to_ascii_lowercase());
        }
        (None, None) => {}
    }
    let said = |name: &str| headers.get(name).map(|value| value.as_bytes());
    match said("sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => true,
        // A link on another page may be followed; an image, a script or a form there may not ask for anything.
        Some(_) => {
            (method == Method::GET || method == Method::HEAD)
                && said("sec-fetch-mode") == Some(b"navigate")
        }
    }
}

/// Whether an origin is that of pages that were served from here.
fn is_own(origin: &str, here: &Here) -> bool {
    let (origin, to) = (origin.to_ascii_lowercase(), here.authority.as_str().to_ascii_lowercase());
    let is_by = |scheme| origin.strip_prefix(scheme) == Some(to.as_str());
    is_by("https://") || !here.tls && is_by("http://")
}

/// Whether a request says that a page of ours sends it. What a browser adds by itself, such as a cookie, proves nothing without.
pub(super) fn comes_from_own_page(headers: &HeaderMap, here: &Here) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| is_own(origin, here)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn ours(host: &str, allowed: &[&str]) -> bool {
        let request = request("/", &[("host", host)]);
        let local = Some("192.0.2.7:8001".parse().unwrap());
        authority(request.uri(), request.headers())
            .is_ok_and(|authority| is_ours(&authority, local, &set(allowed)))
    }

    #[test]
    fn hosts_are_ours_by_loopback_by_the_address_we_are_at_or_by_name() {
        for host in [
            "localhost",
            "localhost:8001",
            "LOCALHOST",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]:8001",
            "192.0.2.7:8001",
            "[::ffff:192.0.2.7]",
            "mapek.example",
            "MAPEK.example:443",
        ] {
            assert!(ours(host, &["mapek.example"]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example#localhost",
            "user@localhost",
            "localhost@evil.example",
            "localhost/x",
            "mapek.example.",
            "x.mapek.example",
            "192.0.2.8",
            "0.0.0.0",
            "2130706433",
            "loc alhost",
        ] {
            assert!(!ours(host, &["mapek.example"]), "{host}");
        }
        assert!(ours("anything.example", &["*"]));
    }

    #[test]
    fn one_host_is_named_once() {
        let none = request("/", &[]);
        assert!(authority(none.uri(), none.headers()).is_err());
        let twice = request("/", &[("host", "localhost"), ("host", "localhost")]);
        assert!(authority(twice.uri(), twice.headers()).is_err());
        let target = request("http://one.example/", &[("host", "localhost")]);
        assert_eq!(authority(target.uri(), target.headers()).unwrap(), "one.example");
    }

    #[test]
    fn pages_of_others_ask_for_nothing() {
        let allowed = set(&["https://console.example"]);
        let may = |method: Method, headers: &[(&'static str, &str)]| {
            let request = request("/", headers);
            let here = Here { authority: Authority::from_static("localhost:8001"), tls: false };
            may_come_from(&method, request.headers(), &here, &allowed)
        };
        let (site, mode) = ("sec-fetch-site", "sec-fetch-mode");
        for method in [Method::GET, Method::POST] {
            assert!(may(method.clone(), &[]), "no browser");
            for origin in
                ["http://localhost:8001", "https://LOCALHOST:8001", "https://console.example"]
            {
                let headers = [("origin", origin), (site, "cross-site")];
                assert!(may(method.clone(), &headers), "{method} {origin}");
            }
            for origin in [
                "null",
                "",
                "http://localhost",
                "http://localhost:80010",
                "http://evil.example",
                "http://console.example",
                "https://console.example.evil.example",
                "ftp://localhost:8001",
                "localhost:8001",
            ] {
                assert!(!may(method.clone(), &[("origin", origin)]), "{method} {origin}");
            }
            let two = [("origin", "http://localhost:8001"), ("origin", "http://evil.example")];
            assert!(!may(method.clone(), &two));
            assert!(may(method.clone(), &[(site, "same-origin"), (mode, "cors")]));
            for other in ["cross-site", "same-site", "what"] {
                assert!(!may(method.clone(), &[(site, other), (mode, "no-cors")]), "{other}");
            }
        }
        assert!(may(Method::GET, &[(site, "cross-site"), (mode, "navigate")]), "a link");
        assert!(!may(Method::POST, &[(site, "cross-site"), (mode, "navigate")]), "a form");
    }
    #[test]
    fn where_we_speak_tls_a_page_in_clear_text_is_not_ours() {
        let authority = Authority::from_static("localhost:8001");
        for (tls, scheme, own) in [
            (false, "http", true),
            (false, "https", true),
            (true, "http", false),
            (true, "https", true),
        ] {
            let request = request("/", &[("origin", &format!("{scheme}://localhost:8001"))]);
            let here = Here { authority: authority.clone(), tls };
            assert_eq!(comes_from_own_page(request.headers(), &here), own, "{tls} {scheme}");
            let none = BTreeSet::new();
            for method in [Method::GET, Method::POST] {
                let may = may_come_from(&method, request.headers(), &here, &none);
                assert_eq!(may, own, "{tls} {method} {scheme}");
            }
        }
    }
}
