use std::fs;

use rollout::admin::AdminUpdates;

use super::*;

#[test]
fn no_policy_is_no_news() {
    let nowhere = Path::new("/etc/refit-nobody-has-this-name/policy.json");
    assert_eq!(read(nowhere), Reading::default());
}
