//! A device tells that it lives, and how it is, without anything happening.

use std::time::Duration;

use broker::Broker;
use fleet::agent::{News, Pace};
use fleet::{Event, Heartbeat};
use futures_util::StreamExt as _;
use rollout::Position;
use rollout::fleet::Subject;

use crate::played::Played;
use crate::scene::{Operator, PATIENCE, name, names, prepared, settings};

#[tokio::test]
async fn it_beats_in_its_rhythm_with_bucket_uptime_and_failures() {
    let broker = Broker::start();
    let _operator = Operator::makes_a_fleet(&broker.url(), 1).await;
    let client = fleet::connect(&settings(&broker.url())).await.unwrap();
    let device = name("device-a");
    let heard = client.subscribe(names().heartbeat(&device)).await.unwrap();
    client.flush().await.unwrap();
    let mut heard = heard
        .map(|message| serde_json::from_slice::<Heartbeat>(&message.payload).expect("a heartbeat"));

    let dir = tempfile::tempdir().unwrap();
    let every = Duration::from_secs(1);
    let pace = Pace {
        every,
        soon: Duration::from_millis(1),
    };
    let prepared = prepared(settings(&broker.url()), dir.path(), pace);
    let reporter = prepared.reporter();
    let failed = "1.2.0".parse().unwrap();
    let news = News::new(Subject::Runtime, Event::FellBack, Some(failed));
    assert!(reporter.tell(news).await);
    let _agent = prepared.follow(Played::running("1.1.0"), None);

    let mut beats = Vec::new();
    let listening = async {
        while beats.len() < 4 {
            let beat = heard.next().await.unwrap();
            // What is told once at the start, until it has looked at what runs, is no beat of the rhythm.
            if beat.runtime.version.is_some() && beat.unsent == 0 {
                beats.push(beat);
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
    for pair in beats.windows(2) {
        let gap = pair[1].at.duration_since(pair[0].at).unsigned_abs();
        // A tenth less than the rhythm at least; when at most is the machine's to say.
        assert!(gap >= every * 89 / 100, "{gap:?}");
        assert!(pair[1].uptime_seconds >= pair[0].uptime_seconds);
    }
    let last = beats.last().unwrap();
    assert!(last.uptime_seconds >= 2, "{last:?}");
    assert_eq!(last.failures.fell_back, 1, "{last:?}");
    let version = "1.1.0".parse().unwrap();
    assert_eq!(last.bucket, Position::of("device-a", &version).bucket());
    assert_eq!(last.groups, [name("kiosks")]);
}
