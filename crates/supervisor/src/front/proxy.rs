//! One client's requests, handed on to whoever serves.
//!
//! A connection to an instance is used again only for what may be repeated: the instance may close
//! it in the very moment in which the next request is sent, and then that has to be sent anew.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::backend::{Answer, Owed};
use super::{PATIENCE, Serving, headers};

type Out = BoxBody<Bytes, hyper::Error>;

/// Between two knocks at an instance that serves and cannot be reached: it has just died, or has
/// more to do than it can take.
const BETWEEN_KNOCKS: Duration = Duration::from_millis(50);

/// One client's connection.
#[derive(Debug)]
pub(super) struct Client {
    /// The front's own.
    port: u16,
    serving: watch::Receiver<Serving>,
    /// The connection that its last request went over, and to which port.
    kept: Mutex<Option<(u16, SendRequest<Out>)>>,
}

/// Why there is no answer.
enum No {
    /// Nobody serves.
    Server,
    /// The instance ended the connection before it answered.
    Answer(hyper::Error),
}

impl Client {
    pub(super) fn new(port: u16, serving: watch::Receiver<Serving>) -> Self {
        Self {
            port,
            serving,
            kept: Mutex::new(None),
        }
    }

    pub(super) async fn ask(&self, request: Request<Incoming>) -> Response<Out> {
        if request.method() == Method::CONNECT {
            return told(StatusCode::METHOD_NOT_ALLOWED, "This is no proxy.\n");
        }
        match self.hand_on(request).await {
            Ok(answer) => answer,
            Err(No::Server) => {
                let mut answer = told(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The app is not running now. Try again in a moment.\n",
                );
                let soon = HeaderValue::from_static("1");
                answer.headers_mut().insert(RETRY_AFTER, soon);
                answer
            }
            Err(No::Answer(error)) => {
                tracing::debug!(%error, "a request was not answered");
                told(
                    StatusCode::BAD_GATEWAY,
                    "The app ended before it answered. Try again.\n",
                )
            }
        }
    }

    async fn hand_on(&self, mut request: Request<Incoming>) -> Result<Response<Out>, No> {
        let upgrade = headers::upgrade(request.headers());
        let client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        parts.uri = headers::origin_form(&parts.uri);
        parts.version = Version::HTTP_11;
        headers::strip(&mut parts.headers);
        if let Some(protocol) = &upgrade {
            headers::set_upgrade(&mut parts.headers, protocol.clone());
        }
        let has_body = !body.is_end_stream();
        let (owed, mut answer) =
            if upgrade.is_none() && headers::may_repeat(&parts.method, has_body) {
                let again = move || {
                    let mut request = Request::new(nothing());
                    *request.method_mut() = parts.method.clone();
                    *request.uri_mut() = parts.uri.clone();
                    *request.headers_mut() = parts.headers.clone();
                    request
                };
                self.repeat(again).await?
            } else {
                let (owed, mut sender) = self.reach().await?;
                let sent = sender.send_request(Request::from_parts(parts, body.boxed()));
                (owed, sent.await.map_err(No::Answer)?)
            };
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = headers::upgrade(answer.headers()).filter(|_| switches);
        headers::strip(answer.headers_mut());
        headers::mend_location(answer.headers_mut(), owed.backend().port, self.port);
        if let (Some(protocol), Some(client)) = (protocol, client) {
            headers::set_upgrade(answer.headers_mut(), protocol);
            let instance = hyper::upgrade::on(&mut answer);
            tokio::spawn(tunnel(client, instance, owed));
            return Ok(answer.map(|_| nothing()));
        }
        Ok(answer.map(|body| Answer::new(body, owed).boxed()))
    }

    /// Sends what may be repeated: again where a connection that was used before ended before an
    /// answer.
    async fn repeat(
        &self,
        request: impl Fn() -> Request<Out>,
    ) -> Result<(Owed, Response<Incoming>), No> {
        if let Some((owed, mut sender)) = self.kept()
            && let Ok(answer) = sender.send_request(request()).await
        {
            self.keep(&owed, sender);
            return Ok((owed, answer));
        }
        // Not a third time: what asks for this may be what ends it.
        let (owed, mut sender) = self.reach().await?;
        let answer = sender.send_request(request()).await.map_err(No::Answer)?;
        self.keep(&owed, sender);
        Ok((owed, answer))
    }

    /// The connection of the last request, if that leads to who serves now and can be used.
    fn kept(&self) -> Option<(Owed, SendRequest<Out>)> {
        let (port, sender) = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let owed = self.enter()?;
        (owed.backend().port == port && sender.is_ready()).then_some((owed, sender))
    }

    fn keep(&self, owed: &Owed, sender: SendRequest<Out>) {
        let kept = Some((owed.backend().port, sender));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// A fresh connection to who serves. Nothing was sent over it: this may wait and try as it likes.
    async fn reach(&self) -> Result<(Owed, SendRequest<Out>), No> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut serving = self.serving.clone();
            let settled = serving.wait_for(|serving| !matches!(serving, Serving::Soon));
            match tokio::time::timeout_at(deadline, settled).await {
                Ok(Ok(serving)) if matches!(*serving, Serving::By(_)) => {}
                _ => return Err(No::Server),
            }
            // Counted before anything is sent; who was asked meanwhile to go is not asked any more.
            if let Some(owed) = self.enter()
                && let Some(sender) = connect(owed.backend().port).await
            {
                return Ok((owed, sender));
            }
            if Instant::now() >= deadline {
                return Err(No::Server);
            }
            tokio::time::sleep(BETWEEN_KNOCKS).await;
        }
    }

    /// Counts a request for who serves now; both under the lock that a switch takes.
    fn enter(&self) -> Option<Owed> {
        match &*self.serving.borrow() {
            Serving::By(backend) => Some(backend.enter()),
            Serving::Soon | Serving::Nobody => None,
        }
    }
}

async fn connect(port: u16) -> Option<SendRequest<Out>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // Ends with the sender, once what that sent is answered.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to the runtime ended");
        }
    });
    Some(sender)
}

/// Both ways until both ends are done.
async fn tunnel(
    client: hyper::upgrade::OnUpgrade,
    instance: hyper::upgrade::OnUpgrade,
    owed: Owed,
) {
    if let (Ok(client), Ok(instance)) = tokio::join!(client, instance) {
        let (mut client, mut instance) = (TokioIo::new(client), TokioIo::new(instance));
        let _ = tokio::io::copy_bidirectional(&mut client, &mut instance).await;
    }
    drop(owed);
}

fn nothing() -> Out {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn told(status: StatusCode, words: &'static str) -> Response<Out> {
    let body = Full::new(Bytes::from_static(words.as_bytes()));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
