use super::*;
use std::net::TcpListener;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Enough looks at a port for a wrong belief to show.
const MANY_LOOKS: Duration = Duration::from_millis(600);

fn sockets(table: &[(&str, u32)]) -> Vec<(SocketAddr, u32)> {
    table
        .iter()
        .map(|(socket, pid)| (socket.parse().expect("socket"), *pid))
        .collect()
}

#[test]
fn a_socket_on_the_very_address_answers_before_one_on_all() {
    let table = sockets(&[("0.0.0.0:80", 1), ("127.0.0.1:80", 2), ("[::]:80", 3)]);
    assert_eq!(answering(80, table.into_iter()), [2]);
}

#[test]
fn sockets_on_other_addresses_and_ports_do_not_answer() {
    let table = sockets(&[
        ("192.168.1.2:80", 1),
        ("127.0.0.1:81", 2),
        ("[::1]:80", 3),
        ("[::]:80", 4),
    ]);
    assert_eq!(answering(80, table.into_iter()), [4]);
}

/// A server in this process, which is in no launch's tree.
async fn serve(answer: String) -> u16 {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("bind");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

/// A process without descendants: nothing that listens belongs to its tree.
fn target(port: u16) -> Target {
    Target {
        port,
        launch_id: "id-1".to_owned(),
        guard_pid: u32::MAX,
    }
}

fn http() -> Readiness {
    Readiness::Http {
        path: "/".to_owned(),
        timeout: TIMEOUT,
    }
}

async fn ready(readiness: &Readiness, target: &Target, within: Duration) -> bool {
    let (_sender, seen) = watch::channel(false);
    tokio::time::timeout(within, until_ready(readiness, target, seen))
        .await
        .is_ok()
}

#[tokio::test]
async fn an_answer_that_carries_the_launch_id_counts() {
    let port = serve("HTTP/1.1 302 Found\r\nRefit-Launch-Id: id-1\r\n\r\n".to_owned()).await;
    assert!(ready(&http(), &target(port), TIMEOUT).await);
}

#[tokio::test]
async fn an_answer_of_a_stranger_does_not_count() {
    for header in ["", "refit-launch-id: id-2\r\n"] {
        let port = serve(format!("HTTP/1.1 200 OK\r\n{header}\r\n")).await;
        assert!(!ready(&http(), &target(port), MANY_LOOKS).await, "{header}");
        let tcp = Readiness::Tcp { timeout: TIMEOUT };
        assert!(!ready(&tcp, &target(port), MANY_LOOKS).await);
    }
}

#[tokio::test]
async fn an_answer_that_says_it_is_unwell_does_not_count() {
    for status in [400, 404, 500, 503] {
        let answer = format!("HTTP/1.1 {status} No\r\nrefit-launch-id: id-1\r\n\r\n");
        let port = serve(answer).await;
        assert!(!ready(&http(), &target(port), MANY_LOOKS).await, "{status}");
    }
}

#[tokio::test]
async fn what_speaks_no_http_does_not_count() {
    let port = serve("SSH-2.0-hello\r\n".to_owned()).await;
    assert!(!ready(&http(), &target(port), MANY_LOOKS).await);
}

#[tokio::test]
async fn a_socket_below_the_guard_counts() {
    let exact = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    assert_counts_below_the_guard(&exact).await;
    // What a Node server listens on when it is not told otherwise; some machines have no IPv6.
    if let Ok(any) = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, 0))
        && std::net::TcpStream::connect((
            Ipv4Addr::LOCALHOST,
            any.local_addr().expect("address").port(),
        ))
        .is_ok()
    {
        assert_counts_below_the_guard(&any).await;
    }
}

async fn assert_counts_below_the_guard(listener: &TcpListener) {
    let me = std::process::id();
    let parent = tree::processes(None)
        .into_iter()
        .find(|process| process.pid == me)
        .and_then(|process| process.parent)
        .expect("a parent");
    let mut target = target(listener.local_addr().expect("address").port());
    let tcp = Readiness::Tcp { timeout: TIMEOUT };
    assert!(!ready(&tcp, &target, MANY_LOOKS).await);
    target.guard_pid = parent;
    assert!(ready(&tcp, &target, TIMEOUT).await);
}

#[tokio::test]
async fn a_line_counts_at_once_and_the_end_of_output_never_does() {
    let line = Readiness::Line {
        contains: "ready".to_owned(),
        timeout: TIMEOUT,
    };
    let (sender, seen) = watch::channel(false);
    let target = target(1);
    let waiting = until_ready(&line, &target, seen.clone());
    sender.send_replace(true);
    tokio::time::timeout(TIMEOUT, waiting)
        .await
        .expect("in time");
    sender.send_replace(false);
    drop(sender);
    let waiting = until_ready(&line, &target, seen);
    assert!(tokio::time::timeout(MANY_LOOKS, waiting).await.is_err());
}
