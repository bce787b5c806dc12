//! Reports: on disk first, in order, once.

use broker::Broker;
use fleet::Event;
use fleet::agent::{Agent, News};
use rollout::fleet::Subject;

use crate::played::Played;
use crate::scene::{Operator, agent, settings, until};

async fn tells(agent: &Agent, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let news = News::new(Subject::Runtime, Event::Checked, None);
        agent
            .reporter()
            .tell(news.because("test", &n.to_string()))
            .await;
    }
}

async fn told(operator: &Operator, last: u32) -> Vec<u32> {
    let reports = operator
        .reads_reports(|it| it.detail == last.to_string())
        .await;
    assert!(
        reports.windows(2).all(|two| two[0].seq < two[1].seq),
        "numbers grow"
    );
    reports
        .iter()
        .map(|it| it.detail.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn what_happens_without_a_broker_is_told_once_there_is_one_in_order_and_once() {
    let mut broker = Broker::start();
    let url = broker.url();
    Operator::makes_a_fleet(&url, 1).await;
    broker.kill();
    let dir = tempfile::tempdir().unwrap();
    let first = agent(settings(&url), dir.path(), Played::running("1.0.0"));
    tells(&first, 0..20).await;
    // The device is restarted before anything was sent.
    drop(first);
    let again = agent(settings(&url), dir.path(), Played::running("1.0.0"));
    assert_eq!(again.status().borrow().unsent, 20);
    broker.restart();
    tells(&again, 20..40).await;
    until(&again, "all sent", |it| it.unsent == 0).await;
    let operator = Operator::connect(&url).await;
    assert_eq!(told(&operator, 39).await, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn neither_a_broker_that_dies_again_and_again_nor_a_device_that_does_makes_one_count_twice() {
    let mut broker = Broker::start();
    let url = broker.url();
    Operator::makes_a_fleet(&url, 1).await;
    let dir = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 0..4 {
        let device = agent(settings(&url), dir.path(), Played::running("1.0.0"));
        tells(&device, next..next + 25).await;
        next += 25;
        if round % 2 == 0 {
            // In the middle of sending, wherever that is.
            broker.kill();
            tells(&device, next..next + 5).await;
            next += 5;
            broker.restart();
        }
        // And so does the device: what was sent and not yet noted as sent is sent again.
        drop(device);
    }
    let last = agent(settings(&url), dir.path(), Played::running("1.0.0"));
    until(&last, "all sent", |it| it.unsent == 0 && it.is_connected).await;
    let operator = Operator::connect(&url).await;
    assert_eq!(
        told(&operator, next - 1).await,
        (0..next).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_the_broker_has_already_is_not_sent_again_however_long_ago_that_was() {
    let broker = Broker::start();
    let operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let dir = tempfile::tempdir().unwrap();
    let device = agent(
        settings(&broker.url()),
        dir.path(),
        Played::running("1.0.0"),
    );
    tells(&device, 0..3).await;
    until(&device, "all sent", |it| it.unsent == 0).await;
    drop(device);
    // The disk as it was before the answers came, and a broker that has forgotten which ids it saw.
    let line = |seq: u64, n: u64| {
        format!(
            "{{\"device\":\"device-a\",\"seq\":{seq},\"at\":\"2026-06-12T08:00:00Z\",\"subject\":\"runtime\",\
             \"event\":\"checked\",\"version\":null,\"detail\":\"{n}\"}}\n"
        )
    };
    let reports = operator.reads_reports(|it| it.detail == "2").await;
    let outbox: String = (0_u64..)
        .zip(&reports)
        .map(|(n, report)| line(report.seq, n))
        .collect();
    std::fs::write(dir.path().join("outbox.jsonl"), outbox).unwrap();
    std::fs::remove_file(dir.path().join("outbox.json")).unwrap();
    let stream = operator
        .jetstream
        .get_stream("refit-reports")
        .await
        .unwrap();
    let mut config = stream.cached_info().config.clone();
    config.duplicate_window = std::time::Duration::from_millis(100);
    operator.jetstream.update_stream(config).await.unwrap();
    let again = agent(
        settings(&broker.url()),
        dir.path(),
        Played::running("1.0.0"),
    );
    tells(&again, 3..4).await;
    assert_eq!(told(&operator, 3).await, [0, 1, 2, 3]);
}
