//! As much of HTTP/1.1 as a server needs that answers what it is told: requests in, replies out, byte by byte.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};

/// A request line and headers of more than this is not from a client that we test.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Larger than any body limit in the workspace, so that tests can go beyond those.
const BODY_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A request that a server of this crate has received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What follows the question mark, as it came; empty without one.
    pub query: String,
    /// Headers under their names in lower case; the last one of a name wins.
    pub headers: BTreeMap<String, String>,
    /// The body, as it came.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The next request of a connection, or nothing at its end.
    pub(crate) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let Some(start) = head_line(from).await?.filter(|line| !line.is_empty()) else {
            return Ok(None);
        };
        let mut words = start.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(invalid("a request line without method and target"));
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = read_headers(from).await?;
        let body = read_body(from, &headers).await?;
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        Ok(Some(Self { method, path, query, headers, body }))
    }
}

/// What a [`ScriptedHttp`](crate::ScriptedHttp) answers to one request, badly if so wished.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    bytes: Vec<u8>,
    /// How many of the bytes come before the body.
    head_len: usize,
    keep_alive: bool,
    delay: Duration,
    hang: bool,
}

impl Reply {
    /// A status, headers, and a body of the announced length.
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), body].concat();
        Self { bytes, head_len: head.len(), keep_alive: true, delay: Duration::ZERO, hang: false }
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::new(status, &[], "")
    }

    /// 200 and a JSON body.
    pub fn json(body: &Value) -> Self {
        Self::new(200, &[("content-type", "application/json")], body.to_string())
    }

    /// 200 and a text body, in the content type of the Prometheus exposition format.
    pub fn text(body: &str) -> Self {
        Self::new(200, &[("content-type", "text/plain; version=0.0.4; charset=utf-8")], body)
    }

    /// Bytes that need not be HTTP; the connection is closed after them. Without any it is closed at once.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let (bytes, delay) = (bytes.into(), Duration::ZERO);
        Self { bytes, head_len: 0, keep_alive: false, delay, hang: false }
    }

    /// Silence: the connection stays open, and nothing comes.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::raw([]) }
    }

    /// Sends only the first bytes of the body, whatever length was announced, and closes the connection.
    pub fn cut_body_after(mut self, bytes: usize) -> Self {
        self.bytes.truncate(self.head_len + bytes);
        self.keep_alive = false;
        self
    }

    /// Waits before it answers.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers; `false` if the connection ends with it.
    pub(crate) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        if self.hang {
            return std::future::pending().await;
        }
        tokio::time::sleep(self.delay).await;
        to.write_all(&self.bytes).await?;
        to.flush().await?;
        Ok(self.keep_alive)
    }
}

async fn read_headers(
    from: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    let mut bytes = 0;
    loop {
        let line = head_line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes += line.len() as u64;
        if bytes > HEAD_BYTES_MAX {
            return Err(invalid("headers without end"));
        }
        let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

async fn read_body(
    from: &mut (impl AsyncBufRead + Unpin),
    headers: &BTreeMap<String, String>,
) -> io::Result<Vec<u8>> {
    if headers.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return read_chunks(from).await;
    }
    let len = headers.get("content-length").map_or(Ok(0), |len| len.parse());
    let mut body = Vec::new();
    read_exactly(from, len.map_err(|_| invalid("a content-length that is no number"))?, &mut body)
        .await?;
    Ok(body)
}

async fn read_chunks(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = head_line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk without size"))?;
        read_exactly(from, size, &mut body).await?;
        head_line(from).await?; // The line end after a chunk, or the empty trailer after the last.
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_exactly(
    from: &mut (impl AsyncRead + Unpin),
    len: usize,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    if len > BODY_BYTES_MAX - body.len() {
        return Err(invalid("a body beyond 128 MiB"));
    }
    let read = from.take(len as u64).read_to_end(body).await?;
    if read == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A line without its end; nothing at the end of the stream.
async fn head_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = from.take(HEAD_BYTES_MAX).read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> io::Result<Option<Request>> {
        Request::read(&mut bytes).await
    }

    #[tokio::test]
    async fn reads_one_request_after_the_other() {
        let mut bytes: &[u8] = b"POST /a?b=1 HTTP/1.1\r\nX-Key: 7\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\n\r\n";
        let first = Request::read(&mut bytes).await.unwrap().unwrap();
        assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/a"));
        assert_eq!((first.query.as_str(), first.body.as_slice()), ("b=1", b"abc".as_slice()));
        assert_eq!(first.headers["x-key"], "7");
        assert_eq!(Request::read(&mut bytes).await.unwrap().unwrap().path, "/c");
        assert_eq!(Request::read(&mut bytes).await.unwrap(), None);
    }

    #[tokio::test]
    async fn puts_chunks_together() {
        let bytes = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(bytes).await.unwrap().unwrap().body, b"abc0123456789");
    }

    #[tokio::test]
    async fn refuses_what_it_cannot_read() {
        for bytes in [
            "nonsense\r\n\r\n",
            "GET / HTTP/1.1\r\nx: y\r\n",
            "GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc",
            "GET / HTTP/1.1\r\ncontent-length: 999999999999\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(read(bytes.as_bytes()).await.is_err(), "{bytes:?} was read");
        }
        let endless = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(20_000));
        assert!(read(endless.as_bytes()).await.is_err());
    }

    #[tokio::test]
    async fn a_cut_reply_announces_more_than_it_sends() {
        let mut sent = Vec::new();
        let reply = Reply::new(200, &[("x", "y")], "0123456789").cut_body_after(4);
        assert!(!reply.write(&mut sent).await.unwrap());
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.contains("content-length: 10\r\nx: y\r\n"), "{sent}");
        assert!(sent.ends_with("\r\n\r\n0123"), "{sent}");
    }
}
