//! Names of buckets, streams and subjects of one fleet. `docs/formats/fleet.md` has them all.

use rollout::fleet::{Name, Scope, Subject};

/// A fleet's names. Two fleets on one broker have other names throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Name);

impl Names {
    /// Of the fleet of this name.
    pub fn of(fleet: &Name) -> Self {
        Self(fleet.clone())
    }

    /// The fleet's own name.
    pub fn fleet(&self) -> &Name {
        &self.0
    }

    /// The key-value bucket of targets.
    pub fn targets(&self) -> String {
        format!("{}-targets", self.0)
    }

    /// The stream behind that bucket.
    pub fn targets_stream(&self) -> String {
        format!("KV_{}", self.targets())
    }

    /// The subject of a target in that stream.
    pub fn target_in_stream(&self, subject: Subject, scope: &Scope) -> String {
        format!("$KV.{}.{}", self.targets(), scope.key(subject))
    }

    /// Where the broker tells a target once it is stored; nobody else may publish there.
    pub fn target_told(&self, subject: Subject, scope: &Scope) -> String {
        format!("{}.target.{}", self.0, scope.key(subject))
    }

    /// Where the broker tells all of them: the destination of its republishing.
    pub fn targets_told(&self) -> String {
        format!("{}.target.>", self.0)
    }

    /// The key-value bucket with a device's last heartbeat under its id.
    pub fn devices(&self) -> String {
        format!("{}-devices", self.0)
    }

    /// The subject of a device's heartbeat.
    pub fn heartbeat(&self, device: &Name) -> String {
        format!("$KV.{}.{device}", self.devices())
    }

    /// The stream of reports.
    pub fn reports(&self) -> String {
        format!("{}-reports", self.0)
    }

    /// The subject of a device's reports.
    pub fn report(&self, device: &Name) -> String {
        format!("{}.report.{device}", self.0)
    }

    /// The subjects of all reports.
    pub fn all_reports(&self) -> String {
        format!("{}.report.*", self.0)
    }

    /// Where a device answers at once.
    pub fn ping(&self, device: &Name) -> String {
        format!("{}.ping.{device}", self.0)
    }

    /// The key-value bucket of ramps and of who leads them.
    pub fn ramps(&self) -> String {
        format!("{}-ramps", self.0)
    }

    /// The object store of published versions.
    pub fn releases(&self, subject: Subject) -> String {
        format!("{}-{}", self.0, subject.as_str())
    }

    /// What a device's answers are sent to: nobody else may listen there.
    pub fn inbox(&self, device: &Name) -> String {
        format!("_INBOX.{device}")
    }
}
