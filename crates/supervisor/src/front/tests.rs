use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::*;

/// What an instance does with one request.
#[derive(Debug, Clone, Copy)]
enum Does {
    Answer(&'static str),
    /// Ends the connection instead.
    HangUp,
}

const OK: Does = Does::Answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

/// An instance that does this on its connections, one after another, request by request; and what
/// it was asked, head by head.
async fn instance(
    connections: Vec<Vec<Does>>,
) -> (Arc<Backend>, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for connection in connections {
            let (stream, _) = listener.accept().await.expect("accept");
            let mut stream = BufReader::new(stream);
            for does in connection {
                let Some(head) = head(&mut stream).await else {
                    break;
                };
                asked.push(head);
                match does {
                    Does::Answer(text) => stream.write_all(text.as_bytes()).await.expect("write"),
                    Does::HangUp => break,
                }
            }
        }
        asked
    });
    (Backend::new(port), task)
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

struct Page(BufReader<TcpStream>);

impl Page {
    async fn open(front: &Front) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", front.port())).await;
        Self(BufReader::new(stream.expect("connect")))
    }

    /// The answer's head.
    async fn ask(&mut self, request: &str) -> String {
        self.0.write_all(request.as_bytes()).await.expect("write");
        let head = head(&mut self.0).await.expect("an answer");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.expect("body");
        head
    }
}

async fn front() -> (tempfile::TempDir, Front) {
    let folder = tempfile::tempdir().expect("folder");
    let front = Front::bind(&folder.path().join("port")).await;
    (folder, front.expect("front"))
}

const GET: &str = "GET /a?b HTTP/1.1\r\nhost: page\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: page\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn what_is_only_read_goes_over_one_connection_and_again_where_that_was_just_closed() {
    let (_folder, front) = front().await;
    let (backend, asked) = instance(vec![vec![OK, OK, Does::HangUp], vec![OK]]).await;
    front.serve(backend);
    let mut page = Page::open(&front).await;
    for _ in 0..3 {
        assert!(page.ask(GET).await.starts_with("HTTP/1.1 200"));
    }
    let asked = asked.await.expect("instance");
    assert_eq!(asked.len(), 4, "the third one twice: {asked:?}");
    assert!(asked[0].starts_with("GET /a?b HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains("host: page\r\n"), "{asked:?}");
}

#[tokio::test]
async fn what_changes_something_is_sent_once_over_a_connection_of_its_own() {
    let (_folder, front) = front().await;
    let (backend, asked) = instance(vec![vec![OK], vec![Does::HangUp]]).await;
    front.serve(Arc::clone(&backend));
    let mut page = Page::open(&front).await;
    assert!(page.ask(POST).await.starts_with("HTTP/1.1 200"));
    assert!(page.ask(POST).await.starts_with("HTTP/1.1 502"));
    assert_eq!(asked.await.expect("instance").len(), 2);
    backend.idle().await;
}

#[tokio::test]
async fn a_fresh_connection_that_ends_without_an_answer_is_not_tried_for_ever() {
    let (_folder, front) = front().await;
    let (backend, asked) = instance(vec![vec![Does::HangUp]]).await;
    front.serve(backend);
    let mut page = Page::open(&front).await;
    assert!(page.ask(GET).await.starts_with("HTTP/1.1 502"));
    assert_eq!(asked.await.expect("instance").len(), 1);
}

#[tokio::test]
async fn a_request_waits_for_the_one_that_comes_and_not_where_nobody_will() {
    let (_folder, front) = front().await;
    let mut page = Page::open(&front).await;
    let waiting = tokio::spawn(async move { (page.ask(GET).await, page) });
    let (backend, _asked) = instance(vec![vec![OK]]).await;
    front.serve(backend);
    let (answer, mut page) = waiting.await.expect("page");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    front.close();
    let start = std::time::Instant::now();
    let answer = page.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(start.elapsed() < PATIENCE / 2, "told at once");
}

#[tokio::test]
async fn who_is_gone_is_asked_nothing_although_somebody_else_may_have_its_port() {
    let (_folder, front) = front().await;
    let stranger = Does::Answer("HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n");
    let (gone, _asked) = instance(vec![vec![stranger]]).await;
    front.serve(gone);
    front.wait();
    let mut page = Page::open(&front).await;
    let mut waiting = Box::pin(async move { page.ask(GET).await });
    // Far longer than an answer takes that does not wait.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting);
    assert_eq!(early.await.ok(), None, "nobody serves");
    let (next, _asked) = instance(vec![vec![OK]]).await;
    front.serve(next);
    let answer = waiting.await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_redirect_to_the_instance_leads_to_the_front() {
    let (_folder, front) = front().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("accept");
        let mut stream = BufReader::new(stream);
        head(&mut stream).await.expect("asked");
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/x\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("write");
    });
    front.serve(Backend::new(port));
    let answer = Page::open(&front).await.ask(GET).await;
    let location = format!("location: http://127.0.0.1:{}/x\r\n", front.port());
    assert!(answer.contains(&location), "{answer}");
}

#[tokio::test]
async fn it_is_no_proxy_for_anything_else() {
    let (_folder, front) = front().await;
    let connect = "CONNECT other:443 HTTP/1.1\r\nhost: other\r\n\r\n";
    let answer = Page::open(&front).await.ask(connect).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}
