use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers the nth request with what `answer` says of it; nothing: it hangs up.
async fn serving(
    answer: impl Fn(usize) -> &'static str + Send + 'static,
) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The most connections at once.
    let most = Arc::new(AtomicU32::new(0));
    let (open, seen) = (Arc::new(AtomicU32::new(0)), Arc::clone(&most));
    tokio::spawn(async move {
        for n in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let answer = answer(n);
            let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
            tokio::spawn(async move {
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                seen.fetch_max(now, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                open.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.write_all(answer.as_bytes()).await;
                if answer == SILENT {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (format!("http://127.0.0.1:{port}/health"), most)
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const SILENT: &str = "";

fn requests(count: u32, at_once: u32) -> Requests {
    Requests {
        count,
        at_once,
        within: Duration::from_secs(20),
    }
}

#[tokio::test]
async fn every_request_is_made_once_and_no_more_at_once_than_asked_for() {
    for at_once in [1, 4] {
        let (url, most) = serving(|_| GOOD).await;
        let smoked = smoke(&url, &requests(40, at_once)).await.unwrap();
        assert_eq!((smoked.smoke.asked, smoked.smoke.ok), (40, 40));
        assert_eq!(smoked.trouble, None);
        assert_eq!(most.load(Ordering::SeqCst), at_once);
        assert!(smoked.smoke.p50 >= Duration::from_millis(5));
    }
}

#[tokio::test]
async fn errors_cut_off_answers_and_hang_ups_are_failures() {
    for (bad, words) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "500"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "cut off"),
        ("not http at all\r\n\r\n", ""),
    ] {
        let (url, _) = serving(move |n| if n == 3 { bad } else { GOOD }).await;
        let smoked = smoke(&url, &requests(10, 1)).await.unwrap();
        assert_eq!((smoked.smoke.ok, smoked.smoke.failed), (9, 1), "{bad}");
        let trouble = smoked.trouble.unwrap();
        assert!(trouble.contains(words), "{trouble}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (url, _) = serving(move |_| moved).await;
    let smoked = smoke(&url, &requests(3, 1)).await.unwrap();
    assert_eq!(smoked.smoke.failed, 0);
}

#[tokio::test]
async fn nobody_there_is_so_many_failures_and_no_error() {
    let smoked = smoke("http://127.0.0.1:9/", &requests(5, 2)).await.unwrap();
    assert_eq!((smoked.smoke.ok, smoked.smoke.failed), (0, 5));
    assert!(smoked.trouble.is_some());
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_no_more_time_than_there_is() {
    let (url, _) = serving(|n| if n < 2 { GOOD } else { SILENT }).await;
    let within = Duration::from_millis(300);
    let start = Instant::now();
    let asked = Requests {
        within,
        ..requests(50, 2)
    };
    let smoked = smoke(&url, &asked).await.unwrap();
    assert!(start.elapsed() < within + Duration::from_secs(2));
    assert_eq!((smoked.smoke.ok, smoked.smoke.failed), (2, 48));
    assert!(
        smoked
            .trouble
            .unwrap()
            .contains("the time was up after 0.3 s")
    );
}

#[test]
fn an_address_has_a_host_and_no_login_and_is_not_encrypted() {
    for good in [
        "http://127.0.0.1:4000/health?x=1",
        "http://localhost",
        "http://[::1]:80/",
        "HTTP://host.example/",
    ] {
        assert!(Place::of(good).is_ok(), "{good}");
    }
    for wrong in [
        "",
        "127.0.0.1:4000",
        "/health",
        "https://host.example/",
        "file:///etc/passwd",
        "http://user:secret@host.example/",
        "http://",
        "1.2",
    ] {
        let error = Place::of(wrong).unwrap_err();
        assert!(error.to_string().contains("give one such as"), "{wrong}");
    }
    let place = Place::of("http://127.0.0.1:4000/health?x=1").unwrap();
    assert_eq!(
        place,
        Place {
            path: "/health?x=1".into(),
            ..Place::local(4000, "/")
        }
    );
}
