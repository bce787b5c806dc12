//! The handle that the rest of the shell holds.

use std::sync::Arc;

use runtime_store::{Asked, Shell, Store, VersionId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::actor::{Actor, Between, Order};
use crate::hooks::BoxFuture;
use crate::seat::{Role, Seat, Wanted};
use crate::state::{Event, Outcome, State, SupervisorError};
use crate::{Spec, SpecError};

/// Events kept for a subscriber that is slow to read; it then misses the oldest ones, never the
/// state, which is whole in every reading.
const EVENTS_KEPT: usize = 64;

/// One supervised runtime. Cheap to clone; the last handle dropped ends the runtime in order.
#[derive(Debug, Clone)]
pub struct Supervisor {
    orders: mpsc::Sender<Order>,
    seat: Seat,
    state: watch::Receiver<State>,
    events: broadcast::Sender<Event>,
}

impl Supervisor {
    /// Starts the first launch on the current tokio runtime and returns at once.
    ///
    /// Without a store only bundled runs. A [`Spec`] that [`Spec::check`] refuses leads to
    /// [`State::Failed`] with that refusal, so check it where it comes from.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(store: Option<Store>, shell: Arc<Shell>, spec: Spec, asked: Asked) -> Self {
        Self::spawn(store, shell, spec, asked, Role::Leads)
    }

    /// Starts one more instance of what another workspace runs: exactly this stored version, or
    /// bundled where there is none. Nothing is on trial in it, nothing is fallen back to, and
    /// nothing is condemned: where it does not become ready, or crashes three times within the
    /// soak, it is dead ([`State::Failed`]) until [`Supervisor::follow`] or
    /// [`Supervisor::restart`] revives it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_following(
        store: Option<Store>,
        shell: Arc<Shell>,
        spec: Spec,
        what: Option<VersionId>,
    ) -> Self {
        Self::spawn(store, shell, spec, Asked::Passively, Role::Follows(what))
    }

    fn spawn(
        store: Option<Store>,
        shell: Arc<Shell>,
        spec: Spec,
        asked: Asked,
        role: Role,
    ) -> Self {
        let (orders, inbox) = mpsc::channel(8);
        let (state_sender, state) = watch::channel(State::Starting {
            version: shell.bundled.version.clone(),
            source: runtime_store::Source::Bundled,
        });
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let seat = Seat::new(role);
        let actor = Actor::new(
            store,
            shell,
            spec,
            seat.clone(),
            state_sender,
            events.clone(),
        );
        tokio::spawn(actor.run(inbox, asked));
        Self {
            orders,
            seat,
            state,
            events,
        }
    }

    /// Where the runtime stands, now and from now on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Whether it chooses for itself: what it runs may be on trial in it, falls back and is condemned.
    pub fn leads(&self) -> bool {
        self.seat.leads()
    }

    /// It chooses for itself from its next launch on, and what runs here goes on until then.
    pub fn take_over(&self) {
        self.seat.lead();
    }

    /// Another workspace leads from now on: what runs here goes on, as what is followed. Its soak
    /// ends without a word, and nothing that happens here condemns anything any more. Nothing where
    /// it follows already.
    pub fn resign(&self, runs: Option<VersionId>) {
        self.seat.resign(runs);
    }

    /// Launches anew: what runs is ended first, in order and with its whole tree, or serves on until
    /// the next one does where there is a [`crate::Swap`]. Resolves once something is ready, or
    /// nothing is left to try. A choice that is still undecided is ended at no attempt (one that
    /// failed before it keeps its own), and whoever waits is answered by the new launch. An instance
    /// that follows launches what it followed last.
    ///
    /// # Errors
    /// [`SupervisorError::Failed`] when every choice failed, [`SupervisorError::Stopped`] when the
    /// supervisor was stopped before or meanwhile.
    pub async fn restart(&self, asked: Asked) -> Result<Outcome, SupervisorError> {
        self.order(Wanted::Again(asked), None).await
    }

    /// [`Supervisor::lead`], and does something while nothing runs: what runs is ended first, swap or not, then
    /// `between` is waited for to its end, then comes the launch, whatever `between` said. Its
    /// error, a sentence for a person, is told as [`Event::Trouble`].
    ///
    /// # Errors
    /// Those of [`Supervisor::restart`]. Where the supervisor is stopped first, `between` is dropped.
    pub async fn restart_with(
        &self,
        asked: Asked,
        between: BoxFuture<'static, Result<(), String>>,
    ) -> Result<Outcome, SupervisorError> {
        self.order(Wanted::Lead(asked), Some(between)).await
    }

    /// Launches anew as [`Supervisor::start`] does, whatever was followed until now.
    ///
    /// # Errors
    /// Those of [`Supervisor::restart`].
    pub async fn lead(&self, asked: Asked) -> Result<Outcome, SupervisorError> {
        self.order(Wanted::Lead(asked), None).await
    }

    /// Launches anew as [`Supervisor::start_following`] does: exactly this version, or bundled.
    ///
    /// # Errors
    /// Those of [`Supervisor::restart`]; [`SupervisorError::Failed`] says that it is dead.
    pub async fn follow(&self, what: Option<VersionId>) -> Result<Outcome, SupervisorError> {
        self.order(Wanted::Follow(what), None).await
    }

    async fn order(
        &self,
        wanted: Wanted,
        between: Option<Between>,
    ) -> Result<Outcome, SupervisorError> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Restart {
            wanted,
            between,
            reply,
        };
        if self.orders.send(order).await.is_err() {
            return Err(SupervisorError::Stopped);
        }
        answer.await.unwrap_or(Err(SupervisorError::Stopped))
    }

    /// Ends the runtime for good: returns once the whole tree is gone, undecided attempts are given
    /// back and the lease is released. Stopping twice is fine.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.orders.send(Order::Stop { reply }).await.is_ok() {
            // An error means that somebody else's stop was carried out first.
            let _ = answer.await;
        }
        let mut state = self.state.clone();
        // An error means that the actor is gone, which is as stopped as can be.
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }
}

impl From<SpecError> for crate::FailureReport {
    fn from(error: SpecError) -> Self {
        Self {
            message: format!("The runtime cannot be started: {error}"),
            hint: "Correct the app's configuration.".to_owned(),
            detail: String::new(),
            tried: Vec::new(),
        }
    }
}
