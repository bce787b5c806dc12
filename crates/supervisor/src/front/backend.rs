//! One instance that the front can hand requests to, and how many of them it still owes an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) port: u16,
    owed: watch::Sender<usize>,
}

impl Backend {
    pub(crate) fn new(port: u16) -> Arc<Self> {
        let (owed, _) = watch::channel(0);
        Arc::new(Self { port, owed })
    }

    /// Counts one more request, until what is returned is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Owed {
        self.owed.send_modify(|owed| *owed += 1);
        Owed(Arc::clone(self))
    }

    /// Returns once everything that it was handed is answered. Cancel-safe.
    pub(crate) async fn idle(&self) {
        let mut owed = self.owed.subscribe();
        // The sender is in `self`.
        let _ = owed.wait_for(|owed| *owed == 0).await;
    }
}

/// A request that is not answered in full yet.
#[derive(Debug)]
pub(super) struct Owed(Arc<Backend>);

impl Owed {
    pub(super) fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0
            .owed
            .send_modify(|owed| *owed = owed.saturating_sub(1));
    }
}

/// An answer on its way: owed until its last byte was taken from the instance.
#[derive(Debug)]
pub(super) struct Answer {
    body: Incoming,
    owed: Option<Owed>,
}

impl Answer {
    pub(super) fn new(body: Incoming, owed: Owed) -> Self {
        let owed = (!body.is_end_stream()).then_some(owed);
        Self { body, owed }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.owed = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_idle_once_every_request_is_answered() {
        let backend = Backend::new(1);
        backend.idle().await;
        let (first, second) = (backend.enter(), backend.enter());
        let waits = Arc::clone(&backend);
        let mut idle = Box::pin(async move { waits.idle().await });
        drop(first);
        assert!(futures_ready(&mut idle).await.is_none(), "one is left");
        drop(second);
        idle.await;
    }

    async fn futures_ready<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut *future).poll(cx) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            })
        })
        .await
    }
}
