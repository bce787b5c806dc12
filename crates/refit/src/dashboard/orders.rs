//! What the page orders: pause, resume or halt the ramp that it showed.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use fleet::controller::{self, Ordered};
use fleet::{FleetError, Names};
use rollout::fleet::ramp::Ramp;
use rollout::fleet::{Scope, Subject};
use serde::Deserialize;
use serde_json::json;

use super::{Dashboard, refuse};

/// One of the buttons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Pause,
    Resume,
    Halt,
}

/// The ramp that was seen: another one may have taken its place on the scope since.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    id: String,
}

/// `POST /api/ramps/{scope}/{order}`.
pub(super) async fn give(
    State(dashboard): State<Dashboard>,
    path: Result<Path<(Scope, Order)>, axum::extract::rejection::PathRejection>,
    seen: Result<Json<Seen>, JsonRejection>,
) -> Response {
    let (Ok(Path((scope, order))), Ok(Json(seen))) = (path, seen) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "order",
            "This is no order to a ramp.",
            "Load the page again, then use its buttons.",
        );
    };
    // An order that was begun is brought to its end, also where the page goes away meanwhile.
    let task = tokio::spawn(async move { carry_out(&dashboard, &scope, order, &seen.id).await });
    match task.await {
        Ok(answer) => answer,
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The order came to no end.",
            "Look at how the ramp stands, then try again.",
        ),
    }
}

async fn carry_out(dashboard: &Dashboard, scope: &Scope, order: Order, id: &str) -> Response {
    let (client, names) = (&dashboard.feed.client, &dashboard.feed.names);
    let found = controller::ramp(client, names, Subject::Runtime, scope).await;
    let ramp = match found {
        Ok(Some(ramp)) if ramp.id == id => ramp,
        Ok(_) => {
            return refuse(
                StatusCode::CONFLICT,
                "another-ramp",
                &format!("This ramp does not stand on {scope} any more; nothing was done."),
                "Look at what stands there now.",
            );
        }
        Err(error) => return failed(&error),
    };
    match ordered(dashboard, names, scope, order).await {
        Ok(Ordered::Done(now)) => Json(json!({ "message": words(&now, order) })).into_response(),
        Ok(Ordered::NothingToDo(why)) => refuse(
            StatusCode::CONFLICT,
            "nothing-to-do",
            &why,
            &format!(
                "The page shows how the ramp to {} stands now.",
                ramp.version
            ),
        ),
        Err(error) => failed(&error),
    }
}

async fn ordered(
    dashboard: &Dashboard,
    names: &Names,
    scope: &Scope,
    order: Order,
) -> Result<Ordered, FleetError> {
    let (client, by) = (&dashboard.feed.client, &dashboard.by);
    let subject = Subject::Runtime;
    match order {
        Order::Pause => controller::pause_ramp(client, names, subject, scope, by).await,
        Order::Resume => controller::resume(client, names, subject, scope, by).await,
        Order::Halt => controller::halt(client, names, subject, scope, by).await,
    }
}

/// What was done, and what follows.
fn words(ramp: &Ramp, order: Order) -> String {
    let Ramp {
        version, baseline, ..
    } = ramp;
    match order {
        Order::Pause => format!(
            "The ramp to {version} is paused at {}. Resume lets it go on with what was left of its time.",
            ramp.share()
        ),
        Order::Resume => format!("The ramp to {version} goes on at {}.", ramp.share()),
        Order::Halt => format!(
            "The ramp to {version} is halted; the devices that it had reached go back to {baseline}."
        ),
    }
}

fn failed(error: &FleetError) -> Response {
    refuse(
        StatusCode::BAD_GATEWAY,
        error.kind(),
        &format!("{}.", super::feed::sentence(&error.to_string())),
        &error.hint(),
    )
}
