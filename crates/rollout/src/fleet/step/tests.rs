use super::*;
use crate::fleet::{Memory, Target};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn has(running: &str, next: &str) -> Now {
    Now {
        running: (!running.is_empty()).then(|| running.parse().unwrap()),
        next: next.parse().unwrap(),
    }
}

fn ordered(wanted: &str) -> Order {
    let mut memory = Memory::default();
    let target = Target {
        version: Some(wanted.parse().unwrap()),
        generation: 1,
        jitter: 0,
        at: at(0),
        by: String::new(),
        ramp: None,
    };
    memory.hear("global".parse().unwrap(), target);
    memory.settle(&"d".parse().unwrap(), &[], &"1.0.0".parse().unwrap(), at(0));
    memory.order().unwrap().clone()
}

#[test]
fn from_the_order_to_the_arrival() {
    assert_eq!(next(None, &has("1.0.0", "1.0.0"), at(0)), Step::Idle);
    let mut order = ordered("1.1.0");
    order.download_at = at(10);
    let step = |order: &Order, device: &Now, second| {
        format!("{:?}", next(Some(order), device, at(second)))
    };
    let before = has("1.0.0", "1.0.0");
    assert_eq!(
        next(Some(&order), &before, at(9)),
        Step::WaitToStage { until: at(10) }
    );
    assert_eq!(
        next(Some(&order), &before, at(10)),
        Step::Stage { older: false }
    );
    let staged = has("1.0.0", "1.1.0");
    assert_eq!(
        next(Some(&order), &staged, at(10)),
        Step::WaitToSwap { until: at(10) },
        "to be noted"
    );
    order.swap_at = Some(at(20));
    assert_eq!(
        next(Some(&order), &staged, at(19)),
        Step::WaitToSwap { until: at(20) }
    );
    assert_eq!(next(Some(&order), &staged, at(20)), Step::Swap);
    assert_eq!(
        next(Some(&order), &has("1.1.0", "1.1.0"), at(20)),
        Step::Arrived
    );
    order.tried_at = Some(at(21));
    assert_eq!(
        next(Some(&order), &staged, at(22)),
        Step::WaitToSwap { until: at(621) }
    );
    assert_eq!(
        next(Some(&order), &staged, at(621)),
        Step::Swap,
        "it was not condemned"
    );
    order.refused = Some(Refused {
        reason: "recalled".into(),
        detail: String::new(),
    });
    assert!(step(&order, &before, 700).contains("recalled"));
    assert_eq!(
        next(Some(&order), &has("1.1.0", "1.1.0"), at(700)),
        Step::Arrived,
        "it runs all the same"
    );
}

#[test]
fn a_downgrade_is_an_ordered_one_and_stands_where_it_must() {
    let mut order = ordered("1.1.0");
    order.stands_until = Some(at(60));
    let newer = has("1.2.0", "1.2.0");
    assert_eq!(
        next(Some(&order), &newer, at(59)),
        Step::Stands { until: at(60) }
    );
    assert_eq!(
        next(Some(&order), &newer, at(60)),
        Step::Stage { older: true }
    );
    let waits = has("1.1.0", "1.3.0");
    order.stands_until = None;
    assert_eq!(
        next(Some(&order), &waits, at(0)),
        Step::Stage { older: true },
        "something newer waits"
    );
    assert_eq!(
        next(Some(&order), &has("", "1.0.0"), at(0)),
        Step::Stage { older: false }
    );
}
