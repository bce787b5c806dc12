//! Who chooses what an instance runs. Its handles share it: another workspace may take the choice
//! over while this one runs on.

use std::sync::{Arc, Mutex, PoisonError};

use runtime_store::{Asked, VersionId};

/// What a restart launches.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// As the last launch did.
    Again(Asked),
    Lead(Asked),
    Follow(Option<VersionId>),
}

/// Who chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// The store, and what fails falls back.
    Leads,
    /// Another workspace's supervisor chose this.
    Follows(Option<VersionId>),
}

impl Role {
    /// What a restart makes of it, and who asks.
    fn then(self, wanted: Wanted) -> (Self, Asked) {
        match wanted {
            Wanted::Again(asked) => (self, asked),
            Wanted::Lead(asked) => (Self::Leads, asked),
            Wanted::Follow(what) => (Self::Follows(what), Asked::Passively),
        }
    }
}

/// The role of one instance, now.
#[derive(Debug, Clone)]
pub(crate) struct Seat(Arc<Mutex<Role>>);

impl Seat {
    pub(crate) fn new(role: Role) -> Self {
        Self(Arc::new(Mutex::new(role)))
    }

    pub(crate) fn role(&self) -> Role {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn leads(&self) -> bool {
        self.role() == Role::Leads
    }

    /// A restart may change it. Says who asks for the launch.
    pub(crate) fn take(&self, wanted: Wanted) -> Asked {
        let mut role = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, asked) = role.clone().then(wanted);
        *role = next;
        asked
    }

    /// What it runs goes on, and what comes after it is its own choice.
    pub(crate) fn lead(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Role::Leads;
    }

    /// What it runs goes on, as what another chose.
    pub(crate) fn resign(&self, runs: Option<VersionId>) {
        let mut role = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *role == Role::Leads {
            *role = Role::Follows(runs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> VersionId {
        VersionId {
            version: "1.1.0".parse().expect("version"),
            integrity: format!("sha512-{}A==", "a".repeat(85))
                .parse()
                .expect("integrity"),
        }
    }

    #[test]
    fn a_restart_keeps_who_chooses_and_the_other_orders_change_it() {
        let follows = Role::Follows(Some(id()));
        let asked = Asked::ByPerson;
        let again = follows.clone().then(Wanted::Again(asked));
        assert_eq!(again, (follows.clone(), asked));
        let again = Role::Leads.then(Wanted::Again(asked));
        assert_eq!(again, (Role::Leads, asked));
        let leads = follows.then(Wanted::Lead(asked));
        assert_eq!(leads, (Role::Leads, asked));
        let follows = Role::Leads.then(Wanted::Follow(None));
        assert_eq!(follows, (Role::Follows(None), Asked::Passively));
    }

    #[test]
    fn who_leads_may_resign_and_who_follows_goes_on_following() {
        let seat = Seat::new(Role::Leads);
        seat.resign(Some(id()));
        assert_eq!(seat.role(), Role::Follows(Some(id())));
        seat.resign(None);
        assert_eq!(seat.role(), Role::Follows(Some(id())));
        seat.take(Wanted::Lead(Asked::Passively));
        assert!(seat.leads());
    }
}
