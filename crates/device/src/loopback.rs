//! One request to a runtime on this machine.

use std::pin::pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// The most bytes of an answer that are read.
const MOST_BYTES: usize = 64 * 1024;

/// Status and body of `GET path` at `url`, such as `http://127.0.0.1:4000/`, all within `timeout`.
///
/// # Errors
/// In words, naming the address: nobody listens, nothing was answered in time, or more than 64 KiB.
pub(crate) async fn get(
    url: &str,
    path: &str,
    timeout: Duration,
) -> Result<(u16, Vec<u8>), String> {
    match tokio::time::timeout(timeout, ask(url, path)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{path} at {url}: {error}")),
        Err(_) => Err(format!("{path} at {url} did not answer within {timeout:?}")),
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn ask(url: &str, path: &str) -> Result<(u16, Vec<u8>), Failed> {
    let url = Url::parse(url)?;
    let host = url.host_str().ok_or("it has no host")?.to_owned();
    let port = url.port_or_known_default().ok_or("it has no port")?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, and so closed, together with this future.
    let connection = pin!(connection);
    let request = Request::get(path)
        .header(HOST, format!("{host}:{port}"))
        .body(String::new())?;
    let answer = pin!(async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        Ok::<_, Failed>((status, whole(answer.into_body()).await?))
    });
    let mut answer = answer;
    let ended = tokio::select! {
        // Both at once where the server closes: what it said counts.
        biased;
        answer = &mut answer => return answer,
        ended = connection => ended,
    };
    match ended {
        Ok(()) => answer.await,
        Err(error) => Err(error.into()),
    }
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| pin!(&mut body).poll_frame(context)).await
    {
        let data: Bytes = frame?.into_data().unwrap_or_default();
        if bytes.len() + data.len() > MOST_BYTES {
            return Err("it answers with more than 64 KiB".into());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_secs(5);

    /// A server that answers one request with these bytes and hangs up.
    async fn server(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&answer).await.unwrap();
        });
        url
    }

    #[tokio::test]
    async fn an_answer_is_its_status_and_all_of_its_body() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        ] {
            let url = server(answer.into()).await;
            let (status, body) = get(&url, "/busy", SOON).await.unwrap();
            assert_eq!((status, body.as_slice()), (200, &b"hello"[..]), "{answer}");
        }
        let url = server(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
        assert_eq!(get(&url, "/busy", SOON).await.unwrap().0, 204);
    }

    #[tokio::test]
    async fn too_much_too_late_and_nobody_are_errors_that_name_the_address() {
        let mut flood = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n".to_vec();
        flood.resize(flood.len() + 70_000, b'x');
        let url = server(flood).await;
        let error = get(&url, "/busy", SOON).await.unwrap_err();
        assert!(error.contains("64 KiB") && error.contains(&url), "{error}");

        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let error = get(&url, "/busy", Duration::from_millis(50))
            .await
            .unwrap_err();
        assert!(
            error.contains("did not answer") && error.contains(&url),
            "{error}"
        );
        drop(silent);
        let error = get(&url, "/busy", SOON).await.unwrap_err();
        assert!(error.contains(&url), "{error}");
    }
}
