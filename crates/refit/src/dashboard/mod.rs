//! The server behind `refit fleet dashboard`: one page, on this machine only.
//!
//! ```text
//! broker ─► feed ─► Model (devices, targets, ramps, version mix over time) ─► once a second, while
//! somebody looks: wire::Overview ─► events: whole at first, then what changed ─► the page
//! the page ─► guard (host, origin, key) ─► list of devices, a hundred at a time · orders to ramps
//! ```
//!
//! # Invariants
//!
//! * Only requests to this very address, from its own page, with the key from the printed address are answered;
//!   the page's own files alone need no key.
//! * The page never holds more than a hundred devices, and what it hears of the fleet stays below 64 KB
//!   however many there are.
//! * Nothing that a device says reaches the page unbounded, or as anything but text.

mod events;
mod feed;
mod guard;
mod history;
mod list;
mod model;
mod orders;
mod page;
mod replay;
mod watched;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use fleet::{Client, Names};
use futures_util::{Stream, stream};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use crate::failure::Failure;
use events::{State as Snapshot, States};
use feed::Feed;
use guard::{Key, Stranger};

/// Pages hear news this often at most.
const PACE: Duration = Duration::from_secs(1);

/// One running server.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    at: SocketAddr,
    key: Key,
    feed: Feed,
    /// Who gives the page's orders.
    by: Arc<str>,
    states: Arc<Mutex<States>>,
    now: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Dashboard {
    /// One that will listen at this address.
    pub(crate) fn new(
        at: SocketAddr,
        client: Client,
        names: Names,
        by: &str,
    ) -> Result<Self, Failure> {
        Ok(Self {
            at,
            key: Key::new()?,
            feed: Feed::new(client, names),
            by: by.into(),
            states: Arc::new(Mutex::new(States::new(
                Timestamp::now().as_millisecond().to_string(),
            ))),
            now: watch::Sender::new(None),
        })
    }

    /// What to open in a browser. The key is in it.
    pub(crate) fn address(&self) -> String {
        self.key.address(self.at)
    }

    /// Hears what the broker says, and tells who looks. Runs until it is dropped.
    pub(crate) async fn run(&self) {
        let tell = async {
            loop {
                let now = self.feed.now();
                self.feed.model().tick(now);
                if self.now.receiver_count() > 0 {
                    self.look();
                }
                tokio::time::sleep(PACE).await;
            }
        };
        tokio::join!(self.feed.run(), tell);
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/api/overview", get(overview))
            .route("/api/events", get(events))
            .route("/api/devices", get(devices))
            .route("/api/ramps/{scope}/{order}", post(orders::give))
            .fallback(get(page::serve))
            .layer(DefaultBodyLimit::max(4 * 1024))
            .layer(middleware::from_fn_with_state(self.clone(), answer))
            .with_state(self.clone())
    }

    fn states(&self) -> MutexGuard<'_, States> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in how the fleet is now, for all who look.
    fn look(&self) -> Arc<Snapshot> {
        let now = self.feed.now();
        let overview = self.feed.model().told(now);
        let state = self.states().add(&overview);
        self.now.send_replace(Some(Arc::clone(&state)));
        state
    }
}

/// Before and after every request.
async fn answer(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    let Dashboard { at, key, .. } = &dashboard;
    let looked = guard::look(
        *at,
        key,
        request.method(),
        request.uri().path(),
        request.headers(),
    );
    let mut response = match looked {
        Ok(()) => next.run(request).await,
        Err(stranger) => refuse_stranger(stranger),
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(header::ALLOW).cloned();
        response = refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "This address cannot be asked that way.",
            "Use the page.",
        );
        if let Some(allowed) = allowed {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
    }
    page::guard(response.headers_mut());
    response
}

fn refuse_stranger(stranger: Stranger) -> Response {
    const HINT: &str = "Open the page by the whole address that refit fleet dashboard printed.";
    match stranger {
        Stranger::Host => refuse(
            StatusCode::FORBIDDEN,
            "host",
            "This server answers to the address that it printed, and to no other name.",
            HINT,
        ),
        Stranger::Origin => refuse(
            StatusCode::FORBIDDEN,
            "origin",
            "This server answers its own page, and no other.",
            HINT,
        ),
        Stranger::Key => refuse(
            StatusCode::UNAUTHORIZED,
            "key",
            "This page has no key to the server, or that of an earlier one.",
            HINT,
        ),
    }
}

/// An answer that says what is wrong and what to do.
fn refuse(status: StatusCode, kind: &str, message: &str, hint: &str) -> Response {
    let error = json!({ "error": { "kind": kind, "message": message, "hint": hint } });
    (status, Json(error)).into_response()
}

async fn overview(State(dashboard): State<Dashboard>) -> Response {
    let text = dashboard.look().whole();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

async fn devices(
    State(dashboard): State<Dashboard>,
    asked: Result<Query<list::Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    const HINT: &str = "Clear the filters, then try again.";
    let query = match asked {
        Ok(Query(asked)) => asked.query().map_err(|wrong| wrong.to_string()),
        Err(rejection) => Err(rejection.body_text()),
    };
    match query {
        Ok(query) => {
            let now = dashboard.feed.now();
            Json(dashboard.feed.model().list(&query, now)).into_response()
        }
        Err(wrong) => {
            let message = format!("The list cannot be asked that: {wrong}.");
            refuse(StatusCode::BAD_REQUEST, "query", &message, HINT)
        }
    }
}

async fn events(
    State(dashboard): State<Dashboard>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changes = dashboard.now.subscribe();
    changes.mark_unchanged();
    let last = headers.get("last-event-id");
    let last = last.and_then(|it| it.to_str().ok());
    let known = last.and_then(|it| dashboard.states().of(it));
    // At once, and not at the next look: nobody waits a second for the first picture.
    let first = dashboard.look();
    changes.mark_unchanged();
    let first = (dashboard.states().event(known.as_deref(), &first), first);
    let told = stream::unfold(
        (Some(first), None, changes, dashboard),
        |(first, known, mut changes, dashboard)| async move {
            if let Some((event, state)) = first {
                return Some((Ok(event), (None, Some(state), changes, dashboard)));
            }
            changes.changed().await.ok()?;
            let state = changes.borrow_and_update().clone()?;
            let event = dashboard.states().event(known.as_deref(), &state);
            Some((Ok(event), (None, Some(state), changes, dashboard)))
        },
    );
    Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
