//! One connection: one request, one answer.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Behind, Rule, locked};

/// The longest head of a request that is read.
const MOST_HEAD: usize = 32 * 1024;
const PAGE: &[u8] =
    b"<!doctype html><title>Welcome to our guests' network</title><p>Please sign in.";

struct Request {
    path: String,
    etag: Option<String>,
}

/// Reads a request and answers it. A client that goes away ends it.
pub(super) async fn answer(mut client: TcpStream, behind: Arc<Behind>) -> std::io::Result<()> {
    let Some(request) = read(&mut client).await? else {
        return Ok(());
    };
    locked(&behind.asked).push(request.path.clone());
    let rule = behind.rule_for(&request.path);
    let site = match &rule {
        Some(Rule::From(folder)) => folder.clone(),
        _ => locked(&behind.site).clone(),
    };
    let path = match &rule {
        Some(Rule::Other(path)) => path,
        _ => &request.path,
    };
    let file = file(&site, path);
    match (rule, file) {
        (Some(Rule::Status(status)), _) => status_only(&mut client, status).await,
        (Some(Rule::Page), _) => whole(&mut client, "text/html", PAGE, None).await,
        (Some(Rule::Bytes(bytes)), _) => whole(&mut client, OCTETS, &bytes, None).await,
        (Some(Rule::Silence), _) => std::future::pending().await,
        (Some(Rule::Endless), file) => endless(&mut client, &file.unwrap_or_default()).await,
        (_, None) => status_only(&mut client, 404).await,
        (Some(Rule::Drip(each)), Some(bytes)) => {
            head(&mut client, OCTETS, Some(bytes.len()), None).await?;
            for byte in bytes {
                client.write_all(&[byte]).await?;
                tokio::time::sleep(each).await;
            }
            client.shutdown().await
        }
        (Some(Rule::CutOff), Some(bytes)) => {
            head(&mut client, OCTETS, Some(bytes.len()), None).await?;
            client.write_all(&bytes[..bytes.len() / 2]).await?;
            client.shutdown().await
        }
        (Some(Rule::Altered), Some(mut bytes)) => {
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 1;
            }
            whole(&mut client, OCTETS, &bytes, None).await
        }
        (None | Some(Rule::From(_) | Rule::Other(_)), Some(bytes)) => {
            let etag = etag(&bytes);
            if request.etag.as_deref() == Some(&etag) {
                locked(&behind.unchanged).push(request.path);
                return status_only(&mut client, 304).await;
            }
            whole(&mut client, OCTETS, &bytes, Some(&etag)).await
        }
    }
}

const OCTETS: &str = "application/octet-stream";

async fn read(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 || head.len() > MOST_HEAD {
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(path)) = (first.next(), first.next()) else {
        status_only(client, 405).await?;
        return Ok(None);
    };
    let etag = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("if-none-match"))
        .map(|(_, value)| value.trim().to_owned());
    Ok(Some(Request {
        path: path
            .replace("%2f", "/")
            .replace("%2F", "/")
            .replace("%40", "@")
            .replace("%2B", "+"),
        etag,
    }))
}

/// The file at a path, or a folder's index.
fn file(site: &Path, path: &str) -> Option<Vec<u8>> {
    let path = path.split('?').next()?.trim_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let file = site.join(path);
    match std::fs::read(&file) {
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            std::fs::read(file.join("index.json")).ok()
        }
        read => read.ok(),
    }
}

fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

async fn head(
    client: &mut TcpStream,
    kind: &str,
    length: Option<usize>,
    etag: Option<&str>,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n");
    if let Some(length) = length {
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    if let Some(etag) = etag {
        let _ = write!(head, "ETag: {etag}\r\n");
    }
    client.write_all((head + "\r\n").as_bytes()).await
}

async fn whole(
    client: &mut TcpStream,
    kind: &str,
    bytes: &[u8],
    etag: Option<&str>,
) -> std::io::Result<()> {
    head(client, kind, Some(bytes.len()), etag).await?;
    client.write_all(bytes).await?;
    client.shutdown().await
}

async fn status_only(client: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.shutdown().await
}

/// Ends when the client has had enough.
async fn endless(client: &mut TcpStream, first: &[u8]) -> std::io::Result<()> {
    head(client, OCTETS, None, None).await?;
    client.write_all(first).await?;
    let more = vec![b' '; 64 * 1024];
    loop {
        client.write_all(&more).await?;
    }
}
